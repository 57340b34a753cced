//! The four cells of a faulty store.
#![allow(clippy::unwrap_used)]

use larder_io_core::{AssetValue, ErrorKind, Form, IoManager, OutputContext, Result};
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::{Faulty, Op, Outcome, Scripted};

fn context() -> OutputContext {
    OutputContext::new("a".parse().unwrap(), None, "a".parse().unwrap())
}

async fn stored(manager: &dyn IoManager) -> bool {
    manager.load_input(&context().to_input(Form::Object)).await.is_ok()
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[tokio::test]
async fn done_and_reported_are_two_things() {
    let timeout = ErrorKind::Timeout;
    for (outcome, reported, done) in [
        (Outcome::Done, None, true),
        (Outcome::Refused(timeout), Some(timeout), false),
        (Outcome::AnswerLost(timeout), Some(timeout), true),
        (Outcome::Lied, None, false),
    ] {
        let faulty = Faulty::new(MemoryIo::new()).failing(Op::Publish, 1, outcome);
        let result = faulty.handle_output(&context(), &1_u8.into_value()).await;
        assert_eq!((kind(result), stored(&faulty).await), (reported, done), "{outcome:?}");
        assert_eq!(faulty.calls(Op::Publish), 1);
        assert!(faulty.handle_output(&context(), &2_u8.into_value()).await.is_ok());
    }
}

#[tokio::test]
async fn a_script_is_played_in_order() {
    let busy = Outcome::Refused(ErrorKind::RateLimited);
    let gone = Outcome::Refused(ErrorKind::Unavailable);
    let scripted = Scripted::new(
        MemoryIo::new(),
        [(Op::Stage, busy), (Op::Stage, gone), (Op::Load, busy)],
    );
    let value = 1_u8.into_value();
    let kinds = [
        kind(scripted.handle_output(&context(), &value).await),
        kind(scripted.handle_output(&context(), &value).await),
        kind(scripted.handle_output(&context(), &value).await),
    ];
    assert_eq!(
        kinds,
        [Some(ErrorKind::RateLimited), Some(ErrorKind::Unavailable), None]
    );
    assert!(!stored(&scripted).await);
    assert!(stored(&scripted).await);
    assert_eq!(scripted.calls(Op::Load), 2);
}
