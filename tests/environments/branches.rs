//! Branches: profiles that read what they lack from their parent, and write only their own.

use crate::support::{House, day, run, value};
use larder::partitions::Partitioning;
use larder::{Asset, AssetPartition, CodeVersion, CopyOptions, CopyOutcome, ErrorKind, Recompute, RunOptions, Table};
use std::sync::Arc;

#[tokio::test]
async fn a_branch_reads_what_it_lacks_and_writes_only_its_own() {
    let mut house = House::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    assert_eq!(house.called(), ["kind=x", "kind=y", "kind=z", "total"]);

    // The parent has everything as the branch would make it.
    let dev = house.open(Some("dev"));
    assert_eq!(value(&dev, &day("y")).await, "kind=y 1");
    assert!(dev.preview("*", &stale()).await.expect("tells").is_empty());
    run(&dev, "*", None, Recompute::Stale).await;
    run(&dev, "*", None, Recompute::Missing).await;
    assert_eq!((house.called(), house.stored("dev")), (vec![], vec![]));

    // One partition is the branch's own, and what is made from all of them takes it with those of the parent.
    house.days = 2;
    let dev = house.open(Some("dev"));
    run(&dev, "days", Some("y"), Recompute::Stale).await;
    run(&dev, "total", None, Recompute::Stale).await;
    assert_eq!(house.called(), ["kind=y", "total"]);
    assert_eq!(house.stored("dev"), ["days/kind=y/data.json", "total.json"]);
    assert_eq!(
        dev.load::<String>("total").await.expect("loads"),
        "kind=x 1, kind=y 2, kind=z 1"
    );
    let deeper = house.open(Some("deeper"));
    assert_eq!(value(&deeper, &day("y")).await, "kind=y 2");
    assert_eq!(value(&deeper, &day("x")).await, "kind=x 1");
    let base = house.open(None);
    assert_eq!(value(&base, &day("y")).await, "kind=y 1");
    assert_eq!(
        base.load::<String>("total").await.expect("loads"),
        "kind=x 1, kind=y 1, kind=z 1"
    );

    // What the branch deletes is its own.
    assert!(dev.delete(&day("y")).await.expect("deletes"));
    assert!(!dev.delete(&day("x")).await.expect("has none"));
    assert_eq!(value(&dev, &day("y")).await, "kind=y 1");
    assert_eq!(value(&base, &day("x")).await, "kind=x 1");
    let explained = dev.explain(&"total".parse().expect("is a key")).expect("is there");
    let main = house.dir.path().join("main").display().to_string();
    assert!(explained.inherits.is_some_and(|inherits| inherits.contains(&main)));
}

fn stale() -> RunOptions {
    let mut options = RunOptions::default();
    options.recompute = Recompute::Stale;
    options
}

