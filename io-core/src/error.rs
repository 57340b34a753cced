//! The one error type: what is wrong, whether to try again, and whether a write may have happened.

use std::fmt;
use std::time::Duration;

/// Result of everything in larder.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is stored there.
    NotFound,
    /// Something is stored where nothing was expected.
    AlreadyExists,
    /// Somebody else changed it in between.
    Conflict,
    /// The credentials are good, the permission is missing.
    PermissionDenied,
    /// The credentials are missing or wrong.
    Unauthenticated,
    /// A setting of a manager or a pipeline is wrong.
    InvalidConfig,
    /// Assets, keys or bindings do not fit together.
    InvalidDefinition,
    /// The backend or format cannot do this.
    Unsupported,
    /// Stored data is damaged, or is not what was asked for.
    InvalidData,
    /// The server asked to slow down.
    RateLimited,
    /// No answer within the time allowed.
    Timeout,
    /// The storage cannot be reached or is full.
    Unavailable,
    /// Stopped on request.
    Cancelled,
    /// The asset's own code failed.
    AssetFailed,
    /// A defect, or something nobody foresaw.
    Unexpected,
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail again.
    Never,
    /// The same call may succeed; the server's own delay when it gave one.
    After(Option<Duration>),
}

/// What a failed write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Surely nothing.
    None,
    /// It may have happened.
    Unknown,
}

impl ErrorKind {
    fn default_retry(self) -> Retry {
        match self {
            Self::RateLimited | Self::Timeout | Self::Unavailable => Retry::After(None),
            _ => Retry::Never,
        }
    }

    fn default_effect(self) -> Effect {
        match self {
            Self::Timeout | Self::Unavailable | Self::Cancelled | Self::Unexpected => Effect::Unknown,
            _ => Effect::None,
        }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error: kind, message, retry class, effect, context and source. One pointer wide.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    retry: Retry,
    effect: Effect,
    attempts: u32,
    context: Vec<(&'static str, String)>,
    source: Option<Source>,
}

impl Error {
    /// Makes an error; retry and effect follow from `kind` until they are set.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            retry: kind.default_retry(),
            effect: kind.default_effect(),
            attempts: 1,
            context: Vec::new(),
            source: None,
        }))
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds one pair of context unless the name is set already: the innermost layer knows best.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        if !self.0.context.iter().any(|(known, _)| *known == name) {
            self.0.context.push((name, value.to_string()));
        }
        self
    }

    /// Overrides the retry class.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Overrides the effect.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.0.effect = effect;
        self
    }

    /// Sets how many attempts were made, the first included.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// The same error without its source, which cannot be copied.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            message: self.0.message.clone(),
            retry: self.0.retry,
            effect: self.0.effect,
            attempts: self.0.attempts,
            context: self.0.context.clone(),
            source: None,
        }))
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence for people, without kind and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether a failed write may have happened.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// How many attempts were made, the first included.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The value of one pair of context.
    pub fn context(&self, name: &str) -> Option<&str> {
        self.0
            .context
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All context, in the order it was added.
    pub fn contexts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Turns the error of an asset's own code into [`ErrorKind::AssetFailed`]; an [`Error`] of larder stays as it is.
    pub fn from_asset(error: impl Into<Source>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(own) => *own,
            Err(foreign) => Self::new(ErrorKind::AssetFailed, foreign.to_string()).with_source(foreign),
        }
    }

    /// The chain of causes, outermost first, without this error.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        for (index, (name, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { " [" } else { " " })?;
        }
        if !self.0.context.is_empty() {
            f.write_str("]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{self} (retry={:?} effect={:?} attempts={})",
            self.0.retry, self.0.effect, self.0.attempts
        )?;
        for cause in self.causes() {
            write!(f, "\n  caused by: {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// `?` in asset code. Backends map their errors by hand instead, because kind and effect would be lost here.
macro_rules! from_asset_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::new(ErrorKind::AssetFailed, error.to_string()).with_source(error)
            }
        }
    )*};
}
from_asset_errors!(
    std::io::Error,
    std::fmt::Error,
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::str::Utf8Error,
    std::string::FromUtf8Error
);
#[cfg(feature = "arrow")]
from_asset_errors!(arrow_schema::ArrowError);

/// Adds a sentence to any error of asset code: `read(path).context("the list of planes")?`.
pub trait ResultExt<T> {
    /// Wraps the error as [`ErrorKind::AssetFailed`] (an [`Error`] keeps its kind) with `message` in front.
    ///
    /// # Errors
    /// Whatever the result held, wrapped.
    fn context(self, message: impl fmt::Display) -> Result<T>;

    /// The same with a sentence that is only made when there is an error.
    ///
    /// # Errors
    /// Whatever the result held, wrapped.
    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: Into<Source>> ResultExt<T> for Result<T, E> {
    fn context(self, message: impl fmt::Display) -> Result<T> {
        self.with_context(|| message)
    }

    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|error| {
            let mut error = Error::from_asset(error);
            error.0.message = format!("{}: {}", message(), error.0.message);
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_and_effect_follow_from_the_kind() {
        let timeout = Error::new(ErrorKind::Timeout, "slow");
        assert_eq!(
            (timeout.retry(), timeout.effect()),
            (Retry::After(None), Effect::Unknown)
        );
        let missing = Error::new(ErrorKind::NotFound, "gone");
        assert_eq!((missing.retry(), missing.effect()), (Retry::Never, Effect::None));
    }

    #[test]
    fn an_asset_error_keeps_a_kind_of_ours() {
        let ours: Result<()> = Err(Error::new(ErrorKind::Conflict, "x"));
        assert_eq!(
            ours.context("while y").expect_err("is an error").kind(),
            ErrorKind::Conflict
        );
        let theirs: Result<(), std::num::ParseIntError> = "a".parse::<i32>().map(|_| ());
        let error = theirs.context("row 3").expect_err("is an error");
        assert_eq!(error.kind(), ErrorKind::AssetFailed);
        assert!(error.to_string().contains("row 3: invalid digit"), "{error}");
    }
}
