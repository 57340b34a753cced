//! Settings of storage on S3.

use crate::target::Buckets;
use larder_io_core::{Backend, Environment, Error, ErrorKind, IoManager, ManagerUrl, Result, Secret, Target};
use larder_io_object::http::{Transport, check_endpoint};
use larder_io_object::{Compression, ObjectFormat, ObjectIo, ParquetSettings, Settings, TableFormat, Transfer};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The URL scheme.
const SCHEME: &str = "s3";

/// The part sizes that S3 takes begin here; only the last part may be smaller.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART: usize = 5 << 20;

/// Settings of storage on S3; as a URL, `s3://bucket/prefix?region=eu-central-1&storage_class=STANDARD_IA`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct S3Config {
    /// The bucket.
    #[serde(skip)]
    pub bucket: String,
    /// What every key begins with, without slashes at its ends; may be empty.
    #[serde(skip)]
    pub prefix: String,
    /// The bucket's region, such as `eu-central-1`. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's;
    /// `us-east-1` where an endpoint is given.
    pub region: Option<String>,
    /// Another address than AWS's own, such as `http://127.0.0.1:4566`; `http:` turns encryption of the connection off.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path (`host/bucket/key`) or in the host's name. Default: in the path where an
    /// endpoint is given.
    pub path_style: Option<bool>,
    /// The access key's id. With it `secret_access_key` is needed, and no other source of credentials is asked.
    pub access_key_id: Option<String>,
    /// The access key's secret.
    #[schemars(with = "Option<String>")]
    pub secret_access_key: Option<Secret>,
    /// The token of temporary credentials.
    #[schemars(with = "Option<String>")]
    pub session_token: Option<Secret>,
    /// The profile of AWS's config files to take credentials and region from. Needs the feature `sdk`.
    pub profile: Option<String>,
    /// Whether requests are not signed at all, for public buckets. Default false.
    pub anonymous: bool,
    /// Encryption at rest: `bucket` (default, what the bucket says), `s3` (SSE-S3), `kms`, `kms_dsse`, `customer`.
    pub encryption: Encryption,
    /// The key of KMS, as id or ARN. Needed for `kms` and `kms_dsse`.
    pub kms_key_id: Option<String>,
    /// Whether S3 asks KMS once a bucket instead of once an object. Default: what the bucket says.
    pub bucket_key: Option<bool>,
    /// The 256-bit key for `customer`, in base64. Whoever loses it loses the values.
    #[schemars(with = "Option<String>")]
    pub customer_key: Option<Secret>,
    /// The storage class of new values, such as `STANDARD_IA`. Default the bucket's.
    pub storage_class: Option<String>,
    /// Tags of every new value; at most 10.
    pub tags: BTreeMap<String, String>,
    /// Metadata of every new value, besides the receipt that larder adds; names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// Whether the requester pays, for buckets that want it so. Default false.
    pub request_payer: bool,
    /// Whether versions that the bucket keeps are used for history. Default true; needs the feature `sdk`.
    pub versions: bool,
    /// Whether preconditions are used: false for endpoints that ignore `If-Match`. Default true; needs the feature
    /// `sdk`.
    pub preconditions: bool,
    /// Values above this size are copied by ranges of it, four at once. Default 1 GiB, range 5 MiB to 5 GiB, the
    /// largest copy that S3 does in one request.
    pub copy_range_bytes: u64,
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

