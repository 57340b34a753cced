//! Settings of storage on Azure.

use crate::address::{self, Address};
use crate::connection::Connection;
use crate::target::Buckets;
use crate::validate;
use larder_io_core::{Backend, Error, ErrorKind, IoManager, ManagerUrl, Result, Secret, Target};
use larder_io_object::http::Transport;
use larder_io_object::{Compression, ObjectFormat, ObjectIo, ParquetSettings, Settings, TableFormat, Transfer};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The scheme that names the account.
const SCHEME: &str = "abfss";
/// The scheme of a container whose account is a setting.
const SHORT: &str = "az";

/// Settings of storage on Azure; as a URL, `abfss://filesystem@account.dfs.core.windows.net/prefix?storage_class=Cool`.
///
/// Of several credentials the first of this order is used: `anonymous`, `access_key`, `sas_token`,
/// `connection_string`, `client_secret`, and what `identity` says. With the first four no other address than the
/// storage's is ever asked.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdlsConfig {
    /// The container, which a hierarchical account calls a file system.
    #[serde(skip)]
    pub container: String,
    /// What every name begins with, without slashes at its ends; may be empty.
    #[serde(skip)]
    pub prefix: String,
    /// What the host of the URL has behind `account.dfs.`; `None` stands for public Azure.
    #[serde(skip)]
    pub host_suffix: Option<String>,
    /// The storage account. A URL that begins with `abfss:` names it; `az:` needs it, here or in
    /// `AZURE_STORAGE_ACCOUNT`, in the connection string or in the endpoint.
    pub account: Option<String>,
    /// Another address of the Blob API than the account's own, such as `http://127.0.0.1:10000/devstoreaccount1`;
    /// `http:` turns encryption of the connection off.
    pub endpoint: Option<String>,
    /// The account's key, in base64.
    #[schemars(with = "Option<String>")]
    pub access_key: Option<Secret>,
    /// A shared access signature, as the portal gives it; with or without a question mark.
    #[schemars(with = "Option<String>")]
    pub sas_token: Option<Secret>,
    /// A connection string, as the portal gives it.
    #[schemars(with = "Option<String>")]
    pub connection_string: Option<Secret>,
    /// The directory (tenant) of a service principal or workload identity.
    pub tenant_id: Option<String>,
    /// The id of a service principal, workload identity or user-assigned managed identity.
    pub client_id: Option<String>,
    /// The secret of a service principal. Needs `tenant_id` and `client_id`.
    #[schemars(with = "Option<String>")]
    pub client_secret: Option<Secret>,
    /// The file with the token of a workload identity.
    pub federated_token_file: Option<String>,
    /// Where tokens are asked for. Default `https://login.microsoftonline.com`.
    pub authority_host: Option<String>,
    /// Who we are without keys, signatures and secrets: `auto` (default: the first of the others that gives a token,
    /// in their order), `workload`, `managed`, `developer` (`az login`, `azd auth login`).
    pub identity: Identity,
    /// Whether requests are not signed at all, for public containers. Default false.
    pub anonymous: bool,
    /// The encryption scope of new values. Default the container's.
    pub encryption_scope: Option<String>,
    /// A 256-bit key of the customer's, in base64, that is sent with every request and kept nowhere. Whoever loses it
    /// loses the values. Old versions cannot be restored with it.
    #[schemars(with = "Option<String>")]
    pub customer_key: Option<Secret>,
    /// The access tier of new values, such as `Cool`. Default the account's.
    pub storage_class: Option<String>,
    /// Index tags of every new value; at most 10. Hierarchical accounts have none.
    pub tags: BTreeMap<String, String>,
    /// Metadata of every new value, besides the receipt that larder adds; names are C# identifiers in ASCII.
    pub metadata: BTreeMap<String, String>,
    /// Whether versions that the account keeps are used for history. Default true.
    pub versions: bool,
    /// Whether preconditions are used: false for endpoints that ignore `If-Match`. Default true.
    pub preconditions: bool,
    /// Values above this size are copied by ranges of it, four at once. Default 1 GiB, range 1 MiB to 4000 MiB, the
    /// largest block that Azure takes.
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
    /// Bytes of the first blocks of a large value; smaller values are one put. Default 8 MiB, at most 1 GiB. Blocks
    /// grow, so that 50,000 of them are never the limit.
    pub part_bytes: usize,
    /// How values are moved.
    pub transfer: Transfer,
    /// How requests are sent.
    pub http: Transport,
}

