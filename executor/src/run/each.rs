//! The same work for each output of a call.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::Result;

/// Does `work` for each item, so many at once. Whatever fails, each is worked to its end; the results are in the order of the items.
pub(super) async fn each<T, R, F>(mut items: Vec<T>, at_once: usize, work: impl Fn(T) -> F) -> Vec<R>
where
    F: Future<Output = R>,
{
    // Most calls have one output, which needs no queue to wait in.
    if items.len() == 1
        && let Some(item) = items.pop()
    {
        return vec![work(item).await];
    }
    stream::iter(items).map(work).buffered(at_once).collect().await
}

/// As [`each`], but the first failure is the end of it, and the rest is dropped.
pub(super) async fn try_each<T, R, F>(mut items: Vec<T>, at_once: usize, work: impl Fn(T) -> F) -> Result<Vec<R>>
where
    F: Future<Output = Result<R>>,
{
    if items.len() == 1
        && let Some(item) = items.pop()
    {
        return Ok(vec![work(item).await?]);
    }
    stream::iter(items)
        .map(work)
        .buffer_unordered(at_once)
        .try_collect()
        .await
}
