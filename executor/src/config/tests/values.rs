//! Settings, variables and references.

use super::*;

/// How the lake was opened for a text.
fn opened(text: &str, variables: &[(&str, &str)], profile: Option<&str>) -> Result<LakeConfig> {
    let lake = Lake::default();
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut definitions = definitions(text).backend(Arc::new(lake.clone())).variables(variables);
    if let Some(profile) = profile {
        definitions = definitions.profile(profile);
    }
    definitions.build()?;
    let opened = lake.0.lock().expect("not poisoned");
    assert_eq!(opened.len(), 1, "each manager is opened once");
    Ok(opened[0].clone())
}

#[test]
fn settings_of_every_kind_and_by_reference() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key");
    std::fs::write(&file, "hunter2\r\n").expect("writes");
    let text = format!(
        r#"
        io_manager = "warehouse"
        [io_managers.warehouse]
        url = "lakes://acme/${{TEAM}}/${{STAGE:-prod}}/$$"
        region = {{ env = "REGION" }}
        parts = 0x10
        style = "host"
        scopes = ["a,b", "${{TEAM}}"]
        tags = {{ team = "${{TEAM}}", "cost.centre" = "12", number = 7 }}
        secret_key = {{ file = '{}' }}
        "#,
        file.display()
    );
    let config = opened(
        &text,
        &[("TEAM", "data"), ("REGION", "eu"), ("LAKE_REGION", "no")],
        None,
    )
    .expect("is right");
    let tags = [("team", "data"), ("cost.centre", "12"), ("number", "7")];
    let wanted = LakeConfig {
        address: "//acme/data/prod/$".to_owned(),
        region: "eu".to_owned(),
        parts: 16,
        style: Style::Host,
        scopes: vec!["a,b".to_owned(), "data".to_owned()],
        tags: tags.map(|(name, tag)| (name.to_owned(), tag.to_owned())).into(),
        secret_key: Some(Secret::new("hunter2")),
    };
    assert_eq!(config, wanted);
    let from_environment = opened("io_manager = 'lake://a'", &[("LAKE_REGION", "north")], None).expect("is right");
    assert_eq!(from_environment.region, "north");
    let empty = opened(
        "io_manager = 'a'\n[io_managers.a]\nurl='lake:'\nscopes = []\ntags = {}",
        &[],
        None,
    );
    assert_eq!(empty.expect("is right").scopes, Vec::<String>::new());
}

#[test]
fn no_message_shows_what_came_from_elsewhere() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("key");
    std::fs::write(&file, "hunter2").expect("writes");
    let lines = [
        "parts = { env = 'HIDDEN' }".to_owned(),
        "style = { env = 'HIDDEN' }".to_owned(),
        "parts = \"${HIDDEN}\"".to_owned(),
        format!("parts = {{ file = '{}' }}", file.display()),
        "secret_key = 'hunter2'\nsecret_kye = 'hunter2'".to_owned(),
        "secret_key = { value = 'hunter2' }".to_owned(),
        "retry.attempts = { env = 'HIDDEN' }".to_owned(),
        "max_concurrent = \"${HIDDEN}\"".to_owned(),
        "timeout = \"${HIDDEN}\"".to_owned(),
        "retry.deadline = \"${HIDDEN}\"".to_owned(),
    ];
    for line in lines {
        let text = format!("io_manager = 'a'\n[io_managers.a]\nurl = 'lake://a?secret_key=hunter2'\n{line}");
        let text = if line.starts_with("secret") {
            text.replace("?secret_key=hunter2", "")
        } else {
            text
        };
        let error = opened(&text, &[("HIDDEN", "hunter2")], None).expect_err(&line);
        let all = format!("{error} {error:?}");
        assert!(!all.contains("hunter2"), "{all}");
        assert!(all.contains("larder.toml:"), "{all}");
    }
    for (line, problem) in [
        (
            "parts = { env = 'NONE' }",
            "larder.toml:4:17: the environment variable NONE is not set",
        ),
        (
            "parts = { file = '/no/such/file' }",
            "larder.toml:4:18: the file `/no/such/file` cannot be read",
        ),
    ] {
        let text = format!("io_manager = 'a'\n[io_managers.a]\nurl = 'lake:'\n{line}");
        let error = opened(&text, &[], None).expect_err(line);
        assert!(error.message().starts_with(problem), "{error}");
    }
}

#[test]
fn a_profile_overrides_key_by_key() {
    let text = r#"
        io_manager = "warehouse"
        [io_managers.warehouse]
        url = "lake://base"
        region = "eu"
        tags = { a = "1", b = "2" }
        retry = { attempts = 8 }
        [profile.prod.io_managers.warehouse]
        url = "lakes://prod"
        tags = { b = "3" }
        [profile.local.io_managers.warehouse]
        url = "memory:"
        [profile.broken.io_managers.warehouse]
        region = { env = "NONE" }
        nonsense = 1
    "#;
    let base = opened(text, &[], None).expect("what only another profile needs may be missing");
    assert_eq!(
        (base.address.as_str(), base.region.as_str(), base.tags.len()),
        ("//base", "eu", 2)
    );
    let prod = opened(text, &[], Some("prod")).expect("is right");
    assert_eq!((prod.address.as_str(), prod.region.as_str()), ("//prod", "eu"));
    assert_eq!(prod.tags, BTreeMap::from([("b".to_owned(), "3".to_owned())]));
    let local = built(definitions(text).profile("local"));
    let explanation = local
        .explain(&"raw/flights".parse().expect("is a key"))
        .expect("is known");
    assert_eq!(
        explanation.root.as_deref(),
        Some("memory:"),
        "the region means nothing to memory"
    );
    assert_eq!(
        explanation.defined.as_deref(),
        Some("at larder.toml:3:22 and larder.toml:11:36 in the profile `local`")
    );
    let error = opened(text, &[], Some("broken")).expect_err("is wrong");
    assert!(
        error
            .message()
            .starts_with("larder.toml:14:26: the environment variable NONE"),
        "{error}"
    );
}