impl Default for AdlsConfig {
    fn default() -> Self {
        let formats = Settings::default();
        Self {
            container: String::new(),
            prefix: String::new(),
            host_suffix: None,
            account: None,
            endpoint: None,
            access_key: None,
            sas_token: None,
            connection_string: None,
            tenant_id: None,
            client_id: None,
            client_secret: None,
            federated_token_file: None,
            authority_host: None,
            identity: Identity::default(),
            anonymous: false,
            encryption_scope: None,
            customer_key: None,
            storage_class: None,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
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

/// Who we are without keys, signatures and secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Identity {
    /// The first of the others that gives a token, in their order.
    #[default]
    Auto,
    /// A workload identity of Kubernetes.
    Workload,
    /// The managed identity of a machine or app service.
    Managed,
    /// Whoever is logged in with `az` or `azd`.
    Developer,
}

impl AdlsConfig {
    /// Default settings for a container of an account, and a prefix.
    pub fn new(account: impl Into<String>, container: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self {
            account: Some(account.into()),
            container: container.into(),
            prefix: prefix.into(),
            ..Self::default()
        }
    }

    /// Reads the settings of a URL and of the environment.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting, or a URL without a container.
    pub fn from_url(url: &ManagerUrl) -> Result<Self> {
        let address = Address::parse(url.address())?;
        let mut config = crate::environment::read(url, address.account.as_deref())?;
        if let (Some(named), Some(set)) = (&address.account, &config.account)
            && named != set
        {
            let message = format!("the URL names the account `{named}` and the settings `{set}`; take `account` away");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        config.account = address.account.or(config.account);
        config.host_suffix = address.suffix;
        config.container = address.container;
        config.prefix = address.prefix;
        Ok(config)
    }

    /// Opens the I/O manager. No I/O.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that cannot work.
    pub fn open(&self) -> Result<ObjectIo> {
        let config = self.resolved()?;
        validate::check(&config)?;
        let (scheme, root) = config.shown();
        let store = crate::store::open(&config, &format!("{scheme}:{root}"))?;
        ObjectIo::new(scheme, &root, Arc::new(store), config.settings())
    }

    /// Takes out of connection string and endpoint what they say.
    pub(crate) fn resolved(&self) -> Result<Self> {
        let mut config = self.clone();
        let needed = !config.anonymous && config.access_key.is_none() && config.sas_token.is_none();
        if let Some(text) = config.connection_string.take().filter(|_| needed) {
            let connection = Connection::parse(&text)?;
            if let (Some(set), Some(found)) = (&config.account, &connection.account)
                && set != found
            {
                let message = format!(
                    "the connection string is of the account `{found}`, and the URL or `account` says `{set}`; take the right one, or unset AZURE_STORAGE_CONNECTION_STRING"
                );
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
            config.account = connection.account;
            config.access_key = connection.access_key;
            config.sas_token = connection.sas_token;
            let own = config.host_suffix.is_some() || config.endpoint.is_some();
            config.endpoint = config.endpoint.or(connection.endpoint.filter(|_| !own));
        }
        if let Some(endpoint) = &mut config.endpoint {
            *endpoint = endpoint.trim_end_matches('/').to_owned();
            config.account = config.account.or_else(|| address::account_of(endpoint));
        }
        Ok(config)
    }

    /// The Blob API's address, without a slash at its end.
    pub(crate) fn service(&self) -> String {
        let account = self.account.as_deref().unwrap_or_default();
        let own = || address::endpoint(account, self.host_suffix.as_deref());
        self.endpoint.clone().unwrap_or_else(own)
    }

    /// Scheme and root for people and other tools.
    pub(crate) fn shown(&self) -> (&'static str, String) {
        let account = self.account.as_deref().unwrap_or_default();
        let suffix = self.host_suffix.as_deref();
        match &self.endpoint {
            Some(endpoint) if *endpoint != address::endpoint(account, suffix) => {
                (SHORT, address::plain_root(&self.container, &self.prefix))
            }
            _ => (SCHEME, address::root(&self.container, &self.prefix, account, suffix)),
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
}

#[derive(Debug, Default)]
struct AdlsBackend {
    /// Buckets that references point into.
    targets: Buckets,
}

impl Backend for AdlsBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec![SCHEME, "abfs", SHORT]
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(AdlsConfig).to_value()
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        Ok(Arc::new(AdlsConfig::from_url(url)?.open()?))
    }

    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        crate::target::find(&self.targets, url, format)
    }
}

/// The backend for `Definitions::backend`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(AdlsBackend::default())
}
