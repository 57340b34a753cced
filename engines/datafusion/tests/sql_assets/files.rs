//! Queries in files, and what the configuration says of queries.

use super::*;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_chooses_engine_and_parameters() {
    let asset = || {
        Asset::builder("report")
            .parameter("least", 50.0)
            .sql("select customer from transactions where amount > $least")
    };
    // What puts everything into one manager reads no configuration.
    let with = |text: &str| {
        Definitions::new()
            .assets([raw(), asset()])
            .engine(Arc::new(DataFusion::new()))
            .default_io_manager(Arc::new(MemoryIo::new()))
            .variables([])
            .config_text(text)
    };
    let pipeline = with("engine = \"datafusion\"\n[parameters]\nleast = 15.0")
        .build()
        .expect("is valid");
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(shown(&pipeline, "report").await, [[json!(2)], [json!(2)]]);
    let told = pipeline
        .explain(&pipeline.key("report").expect("is there"))
        .expect("is there")
        .engine;
    assert_eq!(told.as_deref(), Some("datafusion, because larder.toml:1:10 says so"));
    for (text, told) in [
        (
            "engine = \"spark\"",
            "there is no engine `spark` (larder.toml:1:10 says so)",
        ),
        (
            "[parameters]\nleast = \"x\"",
            "the parameter `least` is of kind float, not text",
        ),
        (
            "[parameters]\nleats = 1.0",
            "no query takes the parameter `leats`; did you mean `least`?",
        ),
        ("[parameters]\nleast = [1]", "is a boolean, a number"),
    ] {
        let message = refused(with(text)).message().to_owned();
        assert!(message.contains(told), "{text}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_a_header() {
    let text = "-- What each customer spent.\n-- Counted once.\n-- group: finance\n-- columns: customer bigint not null,\n-- columns: total decimal(12, 2)\n\
        -- parameter: least = 1.5\n-- tag: team = ops\n-- retention: last 3\n\nselect customer, sum(amount) as total from raw.transactions\nwhere amount > $least group by customer";
    let file = Asset::sql_file("reports/spent", "assets/reports/spent.sql", text);
    let pipeline = built([raw(), file]);
    let key = pipeline.key("reports/spent").expect("is there");
    let info = pipeline.info(&key).expect("is there");
    assert_eq!(
        info.description.as_deref(),
        Some("What each customer spent.\nCounted once.")
    );
    assert_eq!(
        (info.group.as_deref(), info.tags["team"].as_str()),
        (Some("finance"), "ops")
    );
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    let mut rows = shown(&pipeline, "reports/spent").await;
    rows.sort_by_key(|row| format!("{row:?}"));
    assert_eq!(rows, [[json!(1), json!("15.00")], [json!(2), json!("120.50")]]);
    for (text, told) in [
        (
            "-- gruop: x\nselect 1 as a",
            "line 1: there is no setting `gruop`; did you mean `group`?",
        ),
        ("-- group: a\n-- group: b\nselect 1 as a", "line 2: `group` comes twice"),
        ("\n-- columns: a bigin\nselect 1 as a", "did you mean `bigint`?"),
        ("-- partitions: dayly from x\nselect 1 as a", "`daily from 2024-01-01`"),
        ("-- parameter: x\nselect 1 as a", "write `parameter: NAME = VALUE`"),
        ("-- group: a\n\nselect a frm b", "line 3"),
    ] {
        let error = refused(of([raw(), Asset::sql_file("x", "assets/x.sql", text)]));
        let message = error.message();
        assert!(
            message.contains("`x` (assets/x.sql)") && message.contains(told),
            "{text}: {message}"
        );
    }
}

#[test]
fn nothing_of_a_header_is_lost_in_silence() {
    let of_file = |text: &str| of([raw(), Asset::sql_file("x", "assets/x.sql", text)]).build();
    let licence =
        "\u{feff}/* Licence\n   of the file */\n-- group: finance\n-- Spent by customer: all of it.\nselect 1 as a";
    let pipeline = of_file(licence).expect("is valid");
    let info = pipeline.info(&pipeline.key("x").expect("is there")).expect("is there");
    assert_eq!(info.group.as_deref(), Some("finance"));
    assert_eq!(info.description.as_deref(), Some("Spent by customer: all of it."));
    for (text, told) in [
        ("-- IO-Manager: x\nselect 1 as a", "line 1: write `io_manager:`"),
        (
            "-- parameter: a = 1\n-- parameter: a = 2\nselect $a as a",
            "line 2: `parameter: a` comes twice",
        ),
        ("-- parameter: a = 2,000\nselect $a as a", "`2,000` is no value"),
        ("-- parameter: a = 9223372036854775808\nselect $a as a", "is no value"),
        ("explain select 1 as a", "`explain` is no value"),
        ("select 1 as a into b", "a query reads"),
    ] {
        let error = of_file(text).map(drop).expect_err(text);
        assert!(error.message().contains(told), "{text}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_has_parameters_of_its_own_and_hostile_texts_are_data() {
    let hostile = "'; drop table x; --";
    let text = format!(
        "[parameters]\nnote = \"a\"\nleast = 5\n[profile.other.parameters]\nnote = \"{hostile}\"\n[profile.other]\nengine = \"datafusion\""
    );
    for (profile, customers) in [(None, vec![1, 2]), (Some("other"), vec![2])] {
        let asset = Asset::builder("report")
            .parameter("note", "none")
            .parameter("least", 1.5)
            .sql("select customer from transactions where note = $note and amount > $least order by customer");
        let mut definitions = Definitions::new()
            .assets([raw(), asset])
            .engine(Arc::new(DataFusion::new()))
            .default_io_manager(Arc::new(MemoryIo::new()))
            .variables([])
            .config_text(text.as_str());
        if let Some(profile) = profile {
            definitions = definitions.profile(profile);
        }
        let pipeline = definitions.build().expect("is valid");
        assert!(pipeline.run("*").await.expect("runs").succeeded());
        let expected: Vec<Vec<Json>> = customers.into_iter().map(|customer| vec![json!(customer)]).collect();
        assert_eq!(shown(&pipeline, "report").await, expected, "{profile:?}");
    }
}
