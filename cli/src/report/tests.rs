//! The page of a run with all that can be in one, and with text that would act if it could.

use super::graph::Node;
use super::history::Point;
use super::page::Page;
use super::state::{State, states};
use crate::graph::Graph;
use crate::past::test::{past, step};
use crate::past::{Past, PastStep, PastTable};
use larder_catalog::Failure;
use larder_executor::{Asset, Definitions};
use larder_io_memory::MemoryIo;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const HOSTILE: &str = "</title></pre><script>alert(1)</script>\" onload='x'\u{202e}";

fn failing(key: &str, message: &str) -> PastStep {
    let mut step = step(key, (1, 2), None);
    step.published = 0;
    step.failure = Some(Failure {
        run: larder_io_core::RunId::random(),
        assets: step.assets.clone(),
        partitions: Vec::new(),
        at: jiff::Timestamp::UNIX_EPOCH,
        kind: message.to_owned(),
        message: message.to_owned(),
    });
    step
}

fn page(past: &Past) -> Page<'_> {
    let node = |name: &str, state| Node {
        name: name.to_owned(),
        state,
        told: HOSTILE.to_owned(),
        link: Some("s0".to_owned()),
    };
    Page {
        past,
        nodes: vec![node(HOSTILE, State::Failed), node("b", State::HeldBack)],
        edges: vec![(0, 1)],
        left_out: 3,
        history: vec![(
            HOSTILE.to_owned(),
            vec![Point {
                run: HOSTILE.to_owned(),
                at: HOSTILE.to_owned(),
                bytes: Some(3),
                rows: None,
                took: Duration::from_secs(1),
                memory: Some(7),
            }],
        )],
        made_at: jiff::Timestamp::UNIX_EPOCH,
        nonce: "once".to_owned(),
    }
}

#[test]
fn no_text_becomes_a_tag() {
    let mut past = past(vec![
        failing(&HOSTILE.replace('/', "|"), HOSTILE),
        step("b", (0, 5), Some((1, 9))),
    ]);
    past.summary.selection = HOSTILE.to_owned();
    past.summary.profile = Some(HOSTILE.to_owned());
    past.steps[1].partitions = HOSTILE.to_owned();
    let columns =
        serde_json::json!([{ "name": HOSTILE, "type": HOSTILE, "nulls": 3, "min": HOSTILE, "max": [HOSTILE] }]);
    past.steps[1].tables = vec![PastTable {
        asset: HOSTILE.to_owned(),
        partition: Some(HOSTILE.to_owned()),
        rows: Some(4),
        columns: serde_json::from_value(columns).expect("are columns"),
        preview: vec![
            serde_json::json!({ HOSTILE: HOSTILE }),
            serde_json::json!({ HOSTILE: { HOSTILE: HOSTILE } }),
        ],
    }];
    let html = page(&past).html();
    // The page's own, with the word that only it knows.
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert_eq!(html.matches("</script").count(), 1);
    assert_eq!(html.matches("<script nonce=\"once\">").count(), 1);
    assert!(!html.contains("onload='") && !html.contains("\" onload"));
    assert!(!html.contains('\u{202e}'));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // Every tag that is opened is closed, however the text is.
    for tag in [
        "svg", "g", "title", "td", "tr", "table", "div", "pre", "text", "a", "b", "span", "details", "summary", "th",
    ] {
        let (opened, closed) = (
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count(),
            html.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(opened, closed, "{tag}");
    }
}

#[test]
fn nothing_comes_from_elsewhere() {
    let past = past(vec![step("b", (0, 5), None)]);
    let html = page(&past).html();
    for outside in ["http://", "https://", "url(", "@import", " src=", "<link"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn what_a_run_did_is_there() {
    let mut run = past(vec![
        failing("broken", "no coffee: left"),
        step("fine", (0, 5), Some((1, 900_000_000))),
    ]);
    run.steps[1].sizes.rows = Some(12_345);
    run.steps[1].sizes.bytes_in = Some(2_000_000);
    let html = page(&run).html();
    for wanted in [
        "no coffee: left",
        "12,345",
        "900.0 MB",
        "inputs of 2.0 MB as stored",
        "3 assets that this run did not touch",
        "‖</b> 1 held back",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    // A run without a step has a page too.
    let nothing = page(&past(Vec::new())).html();
    assert!(nothing.contains("not ended") && !nothing.contains("What failed"));
}

#[test]
fn states_follow_from_steps_and_graph() {
    let asset = |key: &str, inputs: &[&str]| {
        let mut builder = Asset::builder(key);
        for input in inputs {
            builder = builder.input_from::<u8>("x", *input);
        }
        builder.function(|_| async { Ok(0_u8) })
    };
    let definitions = Definitions::new()
        .assets([
            asset("good", &[]),
            asset("bad", &["good"]),
            asset("after", &["bad"]),
            asset("far", &["after"]),
            asset("old", &[]),
            asset("new", &[]),
            asset("cut", &[]),
        ])
        .with_every_asset_in(Arc::new(MemoryIo::new()));
    let graph = Graph::of(definitions.build().expect("is valid").assets());
    let mut cut = step("cut", (0, 1), None);
    (cut.published, cut.ended) = (0, None);
    let run = past(vec![step("good", (0, 1), None), failing("bad", "no"), cut]);
    let live: HashSet<String> = ["old", "far", "good"].map(str::to_owned).into();
    let states = states(&graph.assets, &graph.edges, &run, &live);
    let of = |key: &str| {
        states[graph
            .assets
            .iter()
            .position(|info| info.key.as_str() == key)
            .expect("is there")]
    };
    assert_eq!(
        ["good", "bad", "after", "far", "old", "new", "cut"].map(of),
        [
            State::Made,
            State::Failed,
            State::HeldBack,
            State::HeldBack,
            State::Kept,
            State::Missing,
            State::CutOff,
        ]
    );
}
