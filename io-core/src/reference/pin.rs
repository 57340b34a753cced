//! Whether what was recorded is taken, or what is there.

use crate::error::Result;
use crate::input::{Input, Loaded};
use crate::value::AssetValue;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// What a consumer of a reference takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pin {
    /// What was recorded when the reference was stored, or an error that says what changed.
    Pinned,
    /// What is there.
    Latest,
}

impl Pin {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Latest => "latest",
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! taken {
    ($(#[$doc:meta])* $name:ident, $pin:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<T>(pub T);

        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        #[async_trait]
        impl<T: AssetValue> Input for $name<T> {
            type Item = T;

            fn pin() -> Option<Pin> {
                Some($pin)
            }

            async fn from_loaded(loaded: Loaded) -> Result<Self> {
                T::from_loaded(loaded).await.map(Self)
            }
        }
    };
}

taken! {
    /// An input that follows a reference to what is there, whatever the reference says. Other values are loaded as without it.
    Latest, Pin::Latest
}

taken! {
    /// An input that follows a reference to what was recorded, whatever the reference says. Other values are loaded as without it.
    Pinned, Pin::Pinned
}
