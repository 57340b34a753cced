//! Branches: profiles that read what they lack from their parent, and write only their own; copying; two versions beside each other.
#![cfg(feature = "fs")]

use larder::partitions::Partitioning;
use larder::{
    Asset, AssetPartition, CodeVersion, CopyOptions, CopyOutcome, Definitions, Differs, ErrorKind, PartitionKey,
    Partitions, Pipeline, Recompute, RunOptions, Table,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

type Calls = Arc<Mutex<Vec<String>>>;

struct House {
    dir: TempDir,
    calls: Calls,
    config: String,
    /// The version of the code of `days`, and what it makes of each.
    days: u64,
}

const KINDS: [&str; 3] = ["x", "y", "z"];

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let at = dir.path().display();
        let config = format!(
            "io_manager = 'file:{at}/main'\n[profile.dev]\nparent = 'base'\nio_manager = 'file:{at}/dev'\n[profile.deeper]\nparent = 'dev'\nio_manager = 'file:{at}/deeper'\n"
        );
        Self {
            dir,
            calls: Calls::default(),
            config,
            days: 1,
        }
    }

    fn definitions(&self) -> Definitions {
        let (days, total) = (Arc::clone(&self.calls), Arc::clone(&self.calls));
        let factor = self.days;
        let days = Asset::builder("days")
            .partitions(Partitioning::fixed("kind", KINDS))
            .code_version(CodeVersion::manual(factor.to_string()))
            .function(move |args| {
                let partition = args.context().partition().map(ToString::to_string).unwrap_or_default();
                days.lock().expect("no panic").push(partition.clone());
                async move { Ok(format!("{partition} {factor}")) }
            });
        let total = Asset::builder("total")
            .code_version(CodeVersion::manual("1"))
            .input::<Partitions<String>>("days")
            .function(move |mut args| {
                total.lock().expect("no panic").push("total".to_owned());
                async move {
                    let days = args.input::<Partitions<String>>().await?;
                    Ok(days.values().cloned().collect::<Vec<_>>().join(", "))
                }
            });
        let home = ("LARDER_HOME".to_owned(), self.dir.path().display().to_string());
        larder::definitions()
            .assets([days, total])
            .config_text(&self.config)
            .variables([home])
    }

    fn open(&self, profile: Option<&str>) -> Pipeline {
        let definitions = match profile {
            Some(profile) => self.definitions().choose_profile(profile),
            None => self.definitions(),
        };
        let pipeline = definitions.build().unwrap_or_else(|error| panic!("{error}"));
        pipeline.open_catalog(true).expect("opens")
    }

    /// What was called since the last time.
    fn called(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.calls.lock().expect("no panic"));
        calls.sort_unstable();
        calls
    }

    fn stored(&self, place: &str) -> Vec<String> {
        fn walk(dir: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() && entry.file_name() != ".larder" {
                    walk(&path, root, found);
                } else if path.is_file() {
                    found.push(path.strip_prefix(root).expect("is below").display().to_string());
                }
            }
        }
        let root = self.dir.path().join(place);
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found.sort_unstable();
        found
    }
}

fn day(kind: &str) -> AssetPartition {
    let partition = PartitionKey::single("kind", kind).expect("is a key");
    (&"days".parse().expect("is a key"), &partition).into()
}

async fn run(pipeline: &Pipeline, selection: &str, partitions: Option<&str>, recompute: Recompute) {
    let mut options = RunOptions::default();
    options.recompute = recompute;
    options.partitions = partitions.map(str::to_owned);
    let report = pipeline.run_with(selection, options).await.expect("is planned");
    assert!(report.succeeded() && report.unrecorded.is_none(), "{report:?}");
}

