//! The requests that fail.

use larder_testkit::cloud::{Dialect, Operation, Request};

/// The asset that is stored and loaded; also its location's stem.
pub(crate) const STEM: &str = "values/blob";

/// A request that fails, and what it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A small value is put.
    Put,
    /// A small value is put where there must be none.
    PutAbsent,
    /// A small value is put in the place of a known one.
    PutUnchanged,
    /// An upload begins.
    Create,
    /// The first part of an upload is sent.
    FirstPart,
    /// The last part of an upload is sent, a small one.
    LastPart,
    /// The receipt of an upload is stored beside it.
    PutReceipt,
    /// The parts of an upload are put together where nobody sees them, by a vendor that publishes them by a copy.
    Join,
    /// An upload becomes the value.
    Complete,
    /// An upload becomes the value where there must be none.
    CompleteAbsent,
    /// An upload replaces a known value.
    CompleteUnchanged,
    /// A value is read whole by one request.
    Get,
    /// The beginning of a large value is read.
    GetFront,
    /// The rest of a large value is read.
    RangedGet,
    /// A receipt that lies beside its value is read.
    GetReceipt,
    /// A receipt that travels with its value is asked for.
    Head,
    /// Locations are listed.
    List,
    /// A value is deleted.
    Delete,
}

/// What the manager is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Store,
    Load,
    Head,
    List,
    Delete,
}

/// Under which condition a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Any,
    Absent,
    Unchanged,
}

impl Step {
    /// Every step.
    pub(crate) const ALL: [Self; 18] = [
        Self::Put,
        Self::PutAbsent,
        Self::PutUnchanged,
        Self::Create,
        Self::FirstPart,
        Self::LastPart,
        Self::PutReceipt,
        Self::Join,
        Self::Complete,
        Self::CompleteAbsent,
        Self::CompleteUnchanged,
        Self::Get,
        Self::GetFront,
        Self::RangedGet,
        Self::GetReceipt,
        Self::Head,
        Self::List,
        Self::Delete,
    ];

    pub(crate) fn act(self) -> Act {
        match self {
            Self::Get | Self::GetFront | Self::RangedGet | Self::GetReceipt => Act::Load,
            Self::Head => Act::Head,
            Self::List => Act::List,
            Self::Delete => Act::Delete,
            _ => Act::Store,
        }
    }

    pub(crate) fn condition(self) -> Condition {
        match self {
            Self::PutAbsent | Self::CompleteAbsent => Condition::Absent,
            Self::PutUnchanged | Self::CompleteUnchanged => Condition::Unchanged,
            _ => Condition::Any,
        }
    }

    /// Whether the value in question, stored or loaded, is above the size of a part.
    pub(crate) fn large(self) -> bool {
        !matches!(
            self,
            Self::Put | Self::PutAbsent | Self::PutUnchanged | Self::Get | Self::Head | Self::List | Self::Delete
        )
    }

    /// Whether the request may change what is stored.
    pub(crate) fn writes(self) -> bool {
        matches!(self.act(), Act::Store | Act::Delete)
    }

    /// Whether the request makes the new value visible.
    pub(crate) fn publishes(self) -> bool {
        matches!(
            self,
            Self::Put
                | Self::PutAbsent
                | Self::PutUnchanged
                | Self::Complete
                | Self::CompleteAbsent
                | Self::CompleteUnchanged
        )
    }

    /// Whether this is the request.
    pub(crate) fn is(self, dialect: Dialect, request: &Request) -> bool {
        let names = |part: &str| request.keys.iter().any(|key| key.contains(part));
        let (value, receipt) = (names(STEM), names(".larder/receipts/"));
        let pinned = request.header("if-match").is_some();
        let operation = request.operation;
        let publishing = if dialect == Dialect::Gcs {
            Operation::Copy
        } else {
            Operation::Complete
        };
        match self {
            Self::Put | Self::PutAbsent | Self::PutUnchanged => operation == Operation::Put && value,
            Self::Create => operation == Operation::CreateMultipart,
            Self::FirstPart => operation == Operation::Part && request.length >= SMALL,
            Self::LastPart => operation == Operation::Part && request.length < SMALL,
            Self::PutReceipt => operation == Operation::Put && receipt,
            Self::Complete | Self::CompleteAbsent | Self::CompleteUnchanged => operation == publishing,
            Self::Join => operation == Operation::Complete,
            Self::Get | Self::GetFront => operation == Operation::RangedGet && value && !pinned,
            Self::RangedGet => operation == Operation::RangedGet && value && pinned,
            Self::GetReceipt => matches!(operation, Operation::Get | Operation::RangedGet) && receipt,
            // The answer to a HEAD has no words: a refused one is followed by a GET that has them.
            Self::Head => matches!(operation, Operation::Head | Operation::RangedGet) && value,
            Self::List => operation == Operation::List,
            Self::Delete => operation == Operation::Delete && value,
        }
    }
}

/// Bytes that a last part has less of.
const SMALL: u64 = 1 << 20;
