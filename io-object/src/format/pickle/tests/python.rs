//! Cross-checks that run `python3`; run them with `cargo test -- --ignored`.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde::Serialize;

use super::*;
use larder_io_core::python::{Date, DateTime, FrozenSet, Set, Time, TimeDelta};

/// Runs a script of Python that starts with the helpers of make_goldens.py, and gives what it prints.
fn python(script: &str, input: &str) -> String {
    let helpers = include_str!("make_goldens.py");
    let script = helpers.replace("if __name__ == \"__main__\":\n    main()", "import io, sys") + script;
    let mut child = Command::new("python3")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feed = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(u8, u8),
    Box { width: Option<u8> },
}

/// Pickles of ours, each with the `repr` that Python must have for it.
fn ours() -> Vec<(Vec<u8>, String)> {
    fn case<T: Serialize>(value: T, repr: &str) -> (Vec<u8>, String) {
        (to_vec(&value).unwrap(), repr.to_owned())
    }
    let at = |text: &str| text.parse::<DateTime>().unwrap();
    let mut cases = vec![
        case((), "None"),
        case(true, "True"),
        case((0, 255, 256, 65535, 65536, -1), "(0, 255, 256, 65535, 65536, -1)"),
        case(vec![i64::MIN, i64::MAX], &format!("[{}, {}]", i64::MIN, i64::MAX)),
        case((i128::MIN, u128::MAX), &format!("({}, {})", i128::MIN, u128::MAX)),
        case(
            (1.5, f64::NAN, f64::INFINITY, 0.1_f32),
            "(1.5, nan, inf, 0.10000000149011612)",
        ),
        case(("a\u{20ac}\0", '\u{1f600}'), "('a\u{20ac}\\x00', '\u{1f600}')"),
        case("x".repeat(70_000), &format!("'{}'", "x".repeat(70_000))),
        case(Vec::<u8>::new(), "[]"),
        case(
            ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [0; 0]),
            "((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ())",
        ),
        case(
            BTreeMap::from([((1, "x"), Some(2)), ((2, "y"), None)]),
            "{(1, 'x'): 2, (2, 'y'): None}",
        ),
        case([Shape::Point, Shape::Circle(1.0)], "('Point', {'Circle': 1.0})"),
        case(
            (Shape::Line(1, 2), Shape::Box { width: None }),
            "({'Line': (1, 2)}, {'Box': {'width': None}})",
        ),
        case(Set(vec![1]), "{1}"),
        case(Set(Vec::<u8>::new()), "set()"),
        case(FrozenSet(vec!["a"]), "frozenset({'a'})"),
        case(FrozenSet([0_u8; 0]), "frozenset()"),
        case(Set([FrozenSet([(1, 2)])]), "{frozenset({(1, 2)})}"),
        case(
            at("2024-01-02T03:04:05.678901"),
            "datetime.datetime(2024, 1, 2, 3, 4, 5, 678901)",
        ),
        case(
            at("2024-11-03T01:30:00-04:00[fold=1]"),
            "datetime.datetime(2024, 11, 3, 1, 30, fold=1, \
             tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=72000)))",
        ),
        case(
            at("0001-01-01T00:00:00Z"),
            "datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)",
        ),
        case("2024-02-29".parse::<Date>().unwrap(), "datetime.date(2024, 2, 29)"),
        case(
            "01:02:03[fold=1]".parse::<Time>().unwrap(),
            "datetime.time(1, 2, 3, fold=1)",
        ),
        case(
            "23:59:59.999999+00:00:00.000001".parse::<Time>().unwrap(),
            "datetime.time(23, 59, 59, 999999, tzinfo=datetime.timezone(datetime.timedelta(microseconds=1)))",
        ),
        case(
            "-PT1.5S".parse::<TimeDelta>().unwrap(),
            "datetime.timedelta(days=-1, seconds=86398, microseconds=500000)",
        ),
        case(
            BTreeMap::from([(at("2024-01-02T00:00:00"), 1)]),
            "{datetime.datetime(2024, 1, 2, 0, 0): 1}",
        ),
    ];
    for length in [999, 1000, 1001, 2500] {
        let list: Vec<u32> = (0..length).collect();
        let numbers: Vec<_> = list.iter().map(u32::to_string).collect();
        cases.push(case(list, &format!("[{}]", numbers.join(", "))));
    }
    let deep = (0..199).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
    cases.push(case(deep, &format!("{}{}", "[".repeat(200), "]".repeat(200))));
    cases.push((
        bytes_of_all_lengths(),
        "[(0, b''), (255, b'a'), (256, b'a'), (70000, b'a')]".to_owned(),
    ));
    cases
}

