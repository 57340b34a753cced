//! Settings of storage on Google Cloud Storage.

use crate::target::Buckets;
use larder_io_core::{Backend, Environment, Error, ErrorKind, IoManager, ManagerUrl, Result, Secret, Target};
use larder_io_object::http::{Transport, check_endpoint};
use larder_io_object::{Compression, ObjectFormat, ObjectIo, ParquetSettings, Settings, TableFormat, Transfer};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The URL scheme.
const SCHEME: &str = "gs";

/// Google's own address.
pub(crate) const ENDPOINT: &str = "https://storage.googleapis.com";

/// The part sizes that Google takes begin here; only the last part may be smaller.
/// <https://cloud.google.com/storage/quotas#requests>
const SMALLEST_PART: usize = 5 << 20;

/// Bytes of custom metadata of one object, names and values. <https://cloud.google.com/storage/quotas#objects>
const METADATA_BYTES: usize = 8 << 10;

/// Settings of storage on Google Cloud Storage; as a URL, `gs://bucket/prefix?storage_class=NEARLINE`.
///
/// Of the credentials the first counts that is given: `anonymous`, `access_token`, `service_account`, `service_account_path`. With any of
/// them no other source is asked, no metadata address either. Without, Google's own chain is: the file of `gcloud auth
/// application-default login`, then the instance's.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GcsConfig {
    /// The bucket.
    #[serde(skip)]
    pub bucket: String,
    /// What every name begins with, without slashes at its ends; may be empty.
    #[serde(skip)]
    pub prefix: String,
    /// Another address than Google's own, such as `http://127.0.0.1:4443`; `http:` turns encryption of the connection off,
    /// and without credentials in these settings requests to it are anonymous. Default `STORAGE_EMULATOR_HOST`, to which only
    /// credentials of the URL or of the code are sent.
    pub endpoint: Option<String>,
    /// Whether requests are not signed at all, for public buckets and emulators. Default false.
    pub anonymous: bool,
    /// A token of OAuth 2.0, as `gcloud auth print-access-token` prints it; nobody renews it.
    #[schemars(with = "Option<String>")]
    pub access_token: Option<Secret>,
    /// The key of a service account, in JSON; with the feature `sdk`, other credentials that Google's tools write, too.
    #[schemars(with = "Option<String>")]
    pub service_account: Option<Secret>,
    /// A file of the same. Default `GOOGLE_APPLICATION_CREDENTIALS`.
    pub service_account_path: Option<String>,
    /// The project that pays for requests, for buckets that want the requester to pay. Default `GOOGLE_CLOUD_QUOTA_PROJECT`.
    pub user_project: Option<String>,
    /// The key of Cloud KMS that new values are encrypted with, as `projects/../locations/../keyRings/../cryptoKeys/..`. Default
    /// the bucket's.
    pub kms_key_name: Option<String>,
    /// A 256-bit key of your own, in base64, that is sent with every request and kept nowhere. Whoever loses it loses
    /// the values.
    #[schemars(with = "Option<String>")]
    pub customer_key: Option<Secret>,
    /// The storage class of new values, such as `NEARLINE`. Default the bucket's.
    pub storage_class: Option<String>,
    /// Metadata of every new value, besides the receipt that larder adds; in ASCII, names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// Whether generations that the bucket keeps are used for history. Default true.
    pub versions: bool,
    /// Whether preconditions hold for values above `part_bytes`, too, which costs a rewrite for each. Default true.
    pub preconditions: bool,
    /// How objects are encoded: `json` (default), `msgpack`, `pickle`.
    pub object: ObjectFormat,
    /// How tables are encoded: `parquet` (default), `arrow`, `csv`, `ndjson`, `avro`; `auto` is parquet here, and
    /// large sequences of structs are tables too.
    pub table: TableFormat,
    /// The codec of Parquet pages: `zstd` (default), `snappy`, `lz4`, `none`.
    pub compression: Compression,
    /// How Parquet files are written.
    pub parquet: ParquetSettings,
    /// Structs or maps from which a sequence of them is stored in the table format. Default never, with `table = "auto"`
    /// 10,000; 0 is never.
    pub rows_as_table: Option<usize>,
    /// Whether every load compares the stored hash first, which reads the value twice. Default false.
    pub verify: bool,
    /// Bytes of the first parts of an upload; smaller values are one put. Default 8 MiB, range 5 MiB to 1 GiB. Parts
    /// grow, so that 10,000 of them are never the limit.
    pub part_bytes: usize,
    /// How values are moved.
    pub transfer: Transfer,
    /// How requests are sent.
    pub http: Transport,
}

