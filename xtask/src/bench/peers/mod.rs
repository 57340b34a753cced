//! Polars, DuckDB and pyarrow at the same operation, each in a process of its own that has the rows in hand before its
//! clock starts, with its own default of threads. A library that cannot be asked is a row that says why.

mod process;

use super::row::{Amount, Row, beside};
use process::Process;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// The libraries: as the script calls them, and as they are shown.
const LIBRARIES: [(&str, &str); 3] = [("pyarrow", "pyarrow"), ("polars", "Polars"), ("duckdb", "DuckDB")];

/// What is asked of them; as the script calls it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    StoreParquet,
    LoadParquet,
    StoreArrow,
    ScanArrow,
    Head,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::StoreParquet => "store_parquet",
            Self::LoadParquet => "load_parquet",
            Self::StoreArrow => "store_arrow",
            Self::ScanArrow => "scan_arrow",
            Self::Head => "head",
        }
    }

    /// DuckDB reads and writes no Arrow files by itself.
    fn known_to(self, library: &str) -> bool {
        library != "duckdb" || !matches!(self, Self::StoreArrow | Self::ScanArrow)
    }
}

/// The interpreter that has the libraries, or why there is none; found out once.
pub(super) fn python() -> Result<&'static Path, String> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let python = PYTHON.get_or_init(crate::python::interpreter);
    python.as_deref().map_err(Clone::clone)
}

/// Every library that knows one operation.
pub(super) struct Peers(Vec<Peer>);

struct Peer {
    shown: &'static str,
    process: Result<Process, String>,
    times: Vec<Duration>,
    /// Of the first time, as larder's own is.
    peak: Option<u64>,
}

impl Peers {
    /// Starts them. `handed` is the Arrow file with the rows that they shall store.
    pub(super) fn start(operation: Operation, handed: &Path) -> Self {
        let known = LIBRARIES.iter().filter(|(library, _)| operation.known_to(library));
        let start = |&(library, shown): &(&str, &'static str)| Peer {
            shown,
            process: python().and_then(|python| Process::start(python, library, operation.name(), handed)),
            times: Vec::new(),
            peak: None,
        };
        Self(known.map(start).collect())
    }

    /// Each stores once, in a new file below `dir` that is gone afterwards.
    pub(super) fn store(&mut self, dir: &Path) -> Result<(), String> {
        for (index, peer) in self.0.iter_mut().enumerate() {
            let file = dir.join(format!("peer-{index}"));
            super::settle(dir)?;
            peer.once(&file, 0);
            if file.exists() {
                std::fs::remove_file(&file).map_err(super::text)?;
            } else if peer.process.is_ok() {
                peer.process = Err(format!("{} stored nothing", peer.shown));
            }
        }
        Ok(())
    }

    /// Each reads a file once, and gives so many rows of it.
    pub(super) fn read(&mut self, file: &Path, rows: usize) {
        self.0.iter_mut().for_each(|peer| peer.once(file, rows));
    }

    /// The best time of each.
    pub(super) fn best(&self, what: &str) -> Vec<Row> {
        self.rows(what, |peer| peer.times.iter().min().copied().map(Amount::from))
    }

    /// The middle time of each.
    pub(super) fn median(&self, what: &str) -> Vec<Row> {
        self.rows(what, |peer| super::median(&peer.times).map(Amount::from))
    }

    /// The peak of memory of each above the value.
    pub(super) fn peaks(&self, what: &str) -> Vec<Row> {
        self.rows(what, |peer| peer.peak.map(Amount::Bytes))
    }

    /// The version of each that was there.
    pub(super) fn versions(&self) -> Vec<(String, String)> {
        let version = |peer: &Peer| Some((peer.shown.to_owned(), peer.process.as_ref().ok()?.version.clone()));
        self.0.iter().filter_map(version).collect()
    }

    fn rows(&self, what: &str, amount: impl Fn(&Peer) -> Option<Amount>) -> Vec<Row> {
        let row = |peer: &Peer| {
            let missing = |why: &str| Amount::Missing(format!("{}: {why}", peer.shown));
            let amount = match &peer.process {
                Ok(_) => amount(peer).unwrap_or_else(|| missing("it was not asked")),
                Err(why) => missing(why),
            };
            beside(what, peer.shown, amount)
        };
        self.0.iter().map(row).collect()
    }
}

