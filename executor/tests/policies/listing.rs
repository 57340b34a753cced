//! Listings that fail on their way.

use crate::support::*;
use futures_util::stream::StreamExt;
use larder_io_core::{Error, ErrorKind, Location, Result};

fn broken(kind: ErrorKind) -> Result<Location> {
    Err(Error::new(kind, "the connection broke"))
}

async fn all(manager: &Scripted) -> (Vec<String>, Option<Error>) {
    let (mut found, mut failed) = (Vec::new(), None);
    let mut locations = manager.behind(&plain()).list(None);
    while let Some(location) = locations.next().await {
        assert!(failed.is_none(), "nothing comes after an error");
        match location {
            Ok(location) => found.push(location.as_str().to_owned()),
            Err(error) => failed = Some(error),
        }
    }
    (found, failed)
}

#[tokio::test(start_paused = true)]
async fn it_begins_again_and_gives_nothing_twice() {
    let manager = Scripted::new()
        .listing([broken(ErrorKind::Unavailable)])
        .listing([Ok(location("a")), Ok(location("b")), broken(ErrorKind::Timeout)])
        // Another order, and one that came in between.
        .listing([
            Ok(location("b")),
            Ok(location("new")),
            Ok(location("a")),
            Ok(location("c")),
        ]);
    let (found, failed) = all(&manager).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(found, ["a", "b", "new", "c"]);
    assert_eq!(manager.times("list"), [0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn progress_gives_it_its_attempts_back() {
    let mut manager = Scripted::new();
    for round in 0..12 {
        let known = (0..=round).map(|number| Ok(location(&format!("n{number}"))));
        manager = manager.listing(known.chain([broken(ErrorKind::Unavailable)]));
    }
    let (found, failed) = all(&manager.listing((0..13).map(|number| Ok(location(&format!("n{number}")))))).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(found.len(), 13);
}

#[tokio::test(start_paused = true)]
async fn without_progress_the_attempts_end() {
    let mut manager = Scripted::new().listing([Ok(location("a")), broken(ErrorKind::Unavailable)]);
    for _ in 0..9 {
        manager = manager.listing([broken(ErrorKind::Unavailable)]);
    }
    let (found, failed) = all(&manager).await;
    assert_eq!(found, ["a"]);
    let error = failed.expect("gives up");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 5));
    assert_eq!(error.context("operation"), Some("list"));
    assert_eq!(error.context("io_manager"), Some("scripted (script:/stage)"));
}

#[tokio::test(start_paused = true)]
async fn a_definite_answer_ends_it() {
    let manager = Scripted::new().listing([broken(ErrorKind::PermissionDenied)]);
    let (found, failed) = all(&manager).await;
    assert!(found.is_empty());
    assert_eq!(failed.map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
    assert_eq!(manager.times("list").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_location_has_its_own_time() {
    let manager = Scripted::new()
        .listing((0..5).map(|number| Ok(location(&format!("n{number}")))))
        .script("item", (0..5).map(|_| Act::Done(ms(9000))));
    let found: Vec<_> = manager.behind(&once_timed()).list(None).collect().await;
    assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 5);
    let manager = Scripted::new().listing([Ok(location("a"))]).script("item", [Act::Hang]);
    let mut locations = manager.behind(&once_timed()).list(None);
    let (took, next) = measured(locations.next()).await;
    assert_eq!(took, 10_000);
    assert!(next.is_some_and(|next| next.is_err_and(|error| error.kind() == ErrorKind::Timeout)));
}
