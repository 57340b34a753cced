//! Where settings come from, and which are refused.

use larder_io_adls::{AdlsConfig, Identity, backend};
use larder_io_core::{ErrorKind, ManagerUrl, Secret};
use std::collections::BTreeMap;

fn url(text: &str, variables: &[(&str, &str)]) -> ManagerUrl {
    let variables: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    text.parse::<ManagerUrl>().expect("is a URL").with_variables(variables)
}

fn read(text: &str, variables: &[(&str, &str)]) -> AdlsConfig {
    AdlsConfig::from_url(&url(text, variables)).expect("is read")
}

#[test]
fn urls_name_account_container_and_prefix() {
    let config = read(
        "abfss://data@lake.dfs.core.windows.net/a/b/?storage_class=Cool&tags.team=x",
        &[],
    );
    let place = (
        config.account.as_deref(),
        config.container.as_str(),
        config.prefix.as_str(),
    );
    assert_eq!(place, (Some("lake"), "data", "a/b"));
    assert_eq!(
        (
            config.storage_class.as_deref(),
            config.tags.get("team").map(String::as_str)
        ),
        (Some("Cool"), Some("x"))
    );
    let short = read("az://data/a", &[("AZURE_STORAGE_ACCOUNT", "lake")]);
    assert_eq!(
        (short.account.as_deref(), short.container.as_str()),
        (Some("lake"), "data")
    );
    for (text, root) in [
        (
            "abfss://data@lake.dfs.core.windows.net/a?anonymous=true",
            "//data@lake.dfs.core.windows.net/a",
        ),
        (
            "abfs://data@lake.blob.core.chinacloudapi.cn?anonymous=true",
            "//data@lake.dfs.core.chinacloudapi.cn",
        ),
        (
            "az://data/a?account=lake&anonymous=true",
            "//data@lake.dfs.core.windows.net/a",
        ),
    ] {
        let manager = backend().open(&url(text, &[])).expect("opens");
        assert_eq!(
            (manager.info().scheme.as_str(), manager.info().root.as_str()),
            ("abfss", root)
        );
    }
    let elsewhere = "az://data/a?endpoint=http://127.0.0.1:1/lake&anonymous=true";
    let manager = backend().open(&url(elsewhere, &[])).expect("opens");
    assert_eq!(
        (manager.info().scheme.as_str(), manager.info().root.as_str()),
        ("az", "//data/a")
    );
}

#[test]
fn the_environment_gives_what_nothing_else_gives() {
    let both = [
        ("LARDER_AZURE_ACCESS_KEY", "b3Vycw=="),
        ("AZURE_STORAGE_KEY", "dGhlaXJz"),
        ("AZURE_CLIENT_ID", "me"),
    ];
    let config = read("az://data?account=lake", &both);
    assert_eq!(
        (config.access_key, config.client_id.as_deref()),
        (Some(Secret::new("b3Vycw==")), Some("me"))
    );
    // A signature that is set is not overruled by a key of the environment.
    let config = read("az://data?account=lake&sas_token=sig=x", &both);
    assert_eq!(
        (config.access_key, config.sas_token),
        (None, Some(Secret::new("sig=x")))
    );
    let config = read("az://data?account=lake&identity=managed", &both);
    assert_eq!(
        (config.access_key, config.identity, config.client_id.as_deref()),
        (None, Identity::Managed, Some("me"))
    );
    // A key of another account is of no use.
    let other = [("AZURE_STORAGE_ACCOUNT", "other"), ("AZURE_STORAGE_KEY", "dGhlaXJz")];
    let named = "abfss://data@lake.dfs.core.windows.net";
    assert_eq!(read(named, &other).access_key, None);
    assert!(
        read(
            named,
            &[("AZURE_STORAGE_ACCOUNT", "lake"), ("AZURE_STORAGE_KEY", "dGhlaXJz")]
        )
        .access_key
        .is_some()
    );
}

fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    let refused = backend().open(&url(text, variables)).map(drop).expect_err(text);
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{text}: {refused}");
    let shown = format!("{refused} {refused:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    refused.to_string()
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let table = [
        ("az://data", "AZURE_STORAGE_ACCOUNT"),
        ("az://?account=lake", "container"),
        ("az://DATA?account=lake", "container"),
        ("abfss://data@example.com/a", "dfs.core.windows.net"),
        ("abfss://data@lake.dfs.core.windows.net?account=other", "other"),
        ("az://data?account=lake&storage_clas=Cool", "storage_class"),
        ("az://data?account=lake&access_key=hunter2", "access_key"),
        ("az://data?account=lake&sas_token=hunter2", "sas_token"),
        (
            "az://data?account=lake&customer_key=hunter2&anonymous=true",
            "openssl rand",
        ),
        ("az://data?account=lake&client_secret=hunter2", "tenant_id"),
        (
            "az://data?account=lake&connection_string=AccountName%3Dother;AccountKey%3Dhunter2",
            "other",
        ),
        ("az://data?account=lake&metadata.cost-centre=1", "cost-centre"),
        ("az://data?account=lake&metadata.owner=ä", "metadata.owner"),
        ("az://data?account=lake&storage_class=Cool%0d", "storage_class"),
        ("az://data?account=lake&tags.a%2526b=1", "tag"),
        ("az://data?account=lake&endpoint=ftp://x", "endpoint"),
        ("az://data/a/../b?account=lake", "prefix"),
        ("az://data?account=lake&copy_range_bytes=5", "copy_range_bytes"),
    ];
    for (text, wanted) in table {
        let told = refused(text, &[]);
        assert!(told.contains(wanted), "{text}: `{wanted}` is not in `{told}`");
    }
}
