//! Objects as JSON, MessagePack and pickle.

use super::whereabouts::{Trouble, find};
use super::{ObjectFormat, pickle};
use bytes::Bytes;
use larder_io_core::hash::{Losses, ObjectDigest, digest_object};
use larder_io_core::object::{ObjectSource, Visit, serialize_object};
use larder_io_core::{Error, ErrorKind, Result, Value};

/// JSON nests at most so deep that its reader takes it back: serde_json stops at 128.
const JSON_DEPTH: usize = 120;

/// Encodes an object, or refuses what the format would lose.
pub(crate) fn encode(value: &Value, format: ObjectFormat) -> Result<(Bytes, ObjectDigest)> {
    let digest = digest_object(value).map_err(|error| match find(value, Trouble::Key) {
        Some(place) => {
            let message = format!("{}, at {place}", error.message());
            Error::new(error.kind(), message).with_source(error)
        }
        None => error,
    })?;
    refuse_losses(value, digest.losses, format)?;
    let mut bytes = Vec::new();
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "the value cannot be written as {}{}: {error}",
                name(format),
                at(value, Trouble::Key)
            ),
        )
    };
    match format {
        ObjectFormat::Json => {
            let mut serializer = serde_json::Serializer::new(&mut bytes);
            serialize_object(value, &mut serializer).map_err(|error| failed(&error))?;
        }
        ObjectFormat::Msgpack => {
            let mut serializer = rmp_serde::Serializer::new(&mut bytes)
                .with_struct_map()
                .with_human_readable();
            serialize_object(value, &mut serializer).map_err(|error| failed(&error))?;
        }
        ObjectFormat::Pickle => {
            let mut serializer = pickle::Serializer::new(&mut bytes);
            serialize_object(value, &mut serializer).map_err(|error| failed(&error))?;
            serializer.finish();
            pickle::check(&bytes).map_err(|error| failed(&error))?;
        }
    }
    Ok((bytes.into(), digest))
}

fn name(format: ObjectFormat) -> &'static str {
    match format {
        ObjectFormat::Json => "json",
        ObjectFormat::Msgpack => "msgpack",
        ObjectFormat::Pickle => "pickle",
    }
}

/// ` at ..` where the trouble is found.
fn at(value: &Value, trouble: Trouble) -> String {
    find(value, trouble)
        .map(|place| format!(", at {place}"))
        .unwrap_or_default()
}

fn refuse_losses(value: &Value, losses: Losses, format: ObjectFormat) -> Result<()> {
    let (lost, trouble) = match format {
        ObjectFormat::Json if losses.non_finite => (
            "a NaN or an infinity, which JSON has not; use msgpack, or `Option<f64>`",
            Some(Trouble::NonFinite),
        ),
        _ if losses.nested_null => (
            "`Some(None)` or `Some(())`, which would be read back as `None`; use an enum",
            Some(Trouble::NestedNull),
        ),
        ObjectFormat::Json if losses.depth > JSON_DEPTH => (
            "more than 120 levels of nesting, which a JSON reader refuses; use msgpack",
            None,
        ),
        _ => return Ok(()),
    };
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "the value cannot be kept as {}{}: it holds {lost}",
            name(format),
            trouble.map(|trouble| at(value, trouble)).unwrap_or_default()
        ),
    ))
}

/// An object as it was stored.
pub(crate) struct EncodedObject {
    pub(crate) bytes: Bytes,
    pub(crate) format: ObjectFormat,
}

impl ObjectSource for EncodedObject {
    fn with_deserializer(&self, visit: &mut Visit<'_>) -> Result<()> {
        let wrap = |error: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::InvalidData,
                format!("the stored object is no valid {}: {error}", name(self.format)),
            )
        };
        match self.format {
            ObjectFormat::Json => {
                let mut deserializer = serde_json::Deserializer::from_slice(&self.bytes);
                visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer))
                    .map_err(|error| wrap(&error))?;
                deserializer.end().map_err(|error| wrap(&error))
            }
            ObjectFormat::Msgpack => {
                let mut rest = &self.bytes[..];
                let mut deserializer = rmp_serde::Deserializer::new(&mut rest).with_human_readable();
                visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer))
                    .map_err(|error| wrap(&error))?;
                match rest.len() {
                    0 => Ok(()),
                    left => Err(wrap(&format!("{left} bytes are left over at its end"))),
                }
            }
            ObjectFormat::Pickle => {
                let pickled = pickle::parse(&self.bytes).map_err(|error| wrap(&error))?;
                visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&pickled)).map_err(|error| wrap(&error))
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}
