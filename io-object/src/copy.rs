//! Values of another manager, taken over as the bytes they are.

use crate::core::{Core, Found, path, suffixed};
use crate::format::BLOB_SUFFIX;
use crate::sink::Body;
use crate::stage::StagedObject;
use larder_io_core::{Form, Naming, Original, OutputContext, Receipt, Result, Staged};
use std::sync::Arc;

/// The suffix that this manager would store the value under with these very bytes; `None` where it would write others.
fn suffix<'a>(core: &'a Core, ctx: &'a OutputContext, receipt: &'a Receipt) -> Option<&'a str> {
    // Which format a value gets, and what else of it there is, is then decided by more than its form.
    let plain = !core.settings.several() && ctx.naming != Naming::Bare && receipt.form != Form::Nothing;
    let same = plain && receipt.format == core.settings.name(receipt.form);
    same.then(|| match receipt.form {
        Form::Blob => ctx.extension.as_deref().unwrap_or(BLOB_SUFFIX),
        _ => receipt.format.as_str(),
    })
}

/// Stages the bytes of a value that another manager keeps, and compares their hash.
pub(crate) async fn stage(
    core: &Arc<Core>,
    ctx: &OutputContext,
    original: &Original<'_>,
) -> Result<Option<Box<dyn Staged>>> {
    let was = original.receipt;
    let Some(suffix) = suffix(core, ctx, was).filter(|_| was.stored_hash.is_some()) else {
        return Ok(None);
    };
    let location = suffixed(&ctx.location, suffix)?;
    let path = path(&location)?;
    let Some(mut upload) = core.store.upload_copy(&path, original).await? else {
        return Ok(None);
    };
    let compared = match upload.reader().await {
        Ok(Some(reader)) => {
            let (location, suffix) = (was.location.clone(), suffix.to_owned());
            let found = Found {
                path: path.clone(),
                location,
                suffix,
                reader,
            };
            core.check(&found, was, true).await.map(|()| true)
        }
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    };
    if !matches!(compared, Ok(true)) {
        // The first error tells what happened; `gc` finds what stays.
        let _ = upload.abort().await;
        return compared.map(|_| None);
    }
    let mut receipt = Receipt::begin(ctx, location, was.form, &was.format);
    receipt.uri = core.store.uri(&path);
    receipt.bytes = was.bytes;
    receipt.rows = was.rows;
    receipt.content_hash = was.content_hash;
    receipt.stored_hash = was.stored_hash;
    receipt.schema.clone_from(&was.schema);
    let mut staged = StagedObject::new(core, ctx, path, receipt);
    staged.body = Some(Body::Large(upload));
    Ok(Some(Box::new(staged)))
}
