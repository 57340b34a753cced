//! One double with one manager, and what is visible afterwards.

use crate::step::{Act, Condition, STEM, Step};
use crate::table::Now;
use crate::trouble::Trouble;
use crate::vendor::{PART_BYTES, Vendor};
use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{AssetValue, Blob, Form, GcOptions, IoManager, OutputContext, Result};
use larder_integration_tests::{bytes_of, context};
use larder_io_core::{InputContext, Precondition};
use larder_testkit::cloud::{Cloud, When};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The value before, and the one that is stored.
static SMALL: LazyLock<[Bytes; 2]> = LazyLock::new(|| [bytes_of(1, 3000).into(), bytes_of(2, 4000).into()]);

/// The same above the size of a part; the last part is small.
static LARGE: LazyLock<[Bytes; 2]> = LazyLock::new(|| {
    [
        bytes_of(3, PART_BYTES + 30_000).into(),
        bytes_of(4, PART_BYTES + 40_000).into(),
    ]
});

/// A double and a manager.
pub(crate) struct World {
    pub(crate) cloud: Cloud,
    pub(crate) vendor: &'static Vendor,
    pub(crate) step: Step,
    trouble: Trouble,
    pub(crate) manager: Arc<dyn IoManager>,
    before: Option<Bytes>,
    new: Bytes,
    keys: Vec<String>,
    condition: Precondition,
}

impl World {
    /// Makes a double on which what the step needs is stored, by a manager that has no troubles.
    pub(crate) async fn new(
        vendor: &'static Vendor,
        step: Step,
        trouble: Trouble,
        wrap: impl Fn(Arc<dyn IoManager>) -> Arc<dyn IoManager>,
    ) -> Self {
        let cloud = Cloud::start(vendor.dialect).await;
        cloud.create_bucket("bucket");
        let before = match (step.act(), step.condition()) {
            (_, Condition::Absent) => None,
            (Act::Load, _) if step.large() => Some(LARGE[0].clone()),
            _ => Some(SMALL[0].clone()),
        };
        let mut condition = match step.condition() {
            Condition::Absent => Precondition::Absent,
            _ => Precondition::None,
        };
        if let Some(value) = before.clone() {
            let stored = vendor
                .healthy(&cloud)
                .handle_output(&context(STEM), &Blob::from(value).into_value())
                .await;
            let receipt = stored.expect("a store without troubles");
            if step.condition() == Condition::Unchanged {
                condition = Precondition::Unchanged(receipt.version);
            }
        }
        Self {
            manager: wrap(vendor.manager(&cloud, trouble)),
            keys: cloud.keys(),
            new: if step.large() {
                LARGE[1].clone()
            } else {
                SMALL[1].clone()
            },
            cloud,
            vendor,
            step,
            trouble,
            before,
            condition,
        }
    }

    /// Has the next `times` requests of the step fail, and forgets those before.
    pub(crate) fn begin(&self, times: u64) {
        self.then(self.trouble, times);
        self.cloud.forget();
    }

    /// Has the `times` requests of the step after those fail in another way.
    pub(crate) fn then(&self, trouble: Trouble, times: u64) {
        let (step, dialect) = (self.step, self.vendor.dialect);
        let when = When::any()
            .matching(move |request| step.is(dialect, request))
            .times(times);
        self.cloud.fail(when, trouble.fault());
    }

    /// How often the step's request was sent.
    pub(crate) fn requests(&self) -> usize {
        let requests = self.cloud.requests();
        requests
            .iter()
            .filter(|request| self.step.is(self.vendor.dialect, request))
            .count()
    }

