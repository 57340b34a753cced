//! The text of Prometheus, read by its grammar.

use crate::support::{heard, result, run_all, warned};
use larder_io_core::ErrorKind;
use larder_observe::Prometheus;
use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

type Labels = BTreeMap<String, String>;

/// One family of metrics: what it is, and its samples with their full names.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: bool,
    samples: Vec<(String, Labels, f64)>,
}

fn is_name(text: &str, colon: bool) -> bool {
    let letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || (colon && letter == ':');
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// `{a="b",c="d"}`, with the escapes `\\`, `\"` and `\n`; gives what comes after it.
fn labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (labels, text);
    };
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label has a value");
        assert!(is_name(name, false), "{name:?} is no label");
        let (mut value, mut end, mut escaped) = (String::new(), None, false);
        for (position, letter) in after.char_indices() {
            match (escaped, letter) {
                (true, 'n') => value.push('\n'),
                (true, '\\' | '"') => value.push(letter),
                (true, _) => panic!("unknown escape \\{letter}"),
                (false, '\\') => {
                    escaped = true;
                    continue;
                }
                (false, '"') => {
                    end = Some(position);
                    break;
                }
                (false, _) => value.push(letter),
            }
            escaped = false;
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
        rest = &after[end.expect("a value ends") + 1..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return (labels, rest.strip_prefix('}').expect("labels end")),
        }
    }
}

/// Reads a text strictly: every family is declared once before its samples and told in one piece, counters end with `_total` and histograms
/// are whole.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let (mut current, mut closed) = (String::new(), HashSet::new());
    assert!(text.ends_with('\n'));
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name) = (words.next().expect("a word"), words.next().expect("a name"));
            let rest = words.next().expect("something is said");
            assert!(is_name(name, true), "{name:?}");
            if name != current {
                assert!(closed.insert(std::mem::replace(&mut current, name.to_owned())));
                assert!(!closed.contains(name), "{name} is told in pieces");
            }
            let family = families.entry(name.to_owned()).or_default();
            assert!(family.samples.is_empty(), "{line} comes after samples");
            match word {
                "HELP" => assert!(!std::mem::replace(&mut family.help, true), "{line} twice"),
                "TYPE" => {
                    assert!(family.kind.is_empty(), "{line} twice");
                    assert!(["counter", "gauge", "histogram"].contains(&rest), "{line}");
                    rest.clone_into(&mut family.kind);
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let end = line.find(['{', ' ']).expect("a sample has a value");
        let (name, rest) = line.split_at(end);
        assert!(is_name(name, true), "{name:?}");
        let (labels, rest) = labels(rest);
        let value = rest.strip_prefix(' ').expect("a space");
        let value: f64 = value.replace("+Inf", "inf").parse().expect("a number");
        let family = families.get_mut(&current).expect("is declared");
        let suffixes: &[&str] = match family.kind.as_str() {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let fits = |suffix: &&str| name.strip_suffix(*suffix) == Some(current.as_str());
        assert!(suffixes.iter().any(fits), "{name} is none of {current}");
        family.samples.push((name.to_owned(), labels, value));
    }
    for (name, family) in &families {
        assert!(family.help && !family.kind.is_empty(), "{name} is not declared");
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name}");
        assert!(family.kind != "histogram" || name.ends_with("_seconds"), "{name}");
        let unique: HashSet<_> = family.samples.iter().map(|(name, labels, _)| (name, labels)).collect();
        assert_eq!(unique.len(), family.samples.len(), "{name} has a sample twice");
        if family.kind == "histogram" {
            whole(name, family);
        }
    }
    families
}

/// Buckets are cumulative, with growing bounds up to +Inf, which counts all.
fn whole(name: &str, family: &Family) {
    let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        if sample.ends_with("_bucket") {
            let mut labels = labels.clone();
            let bound = labels.remove("le").expect("a bucket has a bound");
            let bound = bound.replace("+Inf", "inf").parse().expect("is a number");
            series.entry(labels).or_default().push((bound, *value));
        }
    }
    assert!(!series.is_empty(), "{name}");
    for (labels, buckets) in series {
        assert!(
            buckets.is_sorted_by(|one, two| one.0 < two.0 && one.1 <= two.1),
            "{name} {buckets:?}"
        );
        let last = buckets.last().expect("is not empty");
        assert!(last.0.is_infinite());
        let of = |suffix: &str| {
            let found = family
                .samples
                .iter()
                .find(|sample| sample.0.ends_with(suffix) && sample.1 == labels);
            found.unwrap_or_else(|| panic!("{name} has no {suffix}")).2
        };
        assert_eq!(of("_count").to_bits(), last.1.to_bits(), "{name}");
        assert!(of("_sum") >= 0.0);
    }
}

