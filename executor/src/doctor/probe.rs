//! The values that are written, in the first form that the manager takes: bytes, an object, a table.

use larder_io_core::hash::digest_object;
use larder_io_core::{
    AssetKey, AssetValue, Blob, ContentHash, Form, Forms, InputContext, Location, OutputContext, Precondition, Receipt,
    Result, RunId, Value,
};

/// Where one manager's probes lie, and what they are.
pub(super) struct Probe {
    asset: AssetKey,
    pub(super) location: Location,
    form: Form,
}

impl Probe {
    /// A new place; `None` for a manager that takes nothing of what can be made here.
    pub(super) fn new(forms: Forms) -> Result<Option<Self>> {
        let known = [Form::Blob, Form::Object, Form::Table];
        let made = |form: &Form| *form != Form::Table || cfg!(feature = "arrow");
        let Some(form) = known.into_iter().filter(made).find(|form| forms.contains(*form)) else {
            return Ok(None);
        };
        // In no directory: an empty one would be left.
        let place = format!("larder-doctor-{}", RunId::random());
        Ok(Some(Self {
            asset: place.parse()?,
            location: place.parse()?,
            form,
        }))
    }

    pub(super) fn output(&self, precondition: Precondition) -> OutputContext {
        let mut context = OutputContext::new(self.asset.clone(), None, self.location.clone());
        context.precondition = precondition;
        context
    }

    pub(super) fn input(&self) -> InputContext {
        InputContext::new(self.asset.clone(), None, self.location.clone()).with_form(self.form)
    }

    /// The nth value; no two are equal.
    pub(super) fn value(&self, nth: u8) -> Result<Value> {
        Ok(match self.form {
            Form::Blob => Blob::from(self.bytes(nth)).into_value(),
            #[cfg(feature = "arrow")]
            Form::Table => self.table(nth)?.into_value(),
            _ => self.text(nth).into_value(),
        })
    }

    /// What is not as it was written; `None` when all is. The receipt is the one of the write.
    pub(super) async fn difference(&self, nth: u8, loaded: Value, receipt: &Receipt) -> Result<Option<&'static str>> {
        let written = self.value(nth)?;
        let (same, hash) = match self.form {
            Form::Blob => {
                let wanted = self.bytes(nth);
                let same = Blob::from_value(loaded).await?.bytes().await? == wanted;
                (same, Some(ContentHash::of(&wanted)))
            }
            #[cfg(feature = "arrow")]
            Form::Table => {
                use larder_io_core::Table;
                let (wanted, found) = (self.table(nth)?, Table::from_value(loaded).await?);
                let same = wanted.to_batch()?.columns() == found.to_batch()?.columns();
                (same, larder_io_core::table::hash_table(&wanted).await?.0)
            }
            _ => {
                let same = String::from_value(loaded).await? == self.text(nth);
                (same, Some(digest_object(&written)?.hash))
            }
        };
        let hashed = receipt.content_hash.is_none() || receipt.content_hash == hash;
        Ok(match (same, hashed) {
            (false, _) => Some("the value that came back is not the one that was written"),
            (true, false) => {
                Some("the value came back as it was written, and the hash in its receipt is of another one")
            }
            (true, true) => None,
        })
    }

    fn text(&self, nth: u8) -> String {
        format!("{} ({nth}): ä ✓", self.location)
    }

    /// Text, and every byte there is: something in between may take all bytes for text.
    fn bytes(&self, nth: u8) -> Vec<u8> {
        self.text(nth).into_bytes().into_iter().chain(0..=u8::MAX).collect()
    }

    #[cfg(feature = "arrow")]
    fn table(&self, nth: u8) -> Result<larder_io_core::Table> {
        let texts = [Some(self.text(nth)), None, Some(String::new())];
        let column: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::StringArray::from_iter(texts));
        Ok(arrow_array::RecordBatch::try_from_iter([("probe", column)])?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_form_is_told_from_another_value_and_another_hash() {
        for form in [Form::Blob, Form::Object, Form::Table] {
            let probe = Probe::new(Forms::of([form])).expect("is a place").expect("can be made");
            let (first, second) = (probe.value(0).expect("is made"), probe.value(1).expect("is made"));
            assert_eq!(first.form(), form);
            let context = probe.output(Precondition::None);
            let mut receipt = Receipt::begin(&context, probe.location.clone(), form, "test");
            let same = probe.difference(0, first.clone(), &receipt).await.expect("compares");
            assert_eq!(same, None, "{form}");
            let other = probe.difference(0, second, &receipt).await.expect("compares");
            assert!(
                other.is_some_and(|told| told.contains("not the one")),
                "{form}: {other:?}"
            );
            receipt.content_hash = Some(ContentHash::of(b"another"));
            let hash = probe.difference(0, first, &receipt).await.expect("compares");
            assert!(hash.is_some_and(|told| told.contains("hash")), "{form}: {hash:?}");
        }
        assert!(Probe::new(Forms::of([Form::Nothing])).expect("no error").is_none());
    }
}