impl Peer {
    /// Makes the operation once; who fails is not asked again.
    fn once(&mut self, file: &Path, rows: usize) {
        let Ok(process) = &mut self.process else {
            return;
        };
        match process.once(file) {
            Ok(done) if done.rows == rows => {
                self.times.push(done.took);
                self.peak = self.peak.or(Some(done.peak));
            }
            Ok(done) => self.process = Err(format!("it gave {} rows of {rows}", done.rows)),
            Err(why) => self.process = Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(process: Result<Process, String>) -> Peers {
        Peers(vec![Peer {
            shown: "Polars",
            process,
            times: Vec::new(),
            peak: None,
        }])
    }

    #[test]
    fn who_cannot_be_asked_is_missing_and_not_zero() {
        let dir = tempfile::tempdir().expect("is there");
        let mut peers = peers(Err("No module named 'polars'".to_owned()));
        peers.store(dir.path()).expect("fails nobody else");
        peers.read(dir.path(), 1);
        for rows in [peers.best("store"), peers.median("store"), peers.peaks("store")] {
            let why = "Polars: No module named 'polars'".to_owned();
            assert_eq!(rows, [beside("store", "Polars", Amount::Missing(why))]);
        }
        assert_eq!(peers.versions(), []);
    }

    #[test]
    fn who_gives_other_rows_is_missing() {
        let answers = "echo ready 1.0 2; while read -r file; do echo 0.5 1024 3; done";
        let mut right = peers(Process::of("sh", &["-c", answers]));
        right.read(Path::new("file"), 3);
        assert_eq!(
            right.best("load"),
            [beside("load", "Polars", Duration::from_millis(500))]
        );
        assert_eq!(right.peaks("load"), [beside("load", "Polars", Amount::Bytes(1024))]);
        let mut wrong = peers(Process::of("sh", &["-c", answers]));
        wrong.read(Path::new("file"), 4);
        let why = "Polars: it gave 3 rows of 4".to_owned();
        assert_eq!(wrong.best("load"), [beside("load", "Polars", Amount::Missing(why))]);
    }

    #[test]
    #[ignore = "needs LARDER_PYTHON; run by cargo xtask test"]
    fn every_library_does_what_it_is_asked() {
        let python = PathBuf::from(std::env::var_os("LARDER_PYTHON").expect("LARDER_PYTHON is set"));
        let dir = tempfile::tempdir().expect("is there");
        let table = crate::bench::data::lineitem(0.01).expect("is made");
        let handed = dir.path().join("handed.arrow");
        crate::bench::data::hand_over(&table, &handed).expect("is written");
        for (library, shown) in LIBRARIES {
            let parquet = dir.path().join(format!("{library}.parquet"));
            let arrow = dir.path().join(format!("{library}.arrow"));
            for (operation, file, rows) in [
                (Operation::StoreParquet, &parquet, 0),
                (Operation::LoadParquet, &parquet, table.rows()),
                (Operation::Head, &parquet, 10),
                (Operation::StoreArrow, &arrow, 0),
                (Operation::ScanArrow, &arrow, table.rows()),
            ] {
                if !operation.known_to(library) {
                    continue;
                }
                let mut process = Process::start(&python, library, operation.name(), &handed)
                    .unwrap_or_else(|why| panic!("{shown}, {operation:?}: {why}"));
                for _ in 0..2 {
                    let done = process
                        .once(file)
                        .unwrap_or_else(|why| panic!("{shown}, {operation:?}: {why}"));
                    assert_eq!(done.rows, rows, "{shown}, {operation:?}");
                    assert!(done.took > Duration::ZERO);
                }
            }
            let stored = crate::bench::bare::read_parquet(&parquet).expect("is Parquet");
            assert_eq!(stored.iter().map(|batch| batch.num_rows()).sum::<usize>(), table.rows());
        }
    }

    #[test]
    fn who_writes_nothing_is_missing() {
        let dir = tempfile::tempdir().expect("is there");
        let mut peers = peers(Process::of(
            "sh",
            &["-c", "echo ready 1.0 2; while read -r file; do echo 0.5 1024 0; done"],
        ));
        peers.store(dir.path()).expect("fails nobody else");
        assert!(matches!(peers.best("store")[0].other, Some(Amount::Missing(_))));
    }
}
