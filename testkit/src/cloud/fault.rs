//! Faults, and when they happen.

use super::record::Request;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a request does, named alike in every dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Writes a whole object by one request.
    Put,
    /// Begins a multipart upload. Azure has no such request.
    CreateMultipart,
    /// Writes or copies one part or block, or appends to a file of Data Lake Storage.
    Part,
    /// Publishes the parts; in Azure, a block list, or what was appended.
    Complete,
    /// Drops a multipart upload. Azure has no such request.
    Abort,
    /// Reads an object.
    Get,
    /// Reads a range of an object.
    RangedGet,
    /// Reads what is known of an object.
    Head,
    /// Lists objects, versions or unfinished uploads.
    List,
    /// Deletes one object or a batch.
    Delete,
    /// Copies, rewrites or composes objects inside the store.
    Copy,
    /// Everything else: buckets, their settings, accounts.
    Other,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 12] = [
        Self::Put,
        Self::CreateMultipart,
        Self::Part,
        Self::Complete,
        Self::Abort,
        Self::Get,
        Self::RangedGet,
        Self::Head,
        Self::List,
        Self::Delete,
        Self::Copy,
        Self::Other,
    ];
}

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An error status, with the vendor's own body. See [`Fault::status`].
    Status {
        /// The status, such as 503.
        code: u16,
        /// The vendor's error code, such as `SlowDown`; by default the usual one for the status.
        vendor: Option<String>,
        /// What `Retry-After` says, in whole seconds, rounded up; by default there is none.
        retry_after: Option<Duration>,
        /// Whether the request is carried out all the same: the writer's own success looks like a failure.
        applied: bool,
    },
    /// The connection is reset; nothing is carried out.
    ResetBefore,
    /// The connection is reset after the request was carried out.
    ResetAfter,
    /// No answer ever comes; nothing is carried out.
    Stall,
    /// No answer ever comes, though the request was carried out.
    StallAfter,
    /// Half of the answer's body comes, and no more.
    StallBody,
    /// Half of the body comes, then the connection is closed: fewer bytes than Content-Length says. An answer without
    /// a body promises one. An answer to HEAD has none to be cut.
    TruncatedBody,
    /// A complete answer of half the bytes, whose Content-Length agrees with it; Content-Range still says what was asked.
    WrongLength,
    /// The answer names another ETag than the object has.
    WrongEtag,
    /// The credentials are refused because they have expired, in the vendor's own form: 400 in S3, 401 in Google's
    /// storage, in Azure 401 for a bearer token and 403 for a signature.
    ExpiredToken,
    /// The answer is right, and late.
    Latency(Duration),
}

impl Fault {
    /// An error status with the vendor's usual code; nothing is carried out.
    pub const fn status(code: u16) -> Self {
        Self::Status {
            code,
            vendor: None,
            retry_after: None,
            applied: false,
        }
    }

    /// An error status for a request that was carried out.
    pub const fn status_after(code: u16) -> Self {
        Self::Status {
            code,
            vendor: None,
            retry_after: None,
            applied: true,
        }
    }

    /// An error status with the server's own wish for a delay.
    pub const fn retry_after(code: u16, delay: Duration) -> Self {
        Self::Status {
            code,
            vendor: None,
            retry_after: Some(delay),
            applied: false,
        }
    }

    /// An error status with an error code of the vendor's.
    pub fn vendor(code: u16, vendor: &str) -> Self {
        Self::Status {
            code,
            vendor: Some(vendor.to_owned()),
            retry_after: None,
            applied: false,
        }
    }

    /// Whether the request is carried out although it fails.
    pub(super) fn applied(&self) -> bool {
        match self {
            Self::Status { applied, .. } => *applied,
            Self::ResetBefore | Self::Stall | Self::ExpiredToken => false,
            _ => true,
        }
    }
}

type Predicate = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Which requests have a fault: by default the first of its operation.
#[derive(Clone)]
pub struct When {
    operation: Option<Operation>,
    prefix: Option<String>,
    predicate: Option<Predicate>,
    nth: u64,
    times: u64,
}

macro_rules! operations {
    ($($name:ident $operation:ident),*) => {$(
        #[doc = concat!("Meets [`Operation::", stringify!($operation), "`].")]
        pub fn $name() -> Self {
            Self::operation(Operation::$operation)
        }
    )*};
}

impl When {
    /// Meets one operation.
    pub fn operation(operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..Self::any()
        }
    }

    /// Meets every request.
    pub fn any() -> Self {
        Self {
            operation: None,
            prefix: None,
            predicate: None,
            nth: 1,
            times: 1,
        }
    }

    operations!(put Put, create_multipart CreateMultipart, part Part, complete Complete, abort Abort, get Get,
        ranged_get RangedGet, head Head, list List, delete Delete, copy Copy, other Other);

    /// Meets only requests that name a key with this prefix; a list, by its own prefix.
    #[must_use]
    pub fn on(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// Meets only requests of which this is true.
    #[must_use]
    pub fn matching(mut self, predicate: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// Begins with the nth request that is met, counted from 1 when the fault was added; 1 by default. Requests that meet a
    /// fault added before are not counted.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth.max(1);
        self
    }

    /// Lasts for so many requests; 1 by default.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Lasts until the faults are taken away.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    fn meets(&self, request: &Request) -> bool {
        let named = |prefix: &String| request.keys.iter().any(|key| key.starts_with(prefix));
        self.operation.is_none_or(|operation| operation == request.operation)
            && self.prefix.as_ref().is_none_or(named)
            && self.predicate.as_ref().is_none_or(|predicate| predicate(request))
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When")
            .field("operation", &self.operation)
            .field("prefix", &self.prefix)
            .field("nth", &self.nth)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// The faults of one double.
#[derive(Default)]
pub(super) struct Script(Vec<(When, Fault, u64)>);

impl Script {
    pub(super) fn add(&mut self, when: When, fault: Fault) {
        self.0.push((when, fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault of a request: the first that is due. A request that meets a fault is not counted by the rules after it, so
    /// that faults of one operation follow each other.
    pub(super) fn next(&mut self, request: &Request) -> Option<Fault> {
        for (when, fault, met) in self.0.iter_mut().filter(|(when, ..)| when.meets(request)) {
            *met += 1;
            if *met >= when.nth && *met - when.nth < when.times {
                return Some(fault.clone());
            }
        }
        None
    }
}