impl Default for GcsConfig {
    fn default() -> Self {
        let formats = Settings::default();
        Self {
            bucket: String::new(),
            prefix: String::new(),
            endpoint: None,
            anonymous: false,
            access_token: None,
            service_account: None,
            service_account_path: None,
            user_project: None,
            kms_key_name: None,
            customer_key: None,
            storage_class: None,
            metadata: BTreeMap::new(),
            versions: true,
            preconditions: true,
            object: formats.object,
            table: formats.table,
            compression: formats.compression,
            parquet: formats.parquet,
            rows_as_table: formats.rows_as_table,
            verify: formats.verify,
            part_bytes: formats.part_bytes,
            transfer: Transfer::default(),
            http: Transport::default(),
        }
    }
}

/// Settings that say who we are; variables give them when none of them stands in the URL or the code.
const CREDENTIALS: [&str; 4] = ["anonymous", "access_token", "service_account", "service_account_path"];

/// larder's own variables (`LARDER_GCS_` and the name of the setting), then Google's.
/// <https://cloud.google.com/docs/authentication/application-default-credentials>
fn environment() -> Environment {
    let files = [
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ];
    Environment::of_schema("LARDER_GCS", &backend().schema())
        .also("service_account", &["GOOGLE_SERVICE_ACCOUNT_KEY"])
        .also("service_account_path", &files)
        .also("user_project", &["GOOGLE_CLOUD_QUOTA_PROJECT"])
}

/// The variable by which Google's libraries are sent to an emulator.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";

impl GcsConfig {
    /// Default settings for a bucket and a prefix.
    pub fn new(bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: prefix.into(),
            ..Self::default()
        }
    }

    /// Reads the settings of a URL and of the environment.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting, or a URL without a bucket.
    pub fn from_url(url: &ManagerUrl) -> Result<Self> {
        let names = url.setting_names();
        let given = |wanted: &str| names.iter().any(|name| name == wanted);
        let own = CREDENTIALS.into_iter().any(given);
        let emulator = (!given("endpoint") && url.variable("LARDER_GCS_ENDPOINT").is_none())
            .then(|| url.variable(EMULATOR))
            .flatten();
        let mut environment = environment();
        if own || emulator.is_some() {
            environment = environment.without(&CREDENTIALS);
        }
        let mut config: Self = url.settings(environment)?;
        if let Some(host) = emulator {
            config.endpoint = Some(if host.contains("://") {
                host
            } else {
                format!("http://{host}")
            });
            config.anonymous |= !own;
        }
        let (bucket, prefix) = url.host_and_path();
        let path = config
            .service_account_path
            .map(|path| url.path(path).to_string_lossy().into_owned());
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            service_account_path: path,
            ..config
        })
    }

    /// Opens the I/O manager. No I/O but reading a file of credentials where one is given.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that cannot work.
    pub fn open(&self) -> Result<ObjectIo> {
        self.validate()?;
        let store = crate::store::open(self)?;
        let mut settings = Settings::default();
        settings.object = self.object;
        settings.table = self.table;
        settings.compression = self.compression;
        settings.parquet = self.parquet.clone();
        settings.rows_as_table = self.rows_as_table;
        settings.verify = self.verify;
        settings.part_bytes = self.part_bytes;
        ObjectIo::new(SCHEME, &self.root(), Arc::new(store), settings)
    }

    /// The address for people, without scheme.
    pub(crate) fn root(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("//{}", self.bucket),
            prefix => format!("//{}/{prefix}", self.bucket),
        }
    }

    /// Where requests go, without a slash at its end.
    pub(crate) fn address(&self) -> &str {
        self.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/')
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if self.bucket.is_empty()
            || self
                .bucket
                .contains(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c)))
        {
            return wrong("the bucket is missing or has characters that no bucket has; write `gs://bucket/prefix`");
        }
        check_endpoint(self.address())?;
        if self.kms_key_name.is_some() && self.customer_key.is_some() {
            return wrong("`kms_key_name` and `customer_key` exclude each other; take one of them away");
        }
        if self.part_bytes < SMALLEST_PART {
            return wrong("`part_bytes` must be 5 MiB (5242880) or more: Google takes no smaller parts");
        }
        let sizes = self.metadata.iter().map(|(name, value)| name.len() + value.len());
        if sizes.sum::<usize>() > METADATA_BYTES / 2 {
            return wrong("`metadata` takes more than 4 KiB; Google allows 8, and the receipt needs the rest");
        }
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if !self
            .metadata
            .iter()
            .all(|(name, value)| visible(name) && !name.contains([' ', ':']) && visible(value))
        {
            return wrong("`metadata` must be visible ASCII, names without spaces and colons");
        }
        larder_io_object::prefix(&self.prefix)?;
        self.transfer.validate()?;
        self.http.validate()
    }
}

#[derive(Debug, Default)]
struct GcsBackend {
    /// Buckets that references point into.
    targets: Buckets,
}

impl Backend for GcsBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec![SCHEME, "gcs"]
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(GcsConfig).to_value()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        Ok(Arc::new(GcsConfig::from_url(url)?.open()?))
    }

    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        crate::target::find(&self.targets, url, format)
    }
}

/// The backend for `Definitions::backend`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(GcsBackend::default())
}
