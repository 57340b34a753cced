//! The faults, and what each means.

use crate::step::Step;
use crate::vendor::Vendor;
use larder::{Effect, ErrorKind, Retry};
use larder_testkit::cloud::{Dialect, Fault};
use std::time::Duration;

/// A delay that no request waits for here.
pub(crate) const LATER: Duration = Duration::from_secs(60);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// 429.
    TooMany,
    /// 429 with a delay that is waited for.
    TooManyNow,
    /// 429 with a delay that is too long.
    TooManyLater,
    /// 503, as the vendor says that it is busy.
    Busy,
    /// 503 with a delay that is waited for.
    BusyNow,
    /// 503 with a delay that is too long.
    BusyLater,
    /// 503 that says no more than that.
    Down,
    /// 500.
    Internal,
    /// 500 for a request that was carried out.
    InternalAfter,
    /// The credentials have expired, in the vendor's usual form.
    Expired,
    /// 403 that says the credentials have expired.
    Expired403,
    /// 403.
    Forbidden,
    /// The connection is reset before the request is carried out.
    ResetBefore,
    /// The connection is reset after the request was carried out.
    ResetAfter,
    /// No answer, and nothing is carried out.
    Stall,
    /// No answer, though the request was carried out.
    StallAfter,
    /// The answer's body stops in its middle.
    StallBody,
    /// The answer's body breaks off.
    TruncatedBody,
    /// Half of the body comes as if it were all.
    WrongLength,
    /// The answer names another ETag.
    WrongEtag,
    /// 409: somebody else is writing.
    Concurrent,
    /// 412: the condition does not hold.
    Condition,
    /// 409 for a request that was carried out.
    OwnConflict,
    /// 412 for a request that was carried out.
    OwnSuccess,
}

/// What an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: ErrorKind,
    pub(crate) retry: Retry,
    pub(crate) effect: Effect,
}

impl Trouble {
    /// Every trouble.
    pub(crate) const ALL: [Self; 24] = [
        Self::TooMany,
        Self::TooManyNow,
        Self::TooManyLater,
        Self::Busy,
        Self::BusyNow,
        Self::BusyLater,
        Self::Down,
        Self::Internal,
        Self::InternalAfter,
        Self::Expired,
        Self::Expired403,
        Self::Forbidden,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Stall,
        Self::StallAfter,
        Self::StallBody,
        Self::TruncatedBody,
        Self::WrongLength,
        Self::WrongEtag,
        Self::Concurrent,
        Self::Condition,
        Self::OwnConflict,
        Self::OwnSuccess,
    ];

    /// What the double is told.
    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::TooMany => Fault::status(429),
            Self::TooManyNow => Fault::retry_after(429, Duration::ZERO),
            Self::TooManyLater => Fault::retry_after(429, LATER),
            Self::Busy => Fault::status(503),
            Self::BusyNow => Fault::retry_after(503, Duration::ZERO),
            Self::BusyLater => Fault::retry_after(503, LATER),
            Self::Down => Fault::vendor(503, "InternalError"),
            Self::Internal => Fault::status(500),
            Self::InternalAfter => Fault::status_after(500),
            Self::Expired => Fault::ExpiredToken,
            Self::Expired403 => Fault::vendor(403, "ExpiredToken"),
            Self::Forbidden => Fault::status(403),
            Self::ResetBefore => Fault::ResetBefore,
            Self::ResetAfter => Fault::ResetAfter,
            Self::Stall => Fault::Stall,
            Self::StallAfter => Fault::StallAfter,
            Self::StallBody => Fault::StallBody,
            Self::TruncatedBody => Fault::TruncatedBody,
            Self::WrongLength => Fault::WrongLength,
            Self::WrongEtag => Fault::WrongEtag,
            Self::Concurrent => Fault::status(409),
            Self::Condition => Fault::status(412),
            Self::OwnConflict => Fault::status_after(409),
            Self::OwnSuccess => Fault::status_after(412),
        }
    }

    /// Whether the request is carried out although its answer is bad.
    pub(crate) fn after(self) -> bool {
        matches!(
            self,
            Self::InternalAfter
                | Self::ResetAfter
                | Self::StallAfter
                | Self::StallBody
                | Self::TruncatedBody
                | Self::WrongLength
                | Self::OwnConflict
                | Self::OwnSuccess
        )
    }

    /// Whether nothing comes any more, so that the client has to give up.
    pub(crate) fn stalls(self) -> bool {
        matches!(self, Self::Stall | Self::StallAfter | Self::StallBody)
    }

    /// Whether the request is worth sending again at once.
    pub(crate) fn is_repeated(self, vendor: &Vendor) -> bool {
        match self {
            // In Azure 409 says what 412 says elsewhere.
            Self::Concurrent | Self::OwnConflict => vendor.dialect != Dialect::Azure,
            Self::TooManyLater
            | Self::BusyLater
            | Self::Expired
            | Self::Expired403
            | Self::Forbidden
            | Self::WrongEtag
            | Self::Condition
            | Self::OwnSuccess => false,
            _ => true,
        }
    }

    /// What the error of a request says that had this trouble to its end.
    pub(crate) fn meaning(self, vendor: &Vendor, step: Step) -> Meaning {
        let unknown = if step.writes() { Effect::Unknown } else { Effect::None };
        let of = |kind, retry, effect| Meaning { kind, retry, effect };
        let asked = |delay| Retry::After(Some(delay));
        let busy = |retry| match vendor.says_busy(step) {
            true => of(ErrorKind::RateLimited, retry, Effect::None),
            false => of(ErrorKind::Unavailable, retry, unknown),
        };
        match self {
            Self::TooMany => of(ErrorKind::RateLimited, Retry::After(None), Effect::None),
            Self::TooManyNow => of(ErrorKind::RateLimited, asked(Duration::ZERO), Effect::None),
            Self::TooManyLater => of(ErrorKind::RateLimited, asked(LATER), Effect::None),
            Self::Busy => busy(Retry::After(None)),
            Self::BusyNow => busy(asked(Duration::ZERO)),
            Self::BusyLater => busy(asked(LATER)),
            Self::Expired | Self::Expired403 => of(ErrorKind::Unauthenticated, Retry::Never, Effect::None),
            Self::Forbidden => of(ErrorKind::PermissionDenied, Retry::Never, Effect::None),
            Self::Stall | Self::StallAfter | Self::StallBody => of(ErrorKind::Timeout, Retry::After(None), unknown),
            Self::Concurrent | Self::OwnConflict if self.is_repeated(vendor) => {
                of(ErrorKind::Conflict, Retry::After(None), Effect::None)
            }
            Self::WrongEtag | Self::Concurrent | Self::Condition | Self::OwnConflict | Self::OwnSuccess => {
                of(ErrorKind::Conflict, Retry::Never, Effect::None)
            }
            Self::Down
            | Self::Internal
            | Self::InternalAfter
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::TruncatedBody
            | Self::WrongLength => of(ErrorKind::Unavailable, Retry::After(None), unknown),
        }
    }
}
