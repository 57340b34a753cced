//! What CPython pickles reads as what CPython says it is.

use serde::Deserialize;

use super::*;

#[test]
fn goldens_read_as_python_reads_them() {
    let mut count = 0;
    for (name, description, data) in goldens() {
        let pickled = parse(&data).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(describe(&pickled), description, "{name}");
        count += 1;
    }
    assert!(count > 400, "only {count} goldens");
}

#[test]
fn every_truncation_of_a_golden_is_refused() {
    for (name, _, data) in goldens() {
        for length in 0..data.len() {
            assert!(parse(&data[..length]).is_err(), "{name}, cut to {length} bytes");
        }
        assert!(
            parse(&[&data[..], b"."].concat())
                .unwrap_err()
                .to_string()
                .contains("1 bytes follow"),
            "{name}"
        );
    }
}

#[test]
fn goldens_deserialize_alike_in_all_protocols() {
    for (name, _, data) in goldens().filter(|(name, ..)| name.starts_with("nested ")) {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Row {
            id: u8,
            tags: BTreeSet<String>,
            at: (i64, f64),
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Table {
            rows: Vec<Row>,
        }
        let table = Table::deserialize(&parse(&data).unwrap()).unwrap();
        let tags = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let row = |id: u8| Row {
            id,
            tags: tags.clone(),
            at: (id.into(), f64::from(id) + 0.5),
        };
        assert_eq!(
            table,
            Table {
                rows: vec![row(0), row(1), row(2)]
            },
            "{name}"
        );
    }
    for (name, _, data) in goldens().filter(|(name, ..)| name.starts_with("bytes by")) {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(Vec::<u8>::deserialize(&parse(&data).unwrap()).unwrap(), all, "{name}");
    }
}
