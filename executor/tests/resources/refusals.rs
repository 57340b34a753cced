//! What is refused when definitions are built, and in which words.

use crate::support::{Db, definitions, seconds, takes};
use larder_executor::{Definitions, NoSettings, RunResource};
use larder_io_core::{Error, Secret};
use serde::Deserialize;
use std::any::type_name;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Settings {
    url: String,
    #[serde(default)]
    size: u32,
    #[serde(default)]
    password: Secret,
}

struct Other;

fn with(text: &str) -> Definitions {
    definitions([takes::<Db>("a", seconds(0))])
        .config_text(text)
        .variables([("HIDDEN".to_owned(), "hunter2".to_owned())])
}

fn declared(text: &str) -> Definitions {
    with(text).resource_with("warehouse", |_: Settings| async { Ok::<_, Error>(Db) })
}

fn refused(definitions: Definitions) -> String {
    definitions.build().expect_err("is wrong").message().to_owned()
}

fn plain<T: Send + Sync + 'static>(name: &str, value: fn() -> T) -> RunResource<T> {
    RunResource::new(name, move |_: NoSettings| async move { Ok::<_, Error>(value()) })
}

#[test]
fn settings_that_do_not_fit() {
    let of = format!("the resource `warehouse` (`{}`)", type_name::<Db>());
    for (text, told) in [
        (
            "[resources.warehouse]\nurl = 'x'\nsizes = 3",
            format!("larder.toml:3:1: {of}: there is no setting `sizes`; did you mean `size`?"),
        ),
        (
            "[resources.warehouse]\nsize = 3",
            format!("larder.toml:1:12: {of}: the setting `url` is missing"),
        ),
        (
            "",
            format!(
                "{of}: the setting `url` is missing; settings of it stand in `[resources.warehouse]` of larder.toml"
            ),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\nsize = 'many'",
            format!("larder.toml:3:1: {of}: the setting `size` takes a whole number from 0 to 4294967295, not `many`"),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\nsize = { env = 'HIDDEN' }",
            format!("larder.toml:3:1: {of}: the setting `size` has a value that cannot be used"),
        ),
        (
            "[resources.warehouse]\nurl = '${NOT_SET}'",
            "larder.toml:2:7: the environment variable NOT_SET is not set; set it, or write `${NOT_SET:-default}`"
                .to_owned(),
        ),
        (
            "[resources.warehose]\nurl = 'x'",
            "there is no resource `warehose`; did you mean `warehouse`?".to_owned(),
        ),
        (
            "[resources]\nwarehouse = 3",
            "larder.toml:2:13: the resource `warehouse` is a table, not an integer".to_owned(),
        ),
        (
            "[resourcs.warehouse]\nurl = 'x'",
            "larder.toml:1:2: there is no key `resourcs`; did you mean `resources`?".to_owned(),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\nretries = -1",
            format!("larder.toml:3:1: {of}: the setting `retries` takes a whole number from 0 to 4294967295, not `-1`"),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\nretry = { attemps = 3 }",
            format!("larder.toml:3:11: {of}: there is no setting `retry.attemps`; did you mean `retry.attempts`?"),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\nretries = 2\nretry = { attempts = 3 }",
            format!("larder.toml:3:1: {of}: `retries` says again what `retry.attempts` says; leave one of them out"),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\ntimeout = '0s'",
            format!(
                "larder.toml:3:1: {of}: the setting `timeout` is wrong: 0 is no time in which anything could be done"
            ),
        ),
        (
            "[resources.warehouse]\nurl = 'x'\nclose_timeout = 'off'",
            "the setting `close_timeout` is wrong: `off` is no duration".to_owned(),
        ),
    ] {
        let message = refused(declared(text));
        assert!(message.contains(&told), "{text}\n{message}\n{told}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    let two = "[resources.warehouse]\nurl = 'x'\n[profile.prod.resources.lake]\nurl = 'y'";
    declared(two).build().expect("is of a profile that nobody uses");
    assert_eq!(
        refused(declared(two).choose_profile("prod")),
        "larder.toml:3:25: there is no resource `lake`; there are warehouse"
    );
}

#[test]
fn names_and_types_that_are_taken() {
    let of = type_name::<Db>();
    let twice = with("").run_resource(plain("x", || Db)).run_resource(plain("y", || Db));
    assert_eq!(
        refused(twice),
        format!(
            "the resources `x` and `y` are both of type `{of}`, and assets take a resource by its type; put one of them into a type of its own, as in `struct Other(Db)`"
        )
    );
    let named = with("")
        .run_resource(plain("x", || Db))
        .run_resource(plain("x", || Other));
    assert_eq!(refused(named), "two resources have the name `x`; take one away");
    let ready = with("").run_resource(plain("x", || Db)).resource(Db);
    assert_eq!(
        refused(ready),
        format!(
            "there are two resources of type `{of}`: runs open `x`, and `Definitions::resource` gives a value; take one away, or say `replace_resource` in a test"
        )
    );
    assert!(refused(with("").run_resource(plain("", || Db))).contains("has an empty name"));
    let nobody = refused(with("[resources.x]").resource(Db));
    assert_eq!(
        nobody,
        "larder.toml:1:12: there is no resource `x`; `Definitions::resource_named` declares one"
    );
    // What is put into a type of its own is another.
    with("")
        .run_resource(plain("x", || Db))
        .run_resource(plain("y", || Other))
        .build()
        .expect("is valid");
}

#[test]
fn settings_with_names_of_larders_own() {
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Http {
        timeout: String,
    }
    let http = with("").resource_with("http", |_: Http| async { Ok::<_, Error>(Db) });
    let message = refused(http);
    assert!(
        message.contains("have a field `timeout`, which in `[resources.http]` is larder's own; rename it"),
        "{message}"
    );
}

#[test]
fn settings_of_what_has_none() {
    let text = "[resources.x]\nurl = 'x'";
    let told = "there is no setting `url`; none is known here";
    assert!(refused(with(text).run_resource(plain("x", || Db))).contains(told));
    let unit = RunResource::new("x", |()| async { Ok::<_, Error>(Db) });
    let message = refused(with(text).run_resource(unit.clone()));
    assert!(
        message.starts_with("larder.toml:2:1: ") && message.contains(told),
        "{message}"
    );
    with("[resources.x]\nretries = 1")
        .run_resource(unit)
        .build()
        .expect("is valid");
}

#[test]
fn a_limit_may_name_it_too() {
    let named = with("")
        .run_resource(plain("warehouse", || Db))
        .build()
        .expect("is valid");
    let limited = |limit: &str| {
        let mut options = larder_executor::RunOptions::default();
        options.limits = vec![limit.parse().expect("is a limit")];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let run = runtime.expect("is a runtime").block_on(named.run_with("*", options));
        run.map(|report| report.succeeded())
            .map_err(|error| error.message().to_owned())
    };
    assert_eq!(limited("warehouse=1"), Ok(true));
    assert_eq!(limited("db=1"), Ok(true));
    let message = limited("warehose=1").expect_err("is none");
    assert!(message.contains("did you mean `warehouse`?"), "{message}");
}