async fn value(pipeline: &Pipeline, of: &AssetPartition) -> String {
    let value = pipeline
        .load_value(of, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    larder::AssetValue::from_value(value).await.expect("is a text")
}

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

#[tokio::test]
async fn copies_are_compared_recorded_and_fresh() {
    let mut house = House::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    house.called();
    // Another format: nothing is stored in it yet, and everything would be made again.
    let at = house.dir.path().display().to_string();
    let old = format!("file:{at}/main");
    house.config = format!("io_manager = 'file:{at}/main?object=msgpack'");
    let now = house.open(None);
    let source = house.definitions().build_within(&old).expect("builds");
    let copied = now
        .copy_from(&source, "*", &CopyOptions::default())
        .await
        .expect("copies");
    assert!(copied.iter().all(|done| done.outcome == CopyOutcome::Copied));
    assert_eq!(copied.len(), 4);
    assert_eq!(
        house.stored("main"),
        [
            "days/kind=x/data.msgpack",
            "days/kind=y/data.msgpack",
            "days/kind=z/data.msgpack",
            "total.msgpack"
        ]
    );
    run(&now, "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), [] as [String; 0]);
    assert_eq!(
        now.load::<String>("total").await.expect("loads"),
        "kind=x 1, kind=y 1, kind=z 1"
    );

    // Elsewhere, by key and by profile.
    house.config = format!(
        "io_manager = 'new'\n[io_managers.old]\nurl = 'file:{at}/main?object=msgpack'\n[io_managers.new]\nurl = 'file:{at}/new'\n[profile.p]\nio_manager = 'old'"
    );
    let new = house.open(None);
    let source = house.definitions().build_within("old").expect("builds");
    let mut some = CopyOptions::default();
    some.partitions = Some("x,y".to_owned());
    assert_eq!(new.copy_from(&source, "days", &some).await.expect("copies").len(), 2);
    let copied = new
        .copy_from(&source, "*", &CopyOptions::default())
        .await
        .expect("copies");
    let count = |outcome| copied.iter().filter(|done| done.outcome == outcome).count();
    assert_eq!((count(CopyOutcome::Same), count(CopyOutcome::Copied)), (2, 2));

    // Damage is found before anything is published.
    new.delete(&day("x")).await.expect("deletes");
    let file = house.dir.path().join("main/days/kind=x/data.msgpack");
    let mut bytes = std::fs::read(&file).expect("is there");
    *bytes.last_mut().expect("is not empty") ^= 1;
    damage(&file, &bytes);
    let refused = new
        .copy_from(&source, "days", &CopyOptions::default())
        .await
        .expect_err("is damaged");
    assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
    assert!(new.head(&day("x")).await.expect("tells").is_none());
    let unknown = house
        .definitions()
        .build_within("odl")
        .map(drop)
        .expect_err("is unknown");
    assert!(unknown.message().contains("did you mean `old`?"), "{unknown}");
}

/// Writes into a published file, which is read-only so that nobody does.
fn damage(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("may be changed");
    std::fs::write(file, bytes).expect("is written");
}

#[tokio::test]
async fn two_versions_are_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let pipeline = larder::definitions()
        .without_config()
        .default_io_manager_url(format!("file:{}", dir.path().display()))
        .asset(Asset::external::<Table>("table"))
        .asset(Asset::external::<BTreeMap<String, u64>>("object"))
        .build()
        .expect("builds");
    let table = |numbers: &[i64]| {
        let array: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(numbers.to_vec()));
        Table::from(arrow_array::RecordBatch::try_from_iter([("n", array)]).expect("fits"))
    };
    let first = pipeline.store("table", table(&[1, 2, 3])).await.expect("stores");
    let second = pipeline.store("table", table(&[3, 2, 4, 4])).await.expect("stores");
    let key = "table".parse::<larder::AssetKey>().expect("is a key");
    let found = pipeline
        .diff(&key, first.version.as_str(), None, 10)
        .await
        .expect("compares");
    assert_eq!(
        (&found.from.version, &found.to.version),
        (&first.version, &second.version)
    );
    match found.what {
        Differs::Table(found) => assert_eq!((found.removed, found.added, found.same), (1, 2, 2)),
        other => panic!("{other:?}"),
    }
    let same = pipeline
        .diff(&key, second.version.as_str(), None, 10)
        .await
        .expect("compares");
    assert!(matches!(same.what, Differs::Nothing));
    let unknown = pipeline.diff(&key, "nope", None, 10).await.expect_err("is not kept");
    assert_eq!(unknown.kind(), ErrorKind::NotFound);

    let object = |value: u64| BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), value)]);
    let first = pipeline.store("object", object(2)).await.expect("stores");
    pipeline.store("object", object(3)).await.expect("stores");
    let key = "object".parse::<larder::AssetKey>().expect("is a key");
    let found = pipeline
        .diff(&key, first.version.as_str(), None, 10)
        .await
        .expect("compares");
    match found.what {
        Differs::Object(found) => assert_eq!((found.count, found.places[0].at.as_str()), (1, "/b")),
        other => panic!("{other:?}"),
    }
}

/// A directory that was moved with its values keeps them fresh; one whose values are kept elsewhere does not.
#[tokio::test]
async fn a_home_that_moves_keeps_its_values() {
    let mut house = House::new();
    house.config = String::new();
    run(&house.open(None), "*", None, Recompute::All).await;
    assert_eq!(house.called().len(), 4);
    let moved = tempfile::tempdir().expect("a directory");
    let to = moved.path().join("home");
    std::fs::rename(house.dir.path(), &to).expect("moves");
    let elsewhere = TempDir::with_prefix_in("other", moved.path()).expect("a directory");
    house.dir = elsewhere;
    std::fs::remove_dir(house.dir.path()).expect("is empty");
    std::fs::rename(&to, house.dir.path()).expect("moves");
    run(&house.open(None), "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), [] as [String; 0]);
}

/// What was restored is what it was made from: with the same code it is fresh, and what takes it follows.
#[tokio::test]
async fn a_restored_version_is_recorded() {
    let mut house = House::new();
    let pipeline = house.open(None);
    run(&pipeline, "*", None, Recompute::All).await;
    let first = pipeline
        .head(&day("x"))
        .await
        .expect("tells")
        .expect("is there")
        .version;
    house.days = 2;
    run(&house.open(None), "*", None, Recompute::All).await;
    house.called();
    house
        .open(None)
        .restore(&day("x"), first.as_str())
        .await
        .expect("restores");
    // Of the newer code it is none.
    run(&house.open(None), "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), ["kind=x"]);
    house
        .open(None)
        .restore(&day("x"), first.as_str())
        .await
        .expect("restores");
    house.days = 1;
    let back = house.open(None);
    run(&back, "*", None, Recompute::Stale).await;
    assert_eq!(house.called(), ["kind=y", "kind=z", "total"]);
    assert_eq!(
        back.load::<String>("total").await.expect("loads"),
        "kind=x 1, kind=y 1, kind=z 1"
    );
}
