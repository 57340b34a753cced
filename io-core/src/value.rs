//! The closed set of forms in which a value crosses between code and storage, and the open set of types that use it.

use crate::blob::BlobSource;
use crate::error::{Error, ErrorKind, Result};
use crate::object::{Native, ObjectSource};
#[cfg(feature = "arrow")]
use crate::table::TableSource;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// How a value crosses between code and storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A serde value.
    Object,
    /// Rows of an Arrow schema.
    Table,
    /// Bytes.
    Blob,
    /// The asset ran, nothing is stored.
    Nothing,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Object, Self::Table, Self::Blob, Self::Nothing];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Table => "table",
            Self::Blob => "blob",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of forms.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Forms(u8);

impl Forms {
    /// No form.
    pub const NONE: Self = Self(0);
    /// Every form.
    pub const ALL: Self = Self(0b1111);

    /// The set of the given forms.
    pub fn of(forms: impl IntoIterator<Item = Form>) -> Self {
        Self(forms.into_iter().fold(0, |bits, form| bits | 1 << form as u8))
    }

    /// Whether `form` is in the set.
    pub fn contains(self, form: Form) -> bool {
        self.0 & 1 << form as u8 != 0
    }

    /// The forms of both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The forms, in the order of [`Form::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Form> {
        Form::ALL.into_iter().filter(move |form| self.contains(*form))
    }

    /// The first form of the set: the preferred one.
    pub fn first(self) -> Option<Form> {
        self.iter().next()
    }
}

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Form::name).collect();
        f.write_str(
            if names.is_empty() {
                "no form".into()
            } else {
                names.join(", ")
            }
            .as_str(),
        )
    }
}

impl fmt::Debug for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Forms({self})")
    }
}

/// A value on its way between code and storage. Cloning copies a pointer.
#[derive(Clone)]
#[non_exhaustive]
pub enum Value {
    /// A Rust value in this process, shared and never changed; it can show itself as an object.
    Native(Arc<dyn Native>),
    /// An encoded object that is decoded into the type asked for.
    Object(Arc<dyn ObjectSource>),
    /// Something that can be scanned for rows.
    #[cfg(feature = "arrow")]
    Table(Arc<dyn TableSource>),
    /// Something that can be read as bytes.
    Blob(Arc<dyn BlobSource>),
    /// Nothing: the asset ran.
    Nothing,
}

impl Value {
    /// The form this value has for a store.
    pub fn form(&self) -> Form {
        match self {
            Self::Native(_) | Self::Object(_) => Form::Object,
            #[cfg(feature = "arrow")]
            Self::Table(_) => Form::Table,
            Self::Blob(_) => Form::Blob,
            Self::Nothing => Form::Nothing,
        }
    }

    /// Whether the value can be written again after a failed attempt; a stream that is read once cannot.
    pub fn replayable(&self) -> bool {
        match self {
            #[cfg(feature = "arrow")]
            Self::Table(source) => source.replayable(),
            Self::Blob(source) => source.replayable(),
            _ => true,
        }
    }

    /// The error for a value that is not in the form `wanted`.
    pub fn mismatch(&self, wanted: &str) -> Error {
        let found = match self {
            Self::Native(native) => format!("an object of type {}", native.type_name()),
            other => format!(
                "{} {}",
                if other.form() == Form::Object { "an" } else { "a" },
                other.form()
            ),
        };
        let message = format!(
            "the stored value is {found}, but {wanted} was asked for; change the parameter's type, or materialize the asset again if its type changed"
        );
        Error::new(ErrorKind::InvalidData, message)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(native) => write!(f, "Value::Native({})", native.type_name()),
            other => write!(f, "Value::{:?}", other.form()),
        }
    }
}

/// Whether a consumer needs the whole value at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The whole value in memory.
    Whole,
    /// Piece by piece, or only parts.
    Streamed,
}

/// A type that an asset may return or take.
///
/// Every `Serialize + DeserializeOwned + Send + Sync + 'static` type is one: `()` is Nothing, `Vec<u8>` is a Blob,
/// everything else is an Object. [`Table`](crate::Table), [`TableStream`](crate::TableStream),
/// [`LazyTable`](crate::LazyTable), [`Blob`](crate::Blob) and [`DataRef`](crate::DataRef) bring their own.
#[async_trait::async_trait]
pub trait AssetValue: Sized + Send + 'static {
    /// The forms in which the type crosses to storage, preferred first.
    fn forms() -> Forms;

    /// Whether [`AssetValue::from_value`] reads everything at once.
    fn access() -> Access {
        Access::Whole
    }

    /// Whether the value is a reference: consumers may take what it points to instead. Default false.
    fn refers() -> bool {
        false
    }

    /// Hands the value over without copying or encoding it.
    fn into_value(self) -> Value;

    /// Takes a value out of storage.
    ///
    /// # Errors
    /// `InvalidData` when the stored value is not of this type or is damaged; whatever reading it gives.
    async fn from_value(value: Value) -> Result<Self>;
}