fn value(families: &BTreeMap<String, Family>, name: &str, label: Option<(&str, &str)>) -> Option<u64> {
    let family = families
        .get(name)
        .or_else(|| families.get(name.strip_suffix("_count")?))?;
    let found = family.samples.iter().find(|(sample, labels, _)| {
        let fits = |(key, value): (&str, &str)| labels.get(key).is_some_and(|known| known == value);
        sample == name && label.is_none_or(fits)
    });
    found.map(|sample| sample.2 as u64)
}

#[test]
fn runs_are_counted() {
    let observer = Arc::new(result(Prometheus::new()));
    assert_eq!(observer.render(), "");
    run_all(false, observer.clone());
    run_all(true, observer.clone());
    let families = parse(&observer.render());
    let of = |name: &str, label: Option<(&str, &str)>| value(&families, name, label).unwrap_or_default();
    for (status, times) in [("succeeded", 8), ("failed", 1), ("skipped", 1)] {
        assert_eq!(of("larder_steps_total", Some(("status", status))), times, "{status}");
    }
    assert_eq!(of("larder_runs_total", Some(("status", "succeeded"))), 1);
    assert_eq!(of("larder_runs_total", Some(("status", "failed"))), 1);
    assert_eq!(of("larder_failures_total", Some(("kind", "timeout"))), 1);
    assert_eq!(of("larder_stored_rows_total", Some(("asset", "raw/flights"))), 6);
    assert!(of("larder_stored_bytes_total", Some(("asset", "raw/flights"))) > 0);
    assert_eq!(of("larder_stored_values_total", Some(("asset", "days"))), 4);
    assert_eq!(value(&families, "larder_steps_running", None), Some(0));
    assert!(of("larder_run_last_success_timestamp_seconds", None) > 1_700_000_000);
    for (name, times) in [
        ("larder_run_seconds_count", 2),
        ("larder_load_seconds_count", 8),
        ("larder_compute_seconds_count", 8),
        ("larder_store_seconds_count", 8),
    ] {
        assert_eq!(of(name, None), times, "{name}");
    }
    assert_eq!(of("larder_step_seconds_count", Some(("status", "failed"))), 1);
    // Partitions would be a time series each.
    assert!(!observer.render().contains("2024-01-01"));
}

#[test]
fn a_file_for_the_collector_is_written_at_the_end_of_a_run() {
    let home = tempfile::tempdir().expect("is made");
    let path = home.path().join("larder.prom");
    let observer = result(Prometheus::new()).textfile(&path);
    run_all(false, Arc::new(observer));
    let families = parse(&std::fs::read_to_string(&path).expect("is there"));
    assert_eq!(
        value(&families, "larder_runs_total", Some(("status", "succeeded"))),
        Some(1)
    );
    let left = std::fs::read_dir(home.path()).expect("is read").count();
    assert_eq!(left, 1);
}

#[test]
fn a_file_that_cannot_be_written_is_told_once() {
    heard();
    let observer = Arc::new(result(Prometheus::new()).textfile("/nowhere/for/metrics/larder.prom"));
    assert!(run_all(false, observer.clone()).succeeded());
    assert!(run_all(false, observer).succeeded());
    let told = warned("/nowhere/for/metrics/larder.prom");
    assert_eq!(told.len(), 1, "{told:?}");
}

fn ask(observer: &Prometheus, request: &str) -> String {
    let mut client = TcpStream::connect(observer.address().expect("listens")).expect("is connected");
    client.write_all(request.as_bytes()).expect("is sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("is text");
    answer
}

#[test]
fn a_port_of_this_machine_answers() {
    let observer = result(result(Prometheus::new()).listen("127.0.0.1:0".parse().expect("is an address")));
    let observer = Arc::new(observer);
    run_all(false, observer.clone());
    let answer = ask(&observer, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").expect("has a body");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(parse(body).contains_key("larder_steps_total"));
    assert!(ask(&observer, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(&observer, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    // A client that says nothing of use does not end it.
    assert_eq!(ask(&observer, &"x".repeat(20_000)[..9_000]), "");
    assert!(ask(&observer, "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

#[test]
fn addresses_that_others_reach_or_have_are_refused() {
    let listen = |address: &str| {
        let refused = result(Prometheus::new()).listen(address.parse().expect("is an address"));
        refused.expect_err(address).kind()
    };
    assert_eq!(listen("0.0.0.0:0"), ErrorKind::InvalidConfig);
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("is bound");
    let taken = other.local_addr().expect("has an address").to_string();
    assert_eq!(listen(&taken), ErrorKind::InvalidConfig);
}
