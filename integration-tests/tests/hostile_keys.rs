//! Hostile names of assets and partitions never leave the root and never meet: each stored value is its own, or was
//! refused with words.

use futures_util::TryStreamExt;
use larder::{
    AssetKey, AssetValue, ErrorKind, Form, HiveLayout, IoManager, Layout, Location, OutputContext, PartitionKey,
};
use larder_integration_tests::{files, published, scratch};
use larder_io_fs::{Durability, FsConfig};
use larder_io_object::ObjectIo;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Key = (Vec<String>, Option<Vec<(String, String)>>);

const NASTY: [&str; 58] = [
    "..",
    ".",
    "...",
    "../../x",
    "/etc/x",
    "etc/passwd",
    "a",
    "A",
    "a/b",
    "a.json",
    "a.json/b",
    "a.b",
    "CON",
    "con",
    "Con.txt",
    "NUL",
    "COM1",
    "LPT9",
    "aux",
    "=",
    "a=b",
    "x=1",
    "%2F",
    "%2f",
    "%",
    "%00",
    "%2E%2E",
    "a%2Fb",
    "\0",
    "a\0b",
    "\n",
    "\r\n",
    "\t",
    "\u{7f}",
    "\u{85}",
    "\u{202e}abc",
    "\u{feff}",
    "😀",
    "👨‍👩‍👧‍👦",
    "é",
    "e\u{301}",
    "É",
    "ß",
    "ẞ",
    "ſ",
    "İ",
    "ı",
    " ",
    "a ",
    " a",
    "data",
    "data.json",
    ".larder",
    ".LARDER",
    "_x",
    "~",
    "x\\y",
    "C:\\x",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        14 => prop::sample::select(NASTY.to_vec()).prop_map(str::to_owned),
        3 => "[aAbB.=%/]{1,6}",
        1 => any::<String>(),
        1 => (1..5usize).prop_map(|kib| "k".repeat(kib << 10)),
        1 => (200..260usize).prop_map(|bytes| "n".repeat(bytes)),
        1 => (60..130usize).prop_map(|bytes| "é".repeat(bytes)),
    ]
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    let asset = prop::collection::vec(text(), 1..4);
    let partition = prop::option::weighted(0.4, prop::collection::vec((text(), text()), 1..3));
    prop::collection::vec((asset, partition), 2..12)
}

/// A root with a directory around it, so that what leaves the root is seen.
struct Fenced {
    fence: tempfile::TempDir,
    manager: ObjectIo,
}

impl Fenced {
    fn new() -> Self {
        let fence = scratch();
        let mut config = FsConfig::new(fence.path().join("deep/er/root"));
        config.durability = Durability::Rename;
        Self {
            manager: config.open().expect("opens"),
            fence,
        }
    }

    fn root(&self) -> PathBuf {
        self.fence.path().join("deep/er/root")
    }

    fn nothing_is_outside(&self) {
        let outside: Vec<PathBuf> = files(self.fence.path())
            .into_iter()
            .filter(|file| !file.starts_with("deep/er/root"))
            .collect();
        assert_eq!(outside, Vec::<PathBuf>::new(), "files outside of the root");
        assert!(!Path::new("/etc/x").exists() && !Path::new("/etc/x.json").exists());
    }
}

fn clear(error: &larder::Error) -> bool {
    error.kind() == ErrorKind::InvalidDefinition && error.message().len() > 20
}

/// The parsed key, or `None` when it was refused with words.
fn parse((asset, partition): &Key) -> Option<(AssetKey, Option<PartitionKey>, Location)> {
    let parsed = AssetKey::new(asset.clone()).and_then(|asset| {
        let partition = partition.clone().map(PartitionKey::new).transpose()?;
        let location = HiveLayout.locate(&asset, partition.as_ref())?;
        Ok((asset, partition, location))
    });
    parsed
        .inspect_err(|error| assert!(clear(error), "not clear: {error:?}"))
        .ok()
}

