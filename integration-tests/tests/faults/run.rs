//! One case, and all of a step.

use crate::step::Step;
use crate::table::{Expected, Failure, Lasts, expected};
use crate::trouble::{Meaning, Trouble};
use crate::vendor::{SECRETS, Vendor};
use crate::world::World;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use larder::Error;

/// Cases at once.
const AT_ONCE: usize = 8;

/// Runs every trouble of a step, once and always; panics with all that is wrong.
pub(crate) async fn step(vendor: &'static Vendor, step: Step) {
    let both = |trouble| [(trouble, Lasts::Once), (trouble, Lasts::Always)];
    let cases = Trouble::ALL.into_iter().flat_map(both);
    let cases: Vec<_> = cases
        .filter_map(|(trouble, lasts)| Some((trouble, lasts, expected(vendor, step, trouble, lasts)?)))
        .collect();
    assert!(cases.len() >= 26, "{step:?} has only {} cases", cases.len());
    // Those that wait for nothing first: they need the machine.
    let (stalls, others): (Vec<_>, Vec<_>) = cases.into_iter().partition(|(trouble, ..)| trouble.stalls());
    let run = |(trouble, lasts, expected)| async move {
        let wrong = case(vendor, step, trouble, lasts, &expected).await;
        let name = format!("{:?} {step:?} {trouble:?} {lasts:?}", vendor.dialect);
        wrong
            .into_iter()
            .map(move |wrong| format!("{name}: {wrong}"))
            .collect::<Vec<_>>()
    };
    let mut wrong = stream::iter(others.into_iter().map(run))
        .buffer_unordered(AT_ONCE)
        .concat()
        .await;
    wrong.extend(join_all(stalls.into_iter().map(run)).await.concat());
    report(wrong);
}

/// Panics when something is wrong.
pub(crate) fn report(mut wrong: Vec<String>) {
    wrong.sort();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

async fn case(vendor: &'static Vendor, step: Step, trouble: Trouble, lasts: Lasts, expected: &Expected) -> Vec<String> {
    let world = World::new(vendor, step, trouble, |manager| manager).await;
    let times = if lasts == Lasts::Once { 1 } else { u64::MAX };
    world.begin(times);
    let done = world.act().await;
    let requests = world.requests();
    world.cloud.heal();
    let mut wrong = Vec::new();
    match (done, &expected.failure) {
        (Ok(problem), None) => wrong.extend(problem),
        (Ok(_), Some(failure)) => wrong.push(format!("succeeded instead of {failure:?}")),
        (Err(error), None) => wrong.push(format!("failed: {error:?}")),
        (Err(error), Some(failure)) => wrong.extend(compare(&error, failure)),
    }
    if requests != expected.requests {
        wrong.push(format!("{requests} requests, not {}", expected.requests));
    }
    wrong.extend(world.visible(expected.now).await);
    wrong.extend(world.left_over(expected.now, expected.orphans).await);
    wrong
}

/// What an error says otherwise than it should, or should not say at all.
pub(crate) fn compare(error: &Error, failure: &Failure) -> Vec<String> {
    let mut wrong = secrets(error);
    let found = Failure {
        meaning: Meaning {
            kind: error.kind(),
            retry: error.retry(),
            effect: error.effect(),
        },
        attempts: error.attempts(),
    };
    if found != *failure {
        wrong.push(format!("{found:?} instead of {failure:?}: {error:?}"));
    }
    wrong
}

/// Secrets that an error tells.
pub(crate) fn secrets(error: &Error) -> Vec<String> {
    let said = format!("{error} {error:?} {:?}", error.causes());
    let told = SECRETS.into_iter().filter(|secret| said.contains(secret));
    told.map(|secret| format!("the error tells the secret `{secret}`"))
        .collect()
}