#[tokio::test]
async fn what_is_promoted_is_the_parents_and_is_not_made_again() {
    let mut house = House::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    house.days = 2;
    let dev = house.open(Some("dev"));
    run(&dev, "days", Some("y"), Recompute::All).await;
    run(&dev, "total", None, Recompute::All).await;
    house.called();
    let mut options = CopyOptions::default();
    options.dry_run = true;
    let would = dev.promote("*", &options).await.expect("tells");
    assert_eq!(would.len(), 2);
    assert_eq!(value(&house.open(None), &day("y")).await, "kind=y 1");
    options.dry_run = false;
    // One after the other: what is made from days takes them.
    let base_before = house.open(None);
    let mut only = options.clone();
    only.partitions = Some("y".to_owned());
    let promoted = dev.promote("days", &only).await.expect("promotes");
    assert_eq!(promoted.len(), 1);
    assert_eq!(
        (promoted[0].outcome, promoted[0].of.clone()),
        (CopyOutcome::Copied, day("y"))
    );
    let of_branch = dev.head(&day("y")).await.expect("tells").expect("is there");
    let of_base = base_before.head(&day("y")).await.expect("tells").expect("is there");
    assert_eq!(
        (of_branch.run, of_branch.content_hash, of_branch.code_version),
        (of_base.run, of_base.content_hash, of_base.code_version)
    );
    assert!(
        dev.promote("*", &options)
            .await
            .expect("promotes")
            .iter()
            .any(|done| done.outcome == CopyOutcome::Same)
    );
    // With the new code, the parent makes only what nobody promoted.
    let base = house.open(None);
    run(&base, "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), ["kind=x", "kind=z", "total"]);
    assert_eq!(
        base.load::<String>("total").await.expect("loads"),
        "kind=x 2, kind=y 2, kind=z 2"
    );
    let refused = base.promote("*", &options).await.expect_err("is no branch");
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn branches_that_cannot_be_are_refused() {
    let house = House::new();
    let refused = |config: &str, profile: &str| {
        let definitions = house.definitions().config_text(config).choose_profile(profile);
        definitions.build().map(drop).expect_err(config).message().to_owned()
    };
    for (config, profile, wanted) in [
        (
            "io_manager = 'file:same'\n[profile.p]\nparent = 'base'",
            "p",
            "`days` would be written into file",
        ),
        (
            "io_manager = 'file:prod'\n[profile.dev]\nparent = 'base'\nio_manager = 'file:dev'\n[profile.p]\nparent = 'dev'",
            "p",
            "`days` would be written into file",
        ),
        (
            "io_manager = 'memory:'\n[profile.p]\nparent = 'p'",
            "p",
            "larder.toml:3:10: the profile `p` is its own parent",
        ),
        (
            "io_manager = 'memory:'\n[profile.p]\nparent = 'q'\n[profile.q]\nparent = 'p'",
            "p",
            "larder.toml:5:10: profiles are each other's parents: p -> q -> p",
        ),
        (
            "io_manager = 'memory:'\n[profile.feature]\nparent = 'prd'\n[profile.prod]",
            "feature",
            "larder.toml:3:10: there is no profile `prd`; did you mean `prod`?",
        ),
        (
            "io_manager = 'file:a'\n[profile.p]\nparent = 'base'\nio_manager = 'file:b'\nlayout = 'dagster'",
            "p",
            "a branch has its parent's layout",
        ),
        ("parent = 'base'", "p", "larder.toml:1:1: there is no key `parent` here"),
    ] {
        let message = refused(config, profile);
        assert!(message.contains(wanted), "{config}\n{message}");
    }
}

/// What was stale in the branch is not made fresh by being promoted, and a value of a partition that the parent does not have is refused.
#[tokio::test]
async fn nothing_becomes_fresh_by_being_promoted() {
    let house = House::new();
    let definitions = |zone: &str, profile: Option<&str>| {
        let days = Partitioning::daily("2024-01-01").end("2024-01-03").time_zone(zone);
        let calls = Arc::clone(&house.calls);
        let asset = Asset::builder("windows")
            .partitions(days)
            .code_version(CodeVersion::manual("1"))
            .function(move |args| {
                calls.lock().expect("no panic").push("window".to_owned());
                async move { Ok(args.context().partition().map(ToString::to_string)) }
            });
        let customers = Asset::builder("customers")
            .partitions(Partitioning::dynamic("customer"))
            .code_version(CodeVersion::manual("1"))
            .function(|_| async { Ok(1_u64) });
        let definitions = house.definitions().assets([asset, customers]);
        let definitions = match profile {
            Some(profile) => definitions.choose_profile(profile),
            None => definitions,
        };
        definitions.build().expect("builds").open_catalog(true).expect("opens")
    };
    let dev = definitions("UTC", Some("dev"));
    run(&dev, "windows", None, Recompute::All).await;
    assert_eq!(house.called().len(), 2);
    // The windows are others now.
    let dev = definitions("Europe/Berlin", Some("dev"));
    let promoted = dev.promote("windows", &CopyOptions::default()).await.expect("promotes");
    assert_eq!(promoted.len(), 2);
    run(&definitions("Europe/Berlin", None), "windows", None, Recompute::Stale).await;
    assert_eq!(house.called().len(), 2, "they were stale, and still are");

    let catalog = dev.catalog().expect("is open").clone();
    catalog.add_dynamic_keys("customer", ["acme"]).await.expect("adds");
    run(&dev, "customers", None, Recompute::Stale).await;
    let refused = dev
        .promote("customers", &CopyOptions::default())
        .await
        .expect_err("is unknown there");
    assert!(refused.message().contains("partitions add"), "{refused}");
    let base = definitions("UTC", None);
    let of_base = base.catalog().expect("is open");
    of_base.add_dynamic_keys("customer", ["acme"]).await.expect("adds");
    assert_eq!(
        dev.promote("customers", &CopyOptions::default())
            .await
            .expect("promotes")
            .len(),
        1
    );
}

#[tokio::test]
async fn what_is_promoted_is_read_before_it_counts() {
    let mut house = House::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    house.days = 2;
    let dev = house.open(Some("dev"));
    run(&dev, "days", Some("y"), Recompute::All).await;
    let file = house.dir.path().join("dev/days/kind=y/data.json");
    // As much as was there, so that only the hash tells.
    let text = std::fs::read_to_string(&file).expect("is a file").replace('2', "3");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("may");
    std::fs::write(&file, text).expect("writes");
    let refused = dev
        .promote("days", &CopyOptions::default())
        .await
        .expect_err("is damaged");
    assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
    assert_eq!(value(&house.open(None), &day("y")).await, "kind=y 1");
}

#[tokio::test]
async fn what_is_promoted_is_the_bytes_of_the_branch() {
    let mut house = House::new();
    // What the parent stores itself is of other bytes.
    house.config = house.config.replacen("/main'", "/main?compression=none'", 1);
    let open = |profile: Option<&str>| {
        let numbers = Asset::builder("numbers").function(|_| async {
            let numbers: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from_iter_values(0..50_000));
            Ok(Table::from(
                arrow_array::RecordBatch::try_from_iter([("n", numbers)]).expect("fits"),
            ))
        });
        let definitions = larder::definitions().assets([numbers]).config_text(&house.config);
        let definitions = match profile {
            Some(profile) => definitions.choose_profile(profile),
            None => definitions,
        };
        definitions.build().unwrap_or_else(|error| panic!("{error}"))
    };
    let (base, dev) = (open(None), open(Some("dev")));
    run(&dev, "numbers", None, Recompute::All).await;
    let bytes = |place: &str| std::fs::read(house.dir.path().join(place).join("numbers.parquet")).expect("is a file");
    let promoted = dev.promote("numbers", &CopyOptions::default()).await.expect("promotes");
    assert_eq!(promoted[0].outcome, CopyOutcome::Copied);
    assert!(bytes("main") == bytes("dev"), "it was written anew");
    let loaded = base.load::<Table>("numbers").await.expect("loads");
    assert_eq!(loaded.rows(), 50_000);
    // A copy is as the target's settings say.
    base.delete(&AssetPartition::from(
        &"numbers".parse::<larder::AssetKey>().expect("is a key"),
    ))
    .await
    .expect("deletes");
    base.copy_from(&dev, "numbers", &CopyOptions::default())
        .await
        .expect("copies");
    assert!(bytes("main") != bytes("dev"), "it is the same file");
}
