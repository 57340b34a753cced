//! Where a value is, and what to say when it is nowhere.

use crate::core::{Core, Found, another_form, named};
use crate::store::Purpose;
use larder_io_core::{Error, ErrorKind, InputContext, Result};

/// How often a value of several places is looked for again where nobody can be kept from changing them.
const LOOKS: usize = 3;

impl Core {
    /// Finds the published value, or the version that the context names in whatever format it was.
    pub(crate) async fn find(&self, ctx: &InputContext, purpose: Purpose) -> Result<Option<Found>> {
        let (mut right, others) = self.suffixes(ctx);
        if ctx.version.is_some() || ctx.form.is_none() {
            right.extend(others);
        }
        if let Some(found) = self.look(ctx, &right, purpose).await? {
            return Ok(Some(found));
        }
        if ctx.version.is_some() || right.len() == 1 || !self.settings.several() {
            return Ok(None);
        }
        // A value that changes its format while it is looked for may be missed at every place. Who may not lock, such as a
        // reader of a disk that is read-only, looks again instead.
        let held = self.hold(ctx).await.ok().flatten();
        for _ in 0..LOOKS {
            if let Some(found) = self.look(ctx, &right, purpose).await? {
                return Ok(Some(found));
            }
            if held.is_some() {
                break;
            }
        }
        Ok(None)
    }

    async fn look(&self, ctx: &InputContext, suffixes: &[String], purpose: Purpose) -> Result<Option<Found>> {
        for suffix in suffixes {
            if let Some(found) = self.open(ctx, suffix, ctx.version.as_ref(), purpose).await?
                && (ctx.version.is_some() || self.counts(ctx, &found)?)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The error of a load that found nothing; it looks for siblings, so that a change of format is told.
    pub(crate) async fn missing(&self, ctx: &InputContext) -> Error {
        let stem = &ctx.location;
        if let Some(version) = &ctx.version {
            let message = format!("version `{version}` of `{stem}` is not kept; `history` lists those that are");
            return Error::new(ErrorKind::NotFound, message);
        }
        let (right, others) = self.suffixes(ctx);
        for suffix in right.iter().chain(&others) {
            if let Ok(Some(found)) = self.open(ctx, suffix, None, Purpose::Receipt).await {
                match ctx.form.filter(|_| right.contains(suffix)) {
                    Some(asked) if !self.counts(ctx, &found).unwrap_or(true) => return another_form(&found, asked),
                    // It came since it was looked for.
                    Some(_) => break,
                    None => {}
                }
                let message = format!(
                    "there is no `{}`, but `{}` is there, stored in another format before the asset or the manager changed; materialize the asset again, or set the format back",
                    named(stem, &right[0]),
                    found.location
                );
                return Error::new(ErrorKind::NotFound, message);
            }
        }
        Error::new(
            ErrorKind::NotFound,
            format!(
                "nothing is stored at `{}`; materialize the asset first",
                named(stem, &right.join("` or `"))
            ),
        )
    }
}
