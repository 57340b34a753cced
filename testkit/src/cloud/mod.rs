//! Doubles of three object stores: one HTTP server in the process that speaks S3, Google's XML and JSON, or Azure Blob,
//! and fails as it is told.
//!
//! A double is for tests of a client: what it sends ([`Cloud::requests`]), what it makes of every failure
//! ([`Cloud::fail`]), and what is stored afterwards ([`Cloud::object`]). Preconditions are judged and applied in one step, so
//! races end as they do at the vendor. It is our own reading of the protocols, hence no independent witness: signatures are not
//! checked, and what it does not know answers `NotImplemented` or is passed over.
//!
//! ```
//! # use larder_testkit::cloud::{Cloud, Dialect, Fault, When};
//! # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
//! let cloud = Cloud::start(Dialect::S3).await.with_versioning();
//! cloud.create_bucket("data");
//! // The second put of a key below `reports/` is carried out, but its answer is lost.
//! cloud.fail(When::put().on("reports/").nth(2), Fault::ResetAfter);
//! cloud.put_directly("reports/a", "1");
//! assert!(cloud.object("reports/a").is_some());
//! # });
//! ```
//!
//! The server has a thread and a clock of its own; a test whose clock is paused can talk to it. It listens on 127.0.0.1, on a
//! port that the system chooses, and ends when the [`Cloud`] is dropped.

mod azure;
mod call;
mod chunked;
mod conditions;
mod connection;
mod content;
mod dates;
mod error;
mod fault;
mod gcs;
mod inspect;
mod list;
mod object;
mod record;
mod reply;
mod s3;
mod server;
mod state;
mod usage;
mod xml;

pub use fault::{Fault, Operation, When};
pub use inspect::{Stored, Unfinished};
pub use record::Request;
pub use usage::counts_requests;

use fault::Script;
use server::{Shared, lock, serve};
use state::{State, Versioning};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a double speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Amazon S3, with the bucket in the path.
    S3,
    /// Google Cloud Storage: the XML interface, and of the JSON interface what concerns generations.
    Gcs,
    /// Azure Blob Storage, with the account in the path or not.
    Azure,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::S3, Self::Gcs, Self::Azure];

    /// What the vendor's own headers begin with.
    pub(in crate::cloud) fn prefix(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-",
            Self::Gcs => "x-goog-",
            Self::Azure => "x-ms-",
        }
    }
}

/// The account of an Azure double.
pub const ACCOUNT: &str = "devstoreaccount1";

/// A running double.
pub struct Cloud {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Cloud {
    /// Starts a double without buckets.
    ///
    /// # Panics
    ///
    /// If the system gives no port on 127.0.0.1, or no thread.
    #[allow(
        clippy::unused_async,
        reason = "callers await it, so that it may become asynchronous"
    )]
    pub async fn start(dialect: Dialect) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(dialect)),
            script: Mutex::default(),
            requests: Mutex::default(),
            latency: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime for the double").block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket for the runtime");
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("cloud double".to_owned()).spawn(work);
        let thread = Some(thread.expect("a thread for the double"));
        Self {
            shared,
            address,
            stop: Some(stop),
            thread,
        }
    }

    /// The URL that clients are given; for Azure it ends with the [`ACCOUNT`].
    pub fn endpoint(&self) -> String {
        match self.dialect() {
            Dialect::Azure => format!("http://{}/{ACCOUNT}", self.address),
            _ => format!("http://{}", self.address),
        }
    }

    /// What it speaks.
    pub fn dialect(&self) -> Dialect {
        lock(&self.shared.state).dialect
    }

    /// Keeps old versions in every bucket, those that exist and those to come.
    #[must_use]
    pub fn with_versioning(self) -> Self {
        {
            let mut state = lock(&self.shared.state);
            state.options.versioning = true;
            for bucket in state.buckets.values_mut() {
                bucket.versioning = Versioning::Enabled;
            }
        }
        self
    }

    /// Has a hierarchical namespace, as Azure Data Lake Storage Gen2: directories are listed as empty blobs, stay when they are
    /// empty, and are deleted only then.
    #[must_use]
    pub fn with_hierarchy(self) -> Self {
        lock(&self.shared.state).options.hierarchical = true;
        self
    }

    /// Refuses to complete an upload of which a part but the last has less than 5 MiB, as S3 does.
    #[must_use]
    pub fn refusing_small_parts(self) -> Self {
        lock(&self.shared.state).options.refuse_small_parts = true;
        self
    }

    /// Counts the bytes of objects and parts that are longer than `longest` bytes, drops them, and answers reads with zeros: for values
    /// that memory does not hold. Their ETag is still that of what was sent.
    #[must_use]
    pub fn discarding_over(self, longest: u64) -> Self {
        lock(&self.shared.state).options.keep = longest;
        self
    }

    /// Refuses every request whose credentials do not name this access key id, token or account. Signatures are not checked.
    #[must_use]
    pub fn expecting_credential(self, name: &str) -> Self {
        lock(&self.shared.state).options.credential = Some(name.to_owned());
        self
    }

    /// Refuses S3 requests that are signed for another region.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        lock(&self.shared.state).options.region = Some(region.to_owned());
        self
    }

    /// Delays every answer, from now on.
    pub fn delay(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// Makes a bucket or container; the first is the one that [`object`](Self::object) and others mean.
    pub fn create_bucket(&self, name: &str) {
        // A bucket that is there already is what was wanted.
        let _ = lock(&self.shared.state).create(name);
    }

    /// Adds a fault. Of several that are due, the one added first happens; two for the first put happen to the first and the second.
    pub fn fail(&self, when: When, fault: Fault) {
        lock(&self.shared.script).add(when, fault);
    }

    /// Takes every fault away.
    pub fn heal(&self) {
        let script: &mut Script = &mut lock(&self.shared.script);
        script.clear();
    }

    /// Every request since the start or since [`forget`](Self::forget), in the order in which their bodies were complete.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The requests of one operation.
    pub fn requests_of(&self, operation: Operation) -> Vec<Request> {
        let all = self.requests();
        all.into_iter()
            .filter(|request| request.operation == operation)
            .collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.shared.requests).clear();
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by a panic.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cloud({:?}, {})", self.dialect(), self.endpoint())
    }
}