/// A pickle of `(length, set of bytes)` pairs, reduced to what is short to compare by the script.
fn bytes_of_all_lengths() -> Vec<u8> {
    struct Bytes(usize);
    impl Serialize for Bytes {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&vec![b'a'; self.0])
        }
    }
    to_vec(&vec![Bytes(0), Bytes(255), Bytes(256), Bytes(70_000)]).unwrap()
}

#[test]
#[ignore = "runs python3"]
fn python_reads_what_is_written() {
    let cases = ours();
    let input: String = cases.iter().map(|(data, _)| hex(data) + "\n").collect();
    let script = r#"
for text in sys.stdin:
    data = bytes.fromhex(text)
    x = pickle.loads(data)
    assert repr(pickle.Unpickler(io.BytesIO(data)).load()) == repr(x)
    assert repr(pickle._loads(data)) == repr(x)
    out = io.StringIO()
    pickletools.dis(data, out)
    assert "highest protocol among opcodes" in out.getvalue()
    if type(x) is list and x and type(x[0]) is bytes:
        assert all(set(b) <= {97} for b in x)
        x = [(len(b), b[:1]) for b in x]
    elif type(x) is not list or len(x) != 1:
        assert describe(x) == describe(pickle.loads(pickle.dumps(x)))
    sys.stdout.buffer.write(repr(x).encode().hex().encode() + b"\n")
"#;
    let output = python(script, &input);
    let reprs: Vec<_> = output
        .lines()
        .map(|line| String::from_utf8(unhex(line)).unwrap())
        .collect();
    assert_eq!(reprs.len(), cases.len());
    for (repr, (_, expected)) in reprs.iter().zip(&cases) {
        assert_eq!(repr, expected);
    }
}

#[test]
#[ignore = "runs python3"]
fn large_pickles_of_python_read() {
    let script = r#"
shared = "shared text"
for x in [list(range(30000)), ["text " * 30000, b"bytes" * 30000, bytearray(70000)],
          {i: [shared, str(i), {i}, (i, float(i))] for i in range(5000)}, [d.date(2024, 1, 1 + i % 31) for i in range(3000)]]:
    for protocol in range(6):
        line("large", protocol, "c", pickle.dumps(x, protocol))
        line("large", protocol, "py", pickle._dumps(x, protocol))
"#;
    let output = python(script, "");
    reads_as_described(&output);
    assert_eq!(output.lines().count(), 48);
}

/// The goldens again, but by the Python that is here, whose version may be another.
#[test]
#[ignore = "runs python3"]
fn fresh_goldens_read() {
    let output = python("main()\n", "");
    reads_as_described(&output);
    assert_eq!(output.lines().count(), include_str!("goldens.txt").lines().count());
}

/// What is read of damaged pickles is what CPython reads of them. Only those that read here are given to Python.
#[test]
#[ignore = "runs python3"]
fn damaged_pickles_read_as_python_reads_them() {
    let seed = std::env::var("PICKLE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(42);
    let read: Vec<_> = super::mutate::damaged(seed, 30_000)
        .filter_map(|data| parse(&data).ok().map(|pickled| (data, describe(&pickled))))
        .collect();
    let input: String = read
        .iter()
        .map(|(data, description)| format!("{} {description}\n", hex(data)))
        .collect();
    let script = r#"
class Known(pickle.Unpickler):
    def find_class(self, module, name):
        assert name in ("set", "frozenset", "bytes", "bytearray", "encode", "OrderedDict", "datetime", "date", "time",
                        "timedelta", "timezone")
        return super().find_class(module, name)

for text in sys.stdin:
    data, expected = text.split()
    try:
        found = describe(Known(io.BytesIO(bytes.fromhex(data))).load())
    except MemoryError:
        continue
    except Exception as error:
        # Names of Python 2 in a protocol after it, and an empty state for what has none, are read here all the same.
        if "__builtin__" in repr(error) or "__dict__" in repr(error):
            continue
        found = repr(error)
    if found != expected:
        print(data, expected, found, sep="\n  ")
"#;
    assert!(read.len() > 1000, "only {} read", read.len());
    assert_eq!(python(script, &input), "");
}

fn reads_as_described(lines: &str) {
    for line in lines.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let pickled = parse(&unhex(fields[4])).unwrap();
        assert_eq!(describe(&pickled), fields[3], "{} in protocol {}", fields[0], fields[1]);
    }
}
