//! Ctrl-C during `doctor`, in a process of its own: the signal would reach every command in it.
#![cfg(unix)]

use futures_util::stream::BoxStream;
use larder_executor::{Asset, Definitions};
use larder_io_core::{
    InputContext, IoManager, Location, ManagerInfo, OutputContext, Receipt, Result, Staged, Value, async_trait,
};
use larder_io_memory::MemoryIo;
use rustix::process::{Signal, getpid, kill_process};
use std::ffi::OsString;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Its loads never end: the first of them presses Ctrl-C.
#[derive(Debug)]
struct Interrupting(MemoryIo, AtomicBool);

#[async_trait]
impl IoManager for Interrupting {
    fn info(&self) -> &ManagerInfo {
        self.0.info()
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        self.0.stage(ctx, value).await
    }

    async fn load_input(&self, _: &InputContext) -> Result<Value> {
        // The command listened before it asked for anything. A second one would end it at once.
        if !self.1.swap(true, Ordering::Relaxed) {
            kill_process(getpid(), Signal::INT).expect("is sent");
        }
        pending().await
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
}

#[test]
fn an_interrupted_examination_removes_what_it_wrote() {
    let memory = MemoryIo::new();
    let definitions = Definitions::new()
        .without_config()
        .variables([])
        .asset(Asset::builder("value").function(|_| async { Ok(1_u8) }))
        .default_io_manager(Arc::new(Interrupting(memory.clone(), AtomicBool::new(false))));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["flights", "doctor"].map(OsString::from);
    let code = larder_cli::run(definitions, args, &mut out, &mut err, false);
    let (out, err) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    assert_eq!(code, 130, "{out}{err}");
    assert!(
        err.starts_with("interrupted; what was written to examine was removed"),
        "{err}"
    );
    let is = |what: &str, how: &str| out.lines().any(|line| line.starts_with(what) && line.contains(how));
    assert!(is("read", "stopped") && is("delete", "nothing is left"), "{out}");
    assert_eq!(format!("{memory:?}"), "MemoryIo(0 values, last 5 of each)");
}
