//! Managers behind the policies of a run: what outlasts the attempts of a request is healed by those of the operation.

use crate::run::{report, secrets};
use crate::step::Step;
use crate::table::{Lasts, Now, expected};
use crate::trouble::Trouble;
use crate::vendor::{self, Vendor};
use crate::world::World;
use futures_util::{StreamExt, stream};
use larder::Retry;
use larder_executor::policy::{Policies, RetryPolicy, assemble};
use larder_io_core::IoManager;
use std::sync::Arc;
use std::time::Duration;

fn behind(manager: Arc<dyn IoManager>) -> Arc<dyn IoManager> {
    let mut retry = RetryPolicy::default();
    retry.attempts = 2;
    retry.first_delay = Duration::from_millis(1);
    retry.max_delay = Duration::from_millis(1);
    assemble(manager, "lake", &Policies::default().with_retry(retry))
}

/// Whether the policies heal what the requests could not.
fn heals(step: Step, trouble: Trouble) -> bool {
    match (trouble, step) {
        // What the policies would wait for, a run waits for too; here nobody waits a minute.
        (Trouble::TooManyLater | Trouble::BusyLater, _) => false,
        // A blob is read after it was loaded, and only its beginning is tried again.
        (_, Step::RangedGet) => false,
        // What was staged is gone, and is staged again.
        (Trouble::WrongEtag, Step::FirstPart | Step::LastPart) => true,
        _ => true,
    }
}

/// Runs every trouble of a step for as long as a request is tried; panics with all that is wrong.
async fn step(vendor: &'static Vendor, step: Step) {
    let cases: Vec<_> = Trouble::ALL
        .into_iter()
        .filter(|trouble| heals(step, *trouble))
        .filter_map(|trouble| {
            let alone = expected(vendor, step, trouble, Lasts::Always)?.failure?;
            let lost = (trouble, step) == (Trouble::WrongEtag, Step::FirstPart)
                || (trouble, step) == (Trouble::WrongEtag, Step::LastPart);
            (alone.meaning.retry != Retry::Never || lost).then_some((trouble, alone.attempts))
        })
        .collect();
    let runs = cases.into_iter().map(|(trouble, attempts)| async move {
        let name = format!("{:?} {step:?} {trouble:?}", vendor.dialect);
        let wrong = case(vendor, step, trouble, attempts).await;
        wrong
            .into_iter()
            .map(|wrong| format!("{name}: {wrong}"))
            .collect::<Vec<_>>()
    });
    report(stream::iter(runs).buffer_unordered(8).concat().await);
}

async fn case(vendor: &'static Vendor, step: Step, trouble: Trouble, attempts: u32) -> Vec<String> {
    let world = World::new(vendor, step, trouble, behind).await;
    world.begin(attempts.into());
    let done = world.act().await;
    let requests = world.requests();
    world.cloud.heal();
    let mut wrong = Vec::new();
    match done {
        Ok(problem) => wrong.extend(problem),
        Err(error) => {
            wrong.extend(secrets(&error));
            wrong.push(format!("failed: {error:?}"));
        }
    }
    if requests != attempts as usize + 1 {
        wrong.push(format!("{requests} requests, not {}", attempts + 1));
    }
    let now = match step.act() {
        crate::step::Act::Store => Now::New,
        crate::step::Act::Delete => Now::Nothing,
        _ => Now::Before,
    };
    wrong.extend(world.visible(now).await);
    let orphans = if step == Step::Create && trouble.after() {
        attempts as usize
    } else {
        0
    };
    wrong.extend(world.left_over(now, orphans).await);
    wrong
}

macro_rules! steps {
    ($module:ident, $vendor:ident: $($name:ident $step:ident),* $(,)?) => {
        mod $module {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                step(&vendor::$vendor, Step::$step).await;
            })*
        }
    };
}

steps!(s3, S3:
    put Put, put_absent PutAbsent, put_unchanged PutUnchanged,
    create Create, first_part FirstPart, last_part LastPart, put_receipt PutReceipt,
    complete Complete, complete_absent CompleteAbsent, complete_unchanged CompleteUnchanged,
    get Get, get_front GetFront, get_receipt GetReceipt,
    head Head, list List, delete Delete,
);

steps!(gcs, GCS:
    put Put, put_absent PutAbsent, put_unchanged PutUnchanged,
    create Create, first_part FirstPart, last_part LastPart, join Join,
    complete Complete, complete_absent CompleteAbsent, complete_unchanged CompleteUnchanged,
    get Get, get_front GetFront,
    head Head, list List, delete Delete,
);

steps!(azure, AZURE:
    put Put, put_absent PutAbsent, put_unchanged PutUnchanged,
    first_part FirstPart, last_part LastPart,
    complete Complete, complete_absent CompleteAbsent, complete_unchanged CompleteUnchanged,
    get Get, get_front GetFront,
    head Head, list List, delete Delete,
);
