//! Laws 8, 9 and 10: locations do not get in each other's way, keys survive, lists are exact.

use super::support::{assert_refusal, location, output};
use crate::Fixture;
use larder_io_core::{AssetKey, AssetValue, Blob, Form, OutputContext, PartitionKey};

/// Stems that a careless store would take for one another.
const NEIGHBOURS: [&str; 14] = [
    "a", "a/b", "ab", "a/b/c", "a/bc", "A", "a.b", "a-b", "a b", "a%20b", "a+b", "\u{e9}", "e\u{301}", "a%2Fb",
];

/// Stems that are odd but valid.
const HOSTILE: [&str; 26] = [
    "%2F",
    "%2e%2e",
    "a%00b",
    "100%",
    "x=1/y=2",
    "date=2024-01-01/data",
    "~",
    "~root",
    "-rf",
    "--",
    " lead",
    "trail ",
    "dot.",
    ".hidden",
    "a..b",
    "...",
    "a:b",
    "C:x",
    "a*b?",
    "[a-z]",
    "a\"b'c",
    "<a>|b",
    "#a&b=c",
    "$HOME`x`",
    "👩‍👩‍👧/🇩🇪",
    "con",
];

/// Stores one value each, then looks whether each is still there; refused stems are left out.
async fn all_survive(fixture: &Fixture, law: u8, stems: &[String]) {
    let probe = fixture.probe();
    let mut kept = Vec::new();
    for (seed, stem) in stems.iter().enumerate() {
        let stored = fixture
            .manager()
            .handle_output(&output(stem), &probe.make(seed as u64 + 1))
            .await;
        match stored {
            Ok(_) => kept.push((stem, seed as u64 + 1)),
            Err(error) => assert_refusal(law, &format!("the stem {stem:?}"), &error),
        }
    }
    for (stem, seed) in &kept {
        fixture
            .assert_holds(law, "beside its neighbours", &output(stem), probe, *seed)
            .await;
    }
    let mut wanted: Vec<&str> = kept.iter().map(|(stem, _)| stem.as_str()).collect();
    wanted.sort_unstable();
    check_eq!(
        fixture.list(None).await,
        wanted,
        "law 10: the list differs from what was stored"
    );
    for (gone, (stem, _)) in kept.iter().enumerate() {
        let deleted = fixture.manager().delete(&output(stem).to_input(probe.form())).await;
        deleted.unwrap_or_else(|error| panic!("law {law}: delete of {stem:?} failed: {error:?}"));
        for (other, seed) in &kept[gone + 1..] {
            fixture
                .assert_holds(
                    law,
                    &format!("after a delete of {stem:?}"),
                    &output(other),
                    probe,
                    *seed,
                )
                .await;
        }
    }
}

/// Stems that look alike, begin alike or lie below each other hold values of their own.
pub async fn law_08_neighbours_are_left_alone(fixture: &Fixture) {
    all_survive(fixture, 8, &NEIGHBOURS.map(str::to_owned)).await;
    fixture.store(&output("plain"), &fixture.probe().make(1)).await;
    fixture
        .assert_holds(8, "as a plain stem", &output("plain"), fixture.probe(), 1)
        .await;
}

/// A blob's suffix cannot lead out of the root or into another value.
pub async fn law_08_extensions_stay_inside(fixture: &Fixture) {
    if !fixture.takes(Form::Blob) {
        return;
    }
    for extension in ["../../law08escape", "/law08escape", "a/b", "..", "", "a\0b", "%2e%2e"] {
        let mut ctx = output("page");
        ctx.extension = Some(extension.to_owned());
        let value = Blob::from(b"text".to_vec()).into_value();
        if let Some(loaded) = fixture.keep_or_refuse(8, "an odd suffix", &ctx, &value).await {
            let bytes = Blob::from_value(loaded).await.expect("law 8: is no blob").bytes().await;
            assert!(
                bytes.is_ok_and(|bytes| bytes == "text"),
                "law 8: a blob with an odd suffix came back changed"
            );
            fixture
                .manager()
                .delete(&ctx.to_input(Form::Blob))
                .await
                .expect("law 6: delete failed");
        }
        for root in fixture.root().into_iter().flat_map(|root| root.ancestors().take(3)) {
            let escaped = root.join("law08escape").try_exists().unwrap_or(false);
            assert!(!escaped, "law 8: a suffix led to {}", root.display());
        }
    }
    let mut ctx = output("page");
    ctx.extension = Some("html".to_owned());
    fixture.store(&ctx, &Blob::from(b"<p>".to_vec()).into_value()).await;
    let bytes = <Vec<u8>>::from_value(fixture.load(&ctx.to_input(Form::Blob)).await).await;
    assert!(
        bytes.is_ok_and(|bytes| bytes == b"<p>"),
        "law 8: a blob with a suffix came back changed"
    );
}

