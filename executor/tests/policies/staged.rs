//! Staging and publishing.

use crate::support::*;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use larder_executor::policy::assemble;
use larder_io_core::{
    AssetValue, Blob, BlobSource, ByteStream, Error, ErrorKind, IoManager, Result, Value, async_trait,
};
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::{Faulty, Op, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn read_once() -> Value {
    Blob::from_stream(stream::iter([Ok(Bytes::from("some bytes"))]).boxed()).into_value()
}

/// A source that can be read again and gives an error each time.
struct Broken {
    kind: ErrorKind,
    read: AtomicUsize,
}

#[async_trait]
impl BlobSource for Broken {
    fn size(&self) -> Option<u64> {
        None
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn open(&self) -> Result<ByteStream> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let error = Error::new(self.kind, "the asset's own code failed");
        Ok(stream::iter([Ok(Bytes::from("x")), Err(error)]).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_can_be_read_again_is_staged_again() {
    let manager = Scripted::new().script("stage", fails(ErrorKind::Unavailable, 2));
    manager
        .behind(&plain())
        .stage(&output(), &blob())
        .await
        .expect("stages at last");
    assert_eq!(manager.times("stage"), [0, 100, 300]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_once_has_one_attempt() {
    let manager = Scripted::new().script("stage", fails(ErrorKind::Unavailable, 1));
    let staged = manager.behind(&plain()).stage(&output(), &read_once()).await;
    let error = staged.err().expect("fails");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 1));
    assert_eq!(manager.calls(), ["stage"]);
    // Publishing what was staged needs no stream.
    let manager = Scripted::new().script("publish", fails(ErrorKind::Unavailable, 1));
    manager
        .behind(&plain())
        .handle_output(&output(), &read_once())
        .await
        .expect("publishes at last");
    assert_eq!(manager.calls(), ["stage", "publish", "publish"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_values_own_source_gives_is_not_computed_again() {
    for kind in [ErrorKind::AssetFailed, ErrorKind::Unavailable, ErrorKind::Timeout] {
        let source = Arc::new(Broken {
            kind,
            read: AtomicUsize::new(0),
        });
        let value = Value::Blob(Arc::<Broken>::clone(&source));
        let staged = Scripted::new().behind(&plain()).stage(&output(), &value).await;
        assert_eq!(staged.err().map(|error| error.kind()), Some(kind));
        assert_eq!(source.read.load(Ordering::Relaxed), 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn publishing_is_tried_again_and_a_lost_answer_is_found() {
    let memory = MemoryIo::new();
    let faulty = Faulty::new(memory.clone())
        .failing(Op::Publish, 1, Outcome::AnswerLost(ErrorKind::Timeout))
        .failing(Op::Publish, 2, Outcome::Refused(ErrorKind::Unavailable));
    let faulty = Arc::new(faulty);
    let guarded = assemble(Arc::<Faulty>::clone(&faulty), "flaky", &plain());
    let receipt = guarded
        .handle_output(&output(), &blob())
        .await
        .expect("publishes at last");
    let published = memory.head(&input()).await.expect("tells").expect("is there");
    assert_eq!(published.version, receipt.version);
    assert_eq!((faulty.calls(Op::Stage), faulty.calls(Op::Publish)), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn what_the_storage_lost_is_staged_again() {
    let manager = Scripted::new().script("publish", fails(ErrorKind::NotFound, 2));
    let mut staged = manager
        .behind(&plain())
        .stage(&output(), &blob())
        .await
        .expect("stages");
    staged.publish().await.expect("publishes at last");
    // What is left of a lost one goes before the next is written.
    let calls = [
        "stage", "publish", "discard", "stage", "publish", "discard", "stage", "publish",
    ];
    assert_eq!(manager.calls(), calls);
    assert_eq!(manager.times("publish"), [0, 100, 300]);
}

#[tokio::test(start_paused = true)]
async fn staging_again_is_bounded_by_the_attempts() {
    let manager = Scripted::new().script("publish", fails(ErrorKind::NotFound, 99));
    let stored = manager.behind(&plain()).handle_output(&output(), &blob()).await;
    let error = stored.expect_err("is lost each time");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::NotFound, 5));
    assert!(
        error.message().starts_with("what was staged was lost each time"),
        "{error}"
    );
    assert_eq!(manager.times("stage").len(), 5);
    assert_eq!(manager.calls().last(), Some(&"discard"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_staging_again_counts_as_an_attempt() {
    let stages = [Act::Done(ms(0)), fail(ErrorKind::Unavailable)];
    let manager = Scripted::new()
        .script("stage", stages)
        .script("publish", fails(ErrorKind::NotFound, 1));
    manager
        .behind(&plain())
        .handle_output(&output(), &blob())
        .await
        .expect("publishes at last");
    assert_eq!(manager.times("stage"), [0, 100, 300]);
    assert_eq!(manager.times("publish"), [0, 300]);
    // A definite answer to staging ends it.
    let manager = Scripted::new()
        .script("stage", [Act::Done(ms(0)), fail(ErrorKind::NotFound)])
        .script("publish", fails(ErrorKind::NotFound, 1));
    let stored = manager.behind(&plain()).handle_output(&output(), &blob()).await;
    assert_eq!(stored.expect_err("the bucket is gone").kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_read_cannot_be_staged_again() {
    let manager = Scripted::new().script("publish", fails(ErrorKind::NotFound, 1));
    let stored = manager.behind(&plain()).handle_output(&output(), &read_once()).await;
    let error = stored.expect_err("is lost");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::NotFound, 1));
    assert!(error.message().contains("it cannot be staged again"), "{error}");
    assert!(error.message().contains("materialize the asset again"), "{error}");
    assert_eq!(manager.times("stage").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_publish_stages_again_what_the_first_found_lost() {
    let one = plain().with_retry(plain().retry.with_deadline(ms(0)));
    let manager = Scripted::new().script("publish", fails(ErrorKind::NotFound, 1));
    let mut staged = manager.behind(&one).stage(&output(), &blob()).await.expect("stages");
    staged.publish().await.expect_err("has no time for another attempt");
    staged.publish().await.expect("stages again and publishes");
    assert_eq!(manager.calls(), ["stage", "publish", "discard", "stage", "publish"]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_not_published_over() {
    let manager = Scripted::new().script("publish", fails(ErrorKind::Conflict, 1));
    let stored = manager.behind(&plain()).handle_output(&output(), &blob()).await;
    assert_eq!(stored.expect_err("somebody else was first").kind(), ErrorKind::Conflict);
    assert_eq!(manager.calls(), ["stage", "publish", "discard"]);
}
