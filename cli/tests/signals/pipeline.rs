//! A pipeline that tells when it is in a phase, and stays there.

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use larder_executor::{Asset, Check, Definitions};
use larder_io_core::{
    Blob, InputContext, IoManager, Location, Maintenance, ManagerInfo, ManagerUrl, OutputContext, Receipt, Result,
    Staged, Value, Versions, async_trait,
};
use std::future::pending;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;

/// The variable with the phase; `none` holds nothing.
pub(crate) const PHASE: &str = "LARDER_TEST_PHASE";
/// The variable with the socket on which the phase is told.
pub(crate) const SOCKET: &str = "LARDER_TEST_SOCKET";
/// The variable with what `held` is worth.
pub(crate) const VALUE: &str = "LARDER_TEST_VALUE";

/// All of them: `blocking` and `busy` are computations that hear nobody, the second on a thread of the runtime; `staged` and `published` are
/// before and after the one atomic step.
pub(crate) const PHASES: [&str; 8] = [
    "load",
    "compute",
    "blocking",
    "busy",
    "store",
    "check",
    "staged",
    "published",
];

/// Bytes of the value that are written before the phase `store`.
const WRITTEN: usize = 1 << 20;

/// Whether this is the phase; then whoever waits is told so, with the process.
fn reached(phase: &str) -> bool {
    let is = std::env::var(PHASE).is_ok_and(|wanted| wanted == phase);
    if is && let Some(path) = std::env::var_os(SOCKET) {
        let told = UnixDatagram::unbound().and_then(|socket| socket.send_to(&std::process::id().to_le_bytes(), path));
        told.expect("somebody waits");
    }
    is
}

async fn hold(phase: &str) {
    if reached(phase) {
        pending::<()>().await;
    }
}

/// The value of `held`, which is whole or nothing.
pub(crate) fn value(text: &str) -> Bytes {
    let mut value = vec![b'.'; WRITTEN];
    value.extend_from_slice(text.as_bytes());
    value.into()
}

/// A stream that stops in its middle.
fn streamed(text: &str) -> Blob {
    let whole = value(text);
    let (first, rest) = (whole.slice(..WRITTEN), whole.slice(WRITTEN..));
    let rest = stream::once(async move {
        hold("store").await;
        Ok(rest)
    });
    // Enough that some of it is on the disk, whatever is buffered.
    let times = if std::env::var(PHASE).is_ok_and(|phase| phase == "store") {
        40
    } else {
        1
    };
    let first = stream::iter(std::iter::repeat_n(first, times).map(Ok));
    Blob::from_stream(first.chain(rest).boxed())
}

/// `base`, and `held`, which takes it. Everything is in the home directory.
pub(crate) fn definitions() -> Definitions {
    let home = std::env::var("LARDER_HOME").unwrap_or_default();
    stored(Path::new(&home))
}

pub(crate) fn stored(home: &Path) -> Definitions {
    let base = Asset::builder("base").function(|_| async { Ok(1_u64) });
    let held = Asset::builder("held")
        .input::<u64>("base")
        .function(|mut args| async move {
            let _: u64 = args.input().await?;
            hold("compute").await;
            if reached("busy") {
                loop {
                    std::thread::park();
                }
            }
            let stays = || {
                if reached("blocking") {
                    loop {
                        std::thread::park();
                    }
                }
                Ok::<_, larder_io_core::Error>(())
            };
            let _ = larder_executor::blocking(stays).await?;
            Ok(streamed(&std::env::var(VALUE).unwrap_or_default()))
        });
    let checked = Check::builder("held").asset("held").blocking().function(|_| async {
        hold("check").await;
        Ok(true)
    });
    let url: ManagerUrl = format!("file:{}", home.join("storage").display())
        .parse()
        .expect("is a URL");
    let disk = larder_io_fs::backend().open(&url).expect("opens");
    Definitions::new()
        .without_config()
        .assets([base, held])
        .checks([checked])
        .default_io_manager(Arc::new(Holding(disk)))
}

/// A disk that tells its phases.
#[derive(Debug)]
struct Holding(Arc<dyn IoManager>);

#[async_trait]
impl IoManager for Holding {
    fn info(&self) -> &ManagerInfo {
        self.0.info()
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        Ok(Box::new(Held(self.0.stage(ctx, value).await?)))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        hold("load").await;
        self.0.load_input(ctx).await
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        self.0.head(ctx).await
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        self.0.delete(ctx).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        self.0.list(prefix)
    }

    fn versions(&self) -> Option<&dyn Versions> {
        self.0.versions()
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.0.maintenance()
    }
}

struct Held(Box<dyn Staged>);

#[async_trait]
impl Staged for Held {
    fn receipt(&self) -> &Receipt {
        self.0.receipt()
    }

    async fn load(&self) -> Result<Value> {
        self.0.load().await
    }

    async fn publish(&mut self) -> Result<Receipt> {
        hold("staged").await;
        let receipt = self.0.publish().await?;
        hold("published").await;
        Ok(receipt)
    }

    async fn discard(&mut self) -> Result<()> {
        self.0.discard().await
    }
}