/// Odd stems hold their values or are refused clearly.
pub async fn law_09_hostile_stems(fixture: &Fixture) {
    all_survive(fixture, 9, &HOSTILE.map(str::to_owned)).await;
    let probe = fixture.probe();
    let ctx = output("x=1/y=2");
    fixture.store(&ctx, &probe.make(1)).await;
    fixture
        .assert_holds(9, "in the shape of a Hive partition", &ctx, probe, 1)
        .await;
}

/// Long segments and long stems hold their values or are refused clearly.
pub async fn law_09_long_stems(fixture: &Fixture) {
    let long = |text: &str, bytes: usize| text.repeat(bytes / text.len());
    let mut stems = vec![long("x", 200), long("é", 200), long("👩", 200), long("x", 230)];
    stems.push(format!("{}/{}", long("d", 200), long("d", 200)));
    stems.push(vec![long("n", 95); 9].join("/"));
    // The same but for the last byte: a store that cuts names takes them for one.
    stems.push(format!("{}y", long("x", 199)));
    stems.push(format!("{}/{}e", long("d", 200), long("d", 199)));
    all_survive(fixture, 9, &stems).await;
}

/// Assets and partitions of any name come back in the receipt as they were, or are refused.
pub async fn law_09_keys_in_receipts(fixture: &Fixture) {
    let probe = fixture.probe();
    let names = [
        "line\nbreak\0",
        "quote\"\\'",
        "👩‍👩‍👧 ключ",
        "\u{7f}\u{80}",
        "..",
        " ",
        "=%2F",
        &"k".repeat(1024),
    ];
    for (index, name) in names.iter().enumerate() {
        let asset = AssetKey::new([*name]).expect("is a valid key");
        let value: String = name.chars().take(500).collect();
        let partition = PartitionKey::single("dimension", value).expect("is a valid partition");
        let ctx = OutputContext::new(
            asset.clone(),
            Some(partition.clone()),
            location(&format!("keys/{index}")),
        );
        let form = probe.form();
        if fixture
            .keep_or_refuse(9, "an odd key", &ctx, &probe.make(1))
            .await
            .is_some()
        {
            let head = fixture
                .head(&ctx.to_input(form))
                .await
                .expect("law 9: a value with an odd key has no receipt");
            check_eq!(head.asset, asset, "law 9: the asset's name in the receipt changed");
            check_eq!(
                head.partition,
                Some(partition),
                "law 9: the partition's name in the receipt changed"
            );
            fixture.assert_holds(9, "with an odd key", &ctx, probe, 1).await;
        }
    }
}

/// A prefix means whole segments.
pub async fn law_10_list_by_whole_segments(fixture: &Fixture) {
    let probe = fixture.probe();
    for stem in ["a", "a/b", "a/b/c", "a/bc", "ab", "ab/c", "a.b/c", "z"] {
        fixture.store(&output(stem), &probe.make(1)).await;
    }
    for (prefix, below) in [
        ("a", vec!["a/b", "a/b/c", "a/bc"]),
        ("a/b", vec!["a/b/c"]),
        ("ab", vec!["ab/c"]),
        ("a.b", vec!["a.b/c"]),
        ("z", vec![]),
        ("nothing", vec![]),
        ("a/b/c/d", vec![]),
    ] {
        let mut found = fixture.list(Some(prefix)).await;
        // Whether a stem is below itself is left to the store.
        found.retain(|stem| stem != prefix);
        check_eq!(found, below, "law 10: list below `{prefix}`");
    }
    let all = ["a", "a.b/c", "a/b", "a/b/c", "a/bc", "ab", "ab/c", "z"];
    check_eq!(fixture.list(None).await, all, "law 10: list of everything");
}

/// Every stem is listed once, however often and in however many forms it was stored.
pub async fn law_10_list_once(fixture: &Fixture) {
    assert!(
        fixture.list(None).await.is_empty(),
        "law 10: an empty store lists something"
    );
    for round in 0..4 {
        for form in fixture.forms() {
            for stem in ["many/x", "many/y"] {
                let ctx = output(&format!("{stem}/{form}"));
                fixture.store(&ctx, &super::probe::Probe::new(form).make(round)).await;
            }
        }
    }
    let mut wanted: Vec<String> = Vec::new();
    for stem in ["many/x", "many/y"] {
        wanted.extend(fixture.forms().iter().map(|form| format!("{stem}/{form}")));
    }
    wanted.sort_unstable();
    check_eq!(fixture.list(None).await, wanted, "law 10: list after replacements");
    check_eq!(
        fixture.list(Some("many")).await,
        wanted,
        "law 10: list after replacements"
    );
}
