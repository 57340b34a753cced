//! Files, code and the file together, checks and the schema.

use super::*;

#[test]
fn a_table_replaces_or_adds_to_what_code_registers() {
    let explained = |text: &str, code: fn(Definitions) -> Definitions| {
        let pipeline = code(definitions(&format!("io_manager = 'w'\n{text}"))).build()?;
        let explanation = pipeline
            .explain(&"raw/flights".parse().expect("is a key"))
            .expect("is known");
        Ok::<_, Error>(explanation.defined.unwrap_or_default())
    };
    let instance: fn(Definitions) -> Definitions = |definitions| definitions.io_manager("w", Arc::new(MemoryIo::new()));
    let by_url: fn(Definitions) -> Definitions = |definitions| definitions.io_manager_url("w", "memory:?history=2");
    assert_eq!(explained("", instance).expect("is right"), "");
    assert_eq!(
        explained("[io_managers.w]\nurl = 'memory:'", instance).expect("is right"),
        "at larder.toml:2:14, replacing the one that code registers"
    );
    assert_eq!(
        explained("[io_managers.w]\nmax_concurrent = 2", instance).expect("is right"),
        "in code, with policies of larder.toml:2:14"
    );
    assert_eq!(
        explained("[io_managers.w]\nmax_concurrent = 2", by_url).expect("is right"),
        "in code, with settings of larder.toml:2:14"
    );
    let setting = explained("[io_managers.w]\nhistory = 2", instance).expect_err("nothing takes it");
    assert!(
        setting
            .message()
            .starts_with("larder.toml:3:1: `history` is a setting, but code makes"),
        "{setting}"
    );
    let twice = explained("[io_managers.w]\nhistory = 2", by_url).expect_err("both say it");
    assert!(
        twice.message().contains("larder.toml:3:1") && twice.message().contains("given twice"),
        "{twice}"
    );
}

#[test]
fn files_are_found_and_paths_are_below_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("other.toml");
    std::fs::write(&file, "io_manager = 'memory:'\nnonsense = 1").expect("writes");
    let shown = file.display().to_string();
    let in_code = definitions("").config_file(&file);
    assert!(refused(in_code).starts_with(&format!("{shown}:2:1: there is no key `nonsense`")));
    let variable = |value: &str| [("LARDER_CONFIG".to_owned(), value.to_owned())];
    let by_variable = definitions("").config_file("/no/such").variables(variable(&shown));
    assert!(
        refused(by_variable).starts_with(&shown),
        "the variable goes before the code"
    );
    let missing = refused(definitions("").config_file("/no/such"));
    assert!(
        missing.starts_with("`/no/such`, which `Definitions::config_file` names, cannot be read"),
        "{missing}"
    );
    let without = definitions("")
        .without_config()
        .variables(variable(&shown))
        .default_io_manager_url("memory:");
    assert_eq!(bound(&built(without), "raw/planes").0, "io_manager");
    let tested = definitions("nonsense = 1")
        .choose_profile("none")
        .with_every_asset_in(Arc::new(MemoryIo::new()));
    assert_eq!(bound(&built(tested), "raw/planes").0, "everything");

    std::fs::write(directory.path().join("key"), "7").expect("writes");
    let text = "io_manager = 'a'\n[io_managers.a]\nurl = 'lake:'\nparts = { file = 'key' }";
    std::fs::write(&file, text).expect("writes");
    let lake = Lake::default();
    built(definitions("").config_file(&file).backend(Arc::new(lake.clone())));
    assert_eq!(lake.0.lock().expect("not poisoned")[0].parts, 7);
}

#[test]
fn a_check_demands_no_default_that_nobody_needs() {
    let bound = "[io_managers.a]\nurl = 'memory:'\n[bind]\n'raw/*' = 'a'\n'reports/*' = 'a'";
    let report = definitions(bound).check_config().expect("nothing is wrong");
    let managers: Vec<_> = report.io_managers.iter().map(|manager| manager.key.as_str()).collect();
    assert_eq!(managers, ["a"]);
    assert!(report.io_managers.iter().all(|manager| manager.default.is_none()));
    // One that is named must be there, needed or not.
    let error = definitions(&format!("io_manager = 'b'\n{bound}"))
        .check_config()
        .expect_err("is wrong");
    assert!(error.message().contains("there is no I/O manager `b`"), "{error}");
}

#[test]
fn a_check_opens_what_nobody_uses() {
    let text = "io_manager = 'a'\n[io_managers.a]\nurl = 'memory:'\nhistory = 2\n[io_managers.idle]\nurl = 'memory:'\nnonsense = 1\n[bind]\n'raw/*' = 'code'";
    let checked = |text: &str| definitions(text).io_manager_url("code", "memory:").check_config();
    built(definitions(text).io_manager_url("code", "memory:"));
    let error = checked(text).expect_err("is wrong");
    assert!(
        error
            .message()
            .starts_with("larder.toml:7:1: in `memory:`: there is no setting `nonsense`"),
        "{error}"
    );
    let report = checked(&text.replace("nonsense", "history")).expect("is right");
    let managers: Vec<_> = report
        .io_managers
        .iter()
        .map(|manager| {
            (
                manager.key.as_str(),
                manager.assets,
                manager.default.is_some(),
                manager.settings.len(),
            )
        })
        .collect();
    assert_eq!(
        managers,
        [("a", 2, true, 1), ("code", 2, false, 0), ("idle", 0, false, 1)]
    );
    assert_eq!(
        (report.bindings[0].assets, report.bindings[0].defined.as_str()),
        (2, "larder.toml:9:1")
    );
}

#[test]
fn the_schema_puts_backends_together() {
    let schema = definitions("").backend(Arc::new(Lake::default())).config_schema();
    let lake = &schema["$defs"]["io_manager.lake"];
    assert_eq!(lake["properties"]["url"]["pattern"], "^((lake|lakes):|\\$)");
    assert_eq!(lake["properties"]["style"]["anyOf"][0]["$ref"], "#/$defs/lake.Style");
    assert_eq!(lake["properties"]["style"]["description"], "How it is addressed");
    assert_eq!(schema["$defs"]["lake.Style"]["enum"][1], "host");
    assert!(lake.get("required").is_none() && lake.get("title").is_none(), "{lake}");
    assert_eq!(lake["additionalProperties"], false);
    let none = Definitions::new().config_schema();
    assert_eq!(none["$defs"]["io_manager"], serde_json::json!({ "type": "object" }));
    let kinds = schema["$defs"]["io_manager"]["anyOf"].as_array().expect("is a list");
    assert_eq!(kinds.len(), 2);
    let mut targets = Vec::new();
    references(&schema, &mut targets);
    for target in targets {
        let name = target.strip_prefix("#/$defs/").expect("is local");
        assert!(schema["$defs"].get(name).is_some(), "{target}");
    }
    // The schema names every policy, and no other.
    let policies = serde_json::to_value(crate::Policies::default()).expect("is JSON");
    let names = |value: &serde_json::Value| {
        let names = value.as_object().expect("is an object").keys().cloned();
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        names(&schema["$defs"]["retry"]["properties"]),
        names(&policies["retry"])
    );
    assert_eq!(
        names(&schema["$defs"]["timeout"]["oneOf"][1]["properties"]),
        names(&policies["timeout"])
    );
    assert_eq!(names(&policies).len(), crate::config::layer::POLICIES.len());
}

fn references(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            into.extend(
                members
                    .get("$ref")
                    .and_then(|target| target.as_str())
                    .map(str::to_owned),
            );
            members.values().for_each(|value| references(value, into));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}
