//! How each vendor is opened, and in what it differs.

use crate::step::Step;
use crate::trouble::Trouble;
use larder::IoManager;
use larder_io_adls::AdlsConfig;
use larder_io_core::Secret;
use larder_io_gcs::GcsConfig;
use larder_io_object::Transfer;
use larder_io_object::http::Transport;
use larder_io_s3::S3Config;
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};
use std::sync::Arc;
use std::time::Duration;

/// Times a request is sent at most.
pub(crate) const ATTEMPTS: u32 = 3;

/// The smallest part that S3 and Google take.
pub(crate) const PART_BYTES: usize = 5 << 20;

/// Patience with servers that answer: a busy machine must not look like a stall.
const LONG: Duration = Duration::from_secs(60);

/// Patience with servers that do not.
const SHORT: Duration = Duration::from_millis(800);

/// What must not be told to anybody; the last is the first in base64.
pub(crate) const SECRETS: [&str; 3] = [
    "a-secret-of-the-test",
    "a-token-of-the-test",
    "YS1zZWNyZXQtb2YtdGhlLXRlc3Q=",
];

/// One vendor.
#[derive(Debug)]
pub(crate) struct Vendor {
    /// What its double speaks.
    pub(crate) dialect: Dialect,
    /// Opens a manager on a double with a bucket named `bucket`, which waits so long for an answer.
    open: fn(&Cloud, Duration) -> Arc<dyn IoManager>,
    /// Receipts that lie beside an uploaded value: 1, or 0 where its metadata can still be set when it is published.
    pub(crate) receipts_beside: usize,
}

/// Amazon S3.
pub(crate) static S3: Vendor = Vendor {
    dialect: Dialect::S3,
    open: |cloud, patience| {
        let mut config = S3Config::new("bucket", "lake/one");
        config.endpoint = Some(cloud.endpoint());
        config.access_key_id = Some("id".to_owned());
        config.secret_access_key = Some(Secret::new(SECRETS[0]));
        config.session_token = Some(Secret::new(SECRETS[1]));
        config.part_bytes = PART_BYTES;
        config.transfer = transfer();
        config.http = transport(patience);
        Arc::new(config.open().expect("opens"))
    },
    receipts_beside: 1,
};

/// Google Cloud Storage.
pub(crate) static GCS: Vendor = Vendor {
    dialect: Dialect::Gcs,
    open: |cloud, patience| {
        let mut config = GcsConfig::new("bucket", "lake/one");
        config.endpoint = Some(cloud.endpoint());
        config.access_token = Some(Secret::new(SECRETS[1]));
        config.part_bytes = PART_BYTES;
        config.transfer = transfer();
        config.http = transport(patience);
        Arc::new(config.open().expect("opens"))
    },
    receipts_beside: 0,
};

/// Azure.
pub(crate) static AZURE: Vendor = Vendor {
    dialect: Dialect::Azure,
    open: |cloud, patience| {
        let mut config = AdlsConfig::new(ACCOUNT, "bucket", "lake/one");
        config.endpoint = Some(cloud.endpoint());
        config.access_key = Some(Secret::new(SECRETS[2]));
        config.part_bytes = PART_BYTES;
        config.transfer = transfer();
        config.http = transport(patience);
        Arc::new(config.open().expect("opens"))
    },
    receipts_beside: 0,
};

/// A large value comes in two ranges, one after the other, so that requests can be counted.
fn transfer() -> Transfer {
    let mut transfer = Transfer::default();
    transfer.range_bytes = 3 << 20;
    transfer.ranges_in_flight = 1;
    transfer
}

fn transport(patience: Duration) -> Transport {
    let mut transport = Transport::default();
    transport.attempts = ATTEMPTS;
    transport.first_delay = Duration::from_millis(1);
    transport.longest_delay = Duration::from_millis(5);
    transport.read_timeout = patience;
    transport
}

impl Vendor {
    /// A manager for a trouble.
    pub(crate) fn manager(&self, cloud: &Cloud, trouble: Trouble) -> Arc<dyn IoManager> {
        (self.open)(cloud, if trouble.stalls() { SHORT } else { LONG })
    }

    /// A manager without troubles.
    pub(crate) fn healthy(&self, cloud: &Cloud) -> Arc<dyn IoManager> {
        (self.open)(cloud, LONG)
    }

    /// Whether the vendor sends such a request.
    pub(crate) fn has(&self, step: Step) -> bool {
        match step {
            // Blocks need no beginning, and a block that is not named in a list has no end.
            Step::Create => self.dialect != Dialect::Azure,
            Step::PutReceipt | Step::GetReceipt => self.receipts_beside > 0,
            Step::Join => self.dialect == Dialect::Gcs,
            _ => true,
        }
    }

    /// Whether an upload that failed can be taken away.
    pub(crate) fn can_abort(&self) -> bool {
        self.dialect != Dialect::Azure
    }

    /// Whether the answer to a success has a body.
    pub(crate) fn answers(&self, step: Step) -> bool {
        match step {
            Step::Get | Step::GetFront | Step::RangedGet | Step::GetReceipt | Step::List => true,
            Step::Create | Step::Join | Step::Complete | Step::CompleteAbsent | Step::CompleteUnchanged => {
                self.dialect != Dialect::Azure
            }
            // A batch is answered key by key.
            Step::Delete => self.dialect == Dialect::S3,
            _ => false,
        }
    }

    /// Whether 503 says that the server is busy, instead of that it is down.
    pub(crate) fn says_busy(&self, step: Step) -> bool {
        match self.dialect {
            // `SlowDown` stands in the body, which the answer to a HEAD has not.
            Dialect::S3 => step != Step::Head,
            Dialect::Gcs => false,
            Dialect::Azure => true,
        }
    }
}