    /// What the step is part of; a text tells what is wrong with a success.
    pub(crate) async fn act(&self) -> Result<Option<String>> {
        let asset = context(STEM);
        let wrong = |right: bool, what: &str| (!right).then(|| what.to_owned());
        match self.step.act() {
            Act::Store => {
                let receipt = self.store(&asset).await?;
                Ok(wrong(
                    receipt.bytes == self.new.len() as u64,
                    "the receipt is of other bytes",
                ))
            }
            Act::Load => {
                let read = load(self.manager.as_ref(), &asset.to_input(Form::Blob)).await?;
                Ok(wrong(
                    Some(&read) == self.before.as_ref(),
                    "other bytes were read than are stored",
                ))
            }
            Act::Head => {
                let receipt = self.manager.head(&asset.to_input(Form::Blob)).await?;
                let bytes = receipt.map(|receipt| receipt.bytes as usize);
                Ok(wrong(
                    bytes == self.before.as_ref().map(Bytes::len),
                    "the receipt is another",
                ))
            }
            Act::List => {
                let listed: Vec<_> = self.manager.list(None).try_collect().await?;
                Ok(wrong(listed == [asset.location.clone()], "the list is another"))
            }
            Act::Delete => self.manager.delete(&asset.to_input(Form::Blob)).await.map(|()| None),
        }
    }

    async fn store(&self, asset: &OutputContext) -> Result<larder::Receipt> {
        let mut asset = asset.clone();
        asset.precondition = self.condition.clone();
        self.manager
            .handle_output(&asset, &Blob::from(self.new.clone()).into_value())
            .await
    }

    /// What is wrong with what a manager without troubles sees.
    pub(crate) async fn visible(&self, now: Now) -> Option<String> {
        let wanted = match now {
            Now::Before => self.before.as_ref(),
            Now::New => Some(&self.new),
            Now::Nothing => None,
        };
        let (manager, input) = (self.vendor.healthy(&self.cloud), context(STEM).to_input(Form::Blob));
        let receipt = match manager.head(&input).await {
            Ok(receipt) => receipt,
            Err(error) => return Some(format!("head of {now:?}: {error:?}")),
        };
        let Some(wanted) = wanted else {
            return receipt.map(|_| "there is a value where there was to be none".to_owned());
        };
        match load(manager.as_ref(), &input.verified()).await {
            Ok(read) if read != *wanted => Some(format!("visible is not {now:?}, whole")),
            Err(error) => Some(format!("load of {now:?}: {error:?}")),
            Ok(_) if receipt.map(|receipt| receipt.bytes as usize) != Some(wanted.len()) => {
                Some(format!("the receipt is not that of {now:?}"))
            }
            Ok(_) => None,
        }
    }

    /// What is left over: keys besides the values and their receipts, and more uploads than nobody can know of.
    pub(crate) async fn left_over(&self, now: Now, orphans: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        let unfinished = self.cloud.unfinished_uploads();
        let stays = now != Now::New && !self.vendor.can_abort();
        if unfinished.len() != orphans && !stays {
            wrong.push(format!(
                "{} uploads are unfinished, not {orphans}: {unfinished:?}",
                unfinished.len()
            ));
        }
        let keys = self.cloud.keys();
        let extra = match (now, self.step.large()) {
            (Now::New, true) => self.vendor.receipts_beside,
            _ => 0,
        };
        let value = usize::from(now == Now::New && self.before.is_none());
        let gone = usize::from(now == Now::Nothing && self.before.is_some());
        if keys.len() != self.keys.len() + extra + value - gone {
            wrong.push(format!(
                "after {now:?} there are the keys {keys:?}; before there were {:?}",
                self.keys
            ));
        }
        if orphans > 0 {
            let mut options = GcOptions::default();
            options.older_than = Duration::ZERO;
            let manager = self.vendor.healthy(&self.cloud);
            let collected = manager.maintenance().expect("gc").gc(&options).await;
            if let Err(error) = collected {
                wrong.push(format!("gc: {error:?}"));
            }
            if !self.cloud.unfinished_uploads().is_empty() {
                wrong.push("gc left an unfinished upload".to_owned());
            }
            if let Some(problem) = self.visible(now).await {
                wrong.push(format!("after gc: {problem}"));
            }
        }
        wrong
    }
}

/// Loads a value and reads it to its end.
pub(crate) async fn load(manager: &dyn IoManager, input: &InputContext) -> Result<Bytes> {
    Blob::from_value(manager.load_input(input).await?).await?.bytes().await
}