/// Gives how many were stored and how many were refused.
async fn store_and_load_all(keys: Vec<Key>) -> (usize, usize) {
    let fenced = Fenced::new();
    let mut refused = 0;
    let mut stored: BTreeMap<(AssetKey, Option<PartitionKey>), (OutputContext, String)> = BTreeMap::new();
    for (index, key) in keys.iter().enumerate() {
        let Some((asset, partition, location)) = parse(key) else {
            refused += 1;
            continue;
        };
        let context = OutputContext::new(asset.clone(), partition.clone(), location);
        let value = format!("value {index} of {asset:?} {partition:?}");
        match fenced
            .manager
            .handle_output(&context, &value.clone().into_value())
            .await
        {
            Ok(_) => drop(stored.insert((asset, partition), (context, value))),
            Err(error) => {
                assert!(clear(&error), "not clear: {error:?}");
                refused += 1;
            }
        }
    }
    fenced.nothing_is_outside();
    // On a disk that tells letter case apart every key has a file of its own.
    assert_eq!(
        published(&fenced.root()).len(),
        stored.len(),
        "{:?}",
        published(&fenced.root())
    );
    for ((asset, partition), (context, value)) in &stored {
        let loaded = fenced
            .manager
            .load_input(&context.to_input(Form::Object).verified())
            .await;
        let loaded =
            String::from_value(loaded.unwrap_or_else(|error| panic!("{asset:?} {partition:?}: {error:?}"))).await;
        assert_eq!(loaded.as_ref().ok(), Some(value), "{asset:?} {partition:?}");
        let receipt = fenced
            .manager
            .head(&context.to_input(Form::Object))
            .await
            .expect("can tell")
            .expect("is there");
        assert_eq!((&receipt.asset, &receipt.partition), (asset, partition));
        assert_eq!(
            HiveLayout.parse(&context.location),
            Some((asset.clone(), partition.clone()))
        );
    }
    let listed: Vec<Location> = fenced.manager.list(None).try_collect().await.expect("lists");
    let expected: BTreeSet<&Location> = stored.values().map(|(context, _)| &context.location).collect();
    assert_eq!(listed.len(), stored.len(), "each once");
    assert_eq!(listed.iter().collect::<BTreeSet<_>>(), expected);
    for (context, _) in stored.values() {
        fenced
            .manager
            .versions()
            .expect("keeps some")
            .history(&context.to_input(Form::Object))
            .await
            .expect("is listed");
        fenced
            .manager
            .delete(&context.to_input(Form::Object))
            .await
            .expect("is deleted");
    }
    assert_eq!(
        published(&fenced.root()),
        Vec::<PathBuf>::new(),
        "each was deleted, and nothing else"
    );
    fenced.nothing_is_outside();
    (stored.len(), refused)
}

/// Raw stems, as a user's own layout or `location = ".."` may give them: refused, or kept inside of the root.
async fn raw_stems(stems: Vec<String>) {
    let fenced = Fenced::new();
    let mut stored: BTreeMap<Location, String> = BTreeMap::new();
    for (index, stem) in stems.iter().enumerate() {
        let location = match stem.parse::<Location>() {
            Ok(location) => location,
            Err(error) => {
                assert!(clear(&error), "not clear: {error:?}");
                continue;
            }
        };
        let context = OutputContext::new(larder_integration_tests::key("raw"), None, location.clone());
        let value = format!("value {index}");
        match fenced
            .manager
            .handle_output(&context, &value.clone().into_value())
            .await
        {
            Ok(_) => drop(stored.insert(location, value)),
            Err(error) => assert!(clear(&error), "not clear: {error:?}"),
        }
    }
    fenced.nothing_is_outside();
    for (location, value) in &stored {
        let input =
            OutputContext::new(larder_integration_tests::key("raw"), None, location.clone()).to_input(Form::Object);
        let loaded = fenced
            .manager
            .load_input(&input)
            .await
            .unwrap_or_else(|error| panic!("{location}: {error:?}"));
        assert_eq!(
            String::from_value(loaded).await.as_ref().ok(),
            Some(value),
            "{location}"
        );
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local!(static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().expect("starts"));
    RUNTIME.with(|runtime| runtime.block_on(work))
}

const CASES: u32 = 600;

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn hostile_keys_stay_inside_and_apart() {
    let counts = Cell::new((0, 0));
    let tried = runner().run(&keys(), |keys| {
        let (stored, refused) = block_on(store_and_load_all(keys));
        counts.set((counts.get().0 + stored, counts.get().1 + refused));
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{failure}"));
    let (stored, refused) = counts.get();
    println!("hostile keys: {CASES} roots, {stored} keys stored and loaded as they were, {refused} refused with words");
    assert!(
        stored > CASES as usize && refused > 0,
        "{stored} stored, {refused} refused"
    );
}

#[test]
fn hostile_stems_stay_inside() {
    let stem = prop::collection::vec(text(), 1..4).prop_map(|parts| parts.join("/"));
    let tried = runner().run(&prop::collection::vec(stem, 1..10), |stems| {
        block_on(raw_stems(stems));
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Every nasty name as an asset, as a segment, as a dimension and as a value, all in one root.
#[test]
fn all_nasty_names_together() {
    let one = |name: &str| -> Vec<Key> {
        let name = name.to_owned();
        vec![
            (vec![name.clone()], None),
            (vec!["a".to_owned(), name.clone()], None),
            (vec![name.clone(), "a".to_owned()], None),
            (vec!["p".to_owned()], Some(vec![("date".to_owned(), name.clone())])),
            (vec!["p".to_owned()], Some(vec![(name.clone(), "1".to_owned())])),
            (vec![name.clone()], Some(vec![(name.clone(), name)])),
        ]
    };
    let (stored, refused) = block_on(store_and_load_all(NASTY.into_iter().flat_map(one).collect()));
    println!(
        "all {} nasty names in one root: {stored} keys stored and loaded as they were, {refused} refused",
        NASTY.len()
    );
    assert!(stored > 250 && refused > 0, "{stored} stored, {refused} refused");
}
