//! URLs, passwords, and what is never shown.
#![allow(clippy::unwrap_used)]

use super::*;

const WHO: Who = Who {
    name: "the test",
    form: "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
};

fn of_with(url: &str, variable: Option<Variables<'_>>) -> Result<Address> {
    let config = parse(url, &WHO)?;
    let tls = match config.get_ssl_mode() {
        SslMode::Disable => Some(false),
        SslMode::Require => Some(true),
        _ => None,
    };
    let wish = Wish {
        what: "",
        schema: "assets".to_owned(),
        tls,
        connect_timeout: PATIENCE,
        password: None,
        variable,
    };
    Address::new(config, &WHO, wish)
}

fn of(url: &str) -> Result<Address> {
    of_with(url, None)
}

#[test]
fn tls_is_asked_for_wherever_bytes_leave_the_machine() {
    let table = [
        ("postgres://u@db.example/d", true),
        ("postgresql://u@10.0.0.1/d", true),
        ("postgres://u@db.example/d?sslmode=disable", false),
        ("postgres://u@db.example/d?sslmode=prefer", true),
        ("postgres://u@localhost/d", false),
        ("postgres://u@127.0.0.1:1/d", false),
        ("postgres://u@[::1]/d", false),
        ("postgres://u@localhost/d?sslmode=require", true),
        ("postgres://u@localhost/d?sslmode=verify-full", true),
        ("postgres://u@localhost,db.example/d", true),
        ("postgres://u@localhost/d?hostaddr=10.0.0.1", true),
        ("postgres:///d?host=/run/postgresql", false),
    ];
    for (url, tls) in table {
        let address = of(url).unwrap();
        assert_eq!(address.tls, tls, "{url}");
        let mode = if tls { SslMode::Require } else { SslMode::Disable };
        assert!(
            address.servers.iter().all(|server| server.get_ssl_mode() == mode),
            "{url}"
        );
    }
}

#[test]
fn a_place_has_no_password_and_no_error_has_any_part_of_one() {
    let address = of("postgres://me:s3cret%40x@h1,h2:77/db?password=s3cret").unwrap();
    assert_eq!(address.place.url, "postgres://me@h1:5432,h2:77/db");
    assert!(!format!("{address:?}").contains("s3cret"));
    for bad in [
        "postgres://me:s3cret/x@h/db",
        "postgres://me:s3cret@x@h/db",
        "postgres://me:s3cret?x@h/db",
        "postgres://me:s3cret/db",
        "postgres://h/db?password=a@s3cret",
        "postgres://h/db?password=a&s3cret=1",
        "postgres://h/db?password=a&s3cret",
        "postgres://me:x@h:s3cret/db",
        "postgres://me:s3cret@/db",
        "postgres://me:s3cret@h/db?sslmode=verify-ca",
        "postgres://me:s3cret@h/db?sslmode=perhaps",
        "postgres://me:s3cret@h1,h2,h3/db?port=1,2",
        "mysql://me:s3cret@h/db",
    ] {
        let error = of(bad).expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{bad}: {error:?}");
    }
}

#[test]
fn every_host_is_tried_by_itself_with_its_own_password() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("passwords");
    std::fs::write(&file, "h1:*:*:*:first\nh2:77:db:me:second\nlocalhost:*:*:*:third\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shown = file.display().to_string();
    let variable = |name: &str| (name == "PGPASSFILE").then(|| shown.clone());
    let of = |url: &str| of_with(url, Some(&variable));
    let passwords = |address: &Address| -> Vec<Option<String>> {
        let password = |server: &Config| server.get_password().map(|it| String::from_utf8_lossy(it).into_owned());
        address.servers.iter().map(password).collect()
    };
    let address = of("postgres://me@h1:76,h2:77,h3:78/db").unwrap();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(passwords(&address), [some("first"), some("second"), None]);
    assert!(address.servers.iter().all(|server| server.get_hosts().len() == 1));
    let ports: Vec<u16> = address.servers.iter().map(|server| server.get_ports()[0]).collect();
    assert_eq!(ports, [76, 77, 78]);
    let socket = of("postgres://me@/db?host=/run/postgresql").unwrap();
    assert_eq!(passwords(&socket), [some("third")]);
    let own = of("postgres://me:own@h1,h2/db").unwrap();
    assert_eq!(passwords(&own), [some("own"), some("own")]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(of("postgres://me@h1/db").unwrap_err().kind(), ErrorKind::InvalidConfig);
    assert!(of("postgres://me@h3/db").is_ok(), "what is not used may be read");
}

#[test]
fn what_the_url_says_stays() {
    let address = of("postgres://me@h/?connect_timeout=3&application_name=mine").unwrap();
    let server = &address.servers[0];
    assert_eq!(server.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!(server.get_application_name(), Some("mine"));
    assert_eq!(server.get_dbname(), Some("me"));
}
