//! Connection strings, as the portal gives them.
//! <https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string>

use crate::address::account_of;
use larder_io_core::{Error, ErrorKind, Result, Secret};

/// The account of every emulator, and its key, which is public.
const EMULATOR: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// What a connection string says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) account: Option<String>,
    pub(crate) access_key: Option<Secret>,
    pub(crate) sas_token: Option<Secret>,
    pub(crate) endpoint: Option<String>,
}

impl Connection {
    /// Reads `AccountName=..;AccountKey=..` and its other forms. No message shows a value.
    pub(crate) fn parse(text: &Secret) -> Result<Self> {
        let mut found = Self::default();
        let (mut protocol, mut suffix) = (None, None);
        for pair in text.expose().split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| wrong("`connection_string` has a part without `=`; copy it again from the portal"))?;
            match name.trim().to_ascii_lowercase().as_str() {
                "accountname" => found.account = Some(value.to_owned()),
                "accountkey" => found.access_key = Some(Secret::new(value)),
                "sharedaccesssignature" => found.sas_token = Some(Secret::new(value)),
                "blobendpoint" => found.endpoint = Some(value.trim_end_matches('/').to_owned()),
                "defaultendpointsprotocol" => protocol = Some(value.to_owned()),
                "endpointsuffix" => suffix = Some(value.to_owned()),
                "usedevelopmentstorage" if value.eq_ignore_ascii_case("true") => {
                    found.account = Some(EMULATOR.0.to_owned());
                    found.access_key = Some(Secret::new(EMULATOR.1));
                    found.endpoint = Some(format!("http://127.0.0.1:10000/{}", EMULATOR.0));
                }
                // Other services' endpoints, and what comes with them.
                _ => {}
            }
        }
        if found.account.is_none() {
            found.account = found.endpoint.as_deref().and_then(account_of);
        }
        let Some(account) = &found.account else {
            return Err(wrong(
                "`connection_string` names no account; it needs `AccountName=..` or `BlobEndpoint=..`",
            ));
        };
        if found.access_key.is_none() && found.sas_token.is_none() {
            return Err(wrong(
                "`connection_string` has neither `AccountKey=..` nor `SharedAccessSignature=..`",
            ));
        }
        if found.endpoint.is_none() && (protocol.is_some() || suffix.is_some()) {
            let protocol = protocol.as_deref().unwrap_or("https");
            let suffix = suffix.as_deref().unwrap_or("core.windows.net");
            found.endpoint = Some(format!("{protocol}://{account}.blob.{suffix}"));
        }
        Ok(found)
    }
}

fn wrong(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Connection {
        Connection::parse(&Secret::new(text)).expect("is a connection string")
    }

    #[test]
    fn reads_the_portals_forms() {
        let key =
            parse("DefaultEndpointsProtocol=https;AccountName=lake;AccountKey=a2V5==;EndpointSuffix=core.windows.net");
        assert_eq!(key.account.as_deref(), Some("lake"));
        assert_eq!(key.access_key, Some(Secret::new("a2V5==")));
        assert_eq!(key.endpoint.as_deref(), Some("https://lake.blob.core.windows.net"));
        let sas = parse("BlobEndpoint=https://lake.blob.core.windows.net/;SharedAccessSignature=sv=2023&sig=a%3D;");
        assert_eq!(sas.account.as_deref(), Some("lake"));
        assert_eq!(sas.sas_token, Some(Secret::new("sv=2023&sig=a%3D")));
        let emulator = parse("UseDevelopmentStorage=true");
        assert_eq!(
            emulator.endpoint.as_deref(),
            Some("http://127.0.0.1:10000/devstoreaccount1")
        );
    }

    #[test]
    fn mistakes_show_no_secret() {
        for text in [
            "AccountKey=hunter2",
            "AccountName=lake;hunter2",
            "AccountName=lake;Key=hunter2",
            "",
        ] {
            let error = Connection::parse(&Secret::new(text)).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