impl Default for S3Config {
    fn default() -> Self {
        let formats = Settings::default();
        Self {
            bucket: String::new(),
            prefix: String::new(),
            region: None,
            endpoint: None,
            path_style: None,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            profile: None,
            anonymous: false,
            encryption: Encryption::default(),
            kms_key_id: None,
            bucket_key: None,
            customer_key: None,
            storage_class: None,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            request_payer: false,
            versions: true,
            preconditions: true,
            copy_range_bytes: 1 << 30,
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

/// larder's own variables (`LARDER_S3_` and the name of the setting), then AWS's.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>
fn environment() -> Environment {
    Environment::of_schema("LARDER_S3", &backend().schema())
        .also("region", &["AWS_REGION", "AWS_DEFAULT_REGION"])
        .also("endpoint", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
        .also("access_key_id", &["AWS_ACCESS_KEY_ID"])
        .also("secret_access_key", &["AWS_SECRET_ACCESS_KEY"])
        .also("session_token", &["AWS_SESSION_TOKEN"])
        .also("profile", &["AWS_PROFILE"])
}

/// Settings that belong together.
const CREDENTIALS: [&str; 4] = ["access_key_id", "secret_access_key", "session_token", "profile"];

impl S3Config {
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
        let given = url.setting_names();
        let own = |name: &&str| given.iter().any(|given| given == name);
        // Keys come from one place as a whole: a token of the environment does not go with a key of the file.
        let explicit = ["access_key_id", "secret_access_key", "profile"].iter().any(own);
        let mut environment = environment();
        if explicit {
            environment = environment.without(&CREDENTIALS);
        }
        let config: Self = url.settings(environment)?;
        let (bucket, prefix) = url.host_and_path();
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            ..config
        })
    }

    /// Opens the I/O manager. No I/O but reading AWS's config files where the region or credentials come from there.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that cannot work.
    pub fn open(&self) -> Result<ObjectIo> {
        self.validate()?;
        let store = crate::store::open(self)?;
        ObjectIo::new(SCHEME, &self.root(), Arc::new(store), self.settings())
    }

    /// The address for people, without scheme.
    fn root(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("//{}", self.bucket),
            prefix => format!("//{}/{prefix}", self.bucket),
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.object = self.object;
        settings.table = self.table;
        settings.compression = self.compression;
        settings.parquet = self.parquet.clone();
        settings.rows_as_table = self.rows_as_table;
        settings.verify = self.verify;
        settings.part_bytes = self.part_bytes;
        settings
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if self.bucket.is_empty()
            || self
                .bucket
                .contains(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c)))
        {
            return wrong("the bucket is missing or has characters that no bucket has; write `s3://bucket/prefix`");
        }
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            return wrong("`access_key_id` and `secret_access_key` go together; one of them is missing");
        }
        let sent = [
            self.access_key_id.as_deref(),
            self.secret_access_key.as_ref().map(Secret::expose),
            self.session_token.as_ref().map(Secret::expose),
            self.kms_key_id.as_deref(),
            self.region.as_deref(),
            self.endpoint.as_deref(),
        ];
        if sent
            .into_iter()
            .flatten()
            .any(|text| text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_graphic()))
        {
            return wrong(
                "keys, tokens, region and endpoint are of printable characters without spaces; one of them is not, or is empty: a line break at the end of a secret is a common reason",
            );
        }
        if let Some(endpoint) = &self.endpoint {
            check_endpoint(endpoint)?;
        }
        let kms = matches!(self.encryption, Encryption::Kms | Encryption::KmsDsse);
        if kms != self.kms_key_id.is_some() {
            return wrong("`encryption` of `kms` or `kms_dsse` and `kms_key_id` go together; one of them is missing");
        }
        if (self.encryption == Encryption::Customer) != self.customer_key.is_some() {
            return wrong("`encryption = \"customer\"` and `customer_key` go together; one of them is missing");
        }
        if self.part_bytes < SMALLEST_PART || self.copy_range_bytes < SMALLEST_PART as u64 {
            return wrong(
                "`part_bytes` and `copy_range_bytes` must be 5 MiB (5242880) or more: S3 takes no smaller parts",
            );
        }
        if self.copy_range_bytes > 5 << 30 {
            return wrong("`copy_range_bytes` must be 5 GiB or less: S3 copies no more in one request");
        }
        if self.tags.len() > 10 {
            return wrong("S3 takes 10 `tags` at most");
        }
        larder_io_object::prefix(&self.prefix)?;
        self.transfer.validate()?;
        self.http.validate()
    }
}

#[derive(Debug, Default)]
struct S3Backend {
    /// Buckets that references point into.
    targets: Buckets,
}

impl Backend for S3Backend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec![SCHEME, "s3a"]
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(S3Config).to_value()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        Ok(Arc::new(S3Config::from_url(url)?.open()?))
    }

    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        crate::target::find(&self.targets, url, format)
    }
}

/// The backend for `Definitions::backend`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(S3Backend::default())
}

/// Encryption at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Encryption {
    /// What the bucket says.
    #[default]
    Bucket,
    /// Keys of S3 (SSE-S3).
    S3,
    /// A key of KMS (SSE-KMS).
    Kms,
    /// Two layers by a key of KMS (DSSE-KMS).
    KmsDsse,
    /// A key that is sent with every request and kept nowhere (SSE-C).
    Customer,
}
