//! What every value of a store carries besides its receipt.

use larder_io_core::{Error, ErrorKind, Result};
use object_store::{Attribute, AttributeValue, Attributes, TagSet};

/// Storage class, metadata, tags.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Headers and metadata.
    pub attributes: Attributes,
    /// Tags, where the vendor has them.
    pub tags: TagSet,
}

impl Marks {
    /// Refuses what no header can carry.
    ///
    /// # Errors
    /// `InvalidConfig` with the name of the metadata.
    pub fn validate(&self) -> Result<()> {
        let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        for (name, value) in &self.attributes {
            let (fits, what) = match name {
                Attribute::Metadata(name) => {
                    let token = !name.is_empty()
                        && name
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
                    (
                        token && printable(value),
                        format!("the metadata `{}`", name.escape_debug()),
                    )
                }
                other => (printable(value), format!("`{other:?}`")),
            };
            if !fits {
                let message = format!(
                    "{what} cannot be sent: names are of letters, digits, `-` and `_`, values of printable ASCII"
                );
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        }
        Ok(())
    }

    /// Bytes of all metadata, names and values.
    pub fn metadata_bytes(&self) -> usize {
        let pair = |(name, value): (&Attribute, &AttributeValue)| match name {
            Attribute::Metadata(name) => name.len() + value.len(),
            _ => 0,
        };
        self.attributes.iter().map(pair).sum()
    }
}
