use super::*;
use crate::{Check, Entry, Happening, Record, RunDetail, RunStarted, RunSummary, State};
use larder_io_core::{AssetKey, PartitionKey, RunId};
use std::sync::mpsc;

type Script = Box<dyn FnMut(&[String]) -> Result<()> + Send>;

/// Follows a script, and keeps what was written.
struct Scripted {
    script: Script,
    written: Arc<Mutex<Vec<String>>>,
}

impl Database for Scripted {
    fn apply(&mut self, changes: &[Change]) -> Result<()> {
        let names: Vec<String> = changes.iter().map(name).collect();
        (self.script)(&names)?;
        self.written.lock().unwrap().extend(names);
        Ok(())
    }

    fn latest(&mut self, _: &AssetKey) -> Result<Vec<Entry>> {
        unreachable!()
    }
    fn latest_of(&mut self, _: &AssetKey, _: Option<&PartitionKey>) -> Result<Option<Entry>> {
        unreachable!()
    }
    fn states(&mut self, _: &AssetKey) -> Result<Vec<State>> {
        unreachable!()
    }
    fn all_states(&mut self) -> Result<Vec<(AssetKey, Vec<State>)>> {
        unreachable!()
    }
    fn history(&mut self, _: &AssetKey, _: Option<Option<&PartitionKey>>, _: usize) -> Result<Vec<Happening>> {
        unreachable!()
    }
    fn runs(&mut self, _: bool, _: usize) -> Result<Vec<RunSummary>> {
        unreachable!()
    }
    fn run(&mut self, _: &RunId) -> Result<Option<RunDetail>> {
        unreachable!()
    }
    fn run_entries(&mut self, _: &RunId, _: usize) -> Result<Vec<Entry>> {
        unreachable!()
    }
    fn run_checks(&mut self, _: &RunId, _: usize) -> Result<Vec<Check>> {
        unreachable!()
    }
    fn dynamic_keys(&mut self, _: &str) -> Result<Vec<String>> {
        unreachable!()
    }
}

fn name(change: &Change) -> String {
    match change {
        Change::Record(Record::RunStarted(it)) => it.run.to_string(),
        other => panic!("{other:?}"),
    }
}

fn change(number: usize) -> Change {
    Change::Record(Record::RunStarted(RunStarted {
        run: RunId::from_text(number.to_string()),
        at: jiff::Timestamp::UNIX_EPOCH,
        selection: String::new(),
        profile: None,
        tags: Default::default(),
    }))
}

fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

struct Fixture {
    queue: Arc<Queue>,
    written: Arc<Mutex<Vec<String>>>,
    thread: std::thread::JoinHandle<()>,
}

fn start(script: impl FnMut(&[String]) -> Result<()> + Send + 'static) -> Fixture {
    let (queue, written) = (Arc::new(Queue::default()), Arc::default());
    let database = Scripted {
        script: Box::new(script),
        written: Arc::clone(&written),
    };
    let thread = super::start(&queue, database).unwrap();
    Fixture { queue, written, thread }
}

impl Fixture {
    fn settle(&self) -> Result<()> {
        let settled = self.queue.settled();
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(settled.wait())
    }

    fn end(self) -> Vec<String> {
        self.queue.close();
        self.thread.join().unwrap();
        self.written.lock().unwrap().clone()
    }
}

#[test]
fn what_comes_during_a_commit_goes_into_the_next() {
    let (go, wait) = mpsc::channel::<()>();
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let fixture = start(move |names| {
        seen.lock().unwrap().push(names.len());
        wait.recv().unwrap();
        Ok(())
    });
    fixture.queue.push(change(0));
    while sizes.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    (1..100).for_each(|number| fixture.queue.push(change(number)));
    go.send(()).unwrap();
    go.send(()).unwrap();
    fixture.settle().unwrap();
    assert_eq!(*sizes.lock().unwrap(), [1, 99]);
    assert_eq!(fixture.end(), names(0..100));
}

#[test]
fn a_refused_batch_waits_in_order_and_is_tried_by_every_flush() {
    let mut refusals = 4;
    let fixture = start(move |_| {
        refusals -= 1;
        if refusals >= 0 {
            Err(Error::new(ErrorKind::PermissionDenied, "not now"))
        } else {
            Ok(())
        }
    });
    (0..10).for_each(|number| fixture.queue.push(change(number)));
    let mut errors = 0;
    while let Err(error) = fixture.settle() {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        fixture.queue.push(change(10 + errors));
        errors += 1;
    }
    assert!((1..=4).contains(&errors), "{errors}");
    fixture.queue.lost().unwrap();
    assert_eq!(fixture.end(), names(0..10 + errors));
}

#[test]
fn a_refusal_that_passes_is_tried_again_without_being_asked() {
    let mut refuse = true;
    let fixture = start(move |_| {
        if std::mem::take(&mut refuse) {
            Err(Error::new(ErrorKind::Unavailable, "locked"))
        } else {
            Ok(())
        }
    });
    fixture.queue.push(change(0));
    while fixture.written.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    fixture.settle().unwrap();
    assert_eq!(fixture.end(), names([0]));
}

#[test]
fn one_that_can_never_be_written_is_found_given_up_and_told() {
    let (go, wait) = mpsc::channel::<()>();
    let mut calls = 0;
    let fixture = start(move |names| {
        wait.try_recv().ok();
        calls += 1;
        assert!(calls < 100, "halves find it");
        if names.iter().any(|name| name == "700") {
            Err(Error::new(ErrorKind::Unsupported, "too large"))
        } else {
            Ok(())
        }
    });
    drop(go);
    (0..1000).for_each(|number| fixture.queue.push(change(number)));
    fixture.settle().unwrap();
    for _ in 0..2 {
        let error = fixture.queue.lost().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.message().contains("1 records are missing") && error.message().contains("too large"),
            "{error}"
        );
    }
    assert_eq!(fixture.end(), names((0..1000).filter(|number| *number != 700)));
}

#[test]
fn a_full_queue_that_cannot_be_written_does_not_hang_and_says_what_is_missing() {
    let healed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let heal = Arc::clone(&healed);
    let fixture = start(move |_| {
        if heal.load(std::sync::atomic::Ordering::SeqCst) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::InvalidData, "damaged"))
        }
    });
    (0..MAX_CHANGES + 3).for_each(|number| fixture.queue.push(change(number)));
    assert_eq!(fixture.settle().unwrap_err().kind(), ErrorKind::InvalidData);
    let error = fixture.queue.lost().unwrap_err();
    assert!(error.message().contains("3 records are missing"), "{error}");
    healed.store(true, std::sync::atomic::Ordering::SeqCst);
    fixture.settle().unwrap();
    assert!(fixture.queue.lost().is_err());
    assert_eq!(fixture.end(), names(0..MAX_CHANGES));
}

#[test]
fn a_panic_of_the_writer_is_an_error() {
    let mut panics = true;
    let fixture = start(move |_| {
        assert!(!std::mem::take(&mut panics), "as the test wants");
        Ok(())
    });
    fixture.queue.push(change(0));
    // The first attempt may have been made before it was waited for.
    match fixture.settle() {
        Ok(()) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unexpected),
    }
    fixture.settle().unwrap();
    assert_eq!(fixture.end(), names([0]));
}

#[test]
fn closing_writes_what_waits() {
    let fixture = start(|_| Ok(()));
    (0..MAX_BATCH * 2).for_each(|number| fixture.queue.push(change(number)));
    assert_eq!(fixture.end(), names(0..MAX_BATCH * 2));
}
