//! Refusals, in each vendor's own words.

use super::Dialect;
use super::call::Call;
use super::fault::Operation;
use super::reply::Reply;
use super::xml::Xml;
use http::Method;
use serde_json::json;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    NoSuchUpload,
    NoLifecycle,
    BucketExists,
    Exists,
    Precondition,
    NotModified,
    InvalidRange,
    InvalidPart,
    InvalidPartOrder,
    TooSmall,
    Malformed,
    Argument(String),
    KeyRequired,
    WrongKey,
    Unauthenticated,
    Expired,
    WrongRegion(String),
    DirectoryIsNotEmpty,
    WrongResource,
    NotImplemented,
    /// What a test asked for.
    Status(u16, Option<String>),
}

/// Status, code and message.
type Told = (u16, String, String);

fn told(status: u16, code: &str, message: &str) -> Told {
    (status, code.to_owned(), message.to_owned())
}

/// What S3 says; Google's XML interface says the same but where [`gcs`] differs.
fn s3(reason: &Reason) -> Told {
    match reason {
        Reason::NoSuchBucket => told(404, "NoSuchBucket", "The specified bucket does not exist"),
        Reason::NoSuchKey => told(404, "NoSuchKey", "The specified key does not exist."),
        Reason::NoSuchVersion => told(404, "NoSuchVersion", "The specified version does not exist."),
        Reason::NoSuchUpload => told(404, "NoSuchUpload", "The specified multipart upload does not exist."),
        Reason::NoLifecycle => told(
            404,
            "NoSuchLifecycleConfiguration",
            "There is no lifecycle configuration",
        ),
        Reason::BucketExists => told(409, "BucketAlreadyOwnedByYou", "The bucket exists and is yours."),
        Reason::Exists | Reason::Precondition => told(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ),
        Reason::NotModified => told(304, "NotModified", "Not Modified"),
        Reason::InvalidRange => told(416, "InvalidRange", "The requested range is not satisfiable"),
        Reason::InvalidPart => told(
            400,
            "InvalidPart",
            "One or more of the specified parts could not be found.",
        ),
        Reason::InvalidPartOrder => told(400, "InvalidPartOrder", "The list of parts was not in ascending order."),
        Reason::TooSmall => told(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum size",
        ),
        Reason::Malformed => told(400, "MalformedXML", "The XML you provided was not well-formed"),
        Reason::Argument(what) => told(400, "InvalidArgument", what),
        Reason::KeyRequired => told(
            400,
            "InvalidRequest",
            "The object was stored with a customer's key: send that key",
        ),
        Reason::WrongKey => told(
            403,
            "AccessDenied",
            "The provided encryption key is not that of the object",
        ),
        Reason::Unauthenticated => told(
            403,
            "InvalidAccessKeyId",
            "The access key id you provided does not exist",
        ),
        Reason::Expired => told(400, "ExpiredToken", "The provided token has expired."),
        Reason::WrongRegion(region) => (
            400,
            "AuthorizationHeaderMalformed".to_owned(),
            format!("The authorization header is malformed; the region is wrong; expecting '{region}'"),
        ),
        Reason::DirectoryIsNotEmpty | Reason::WrongResource => told(409, "OperationAborted", "Conflict"),
        Reason::NotImplemented => told(
            501,
            "NotImplemented",
            "A header or query you provided is not implemented",
        ),
        Reason::Status(status, code) => {
            let usual = match status {
                400 => "InvalidRequest",
                401 | 403 => "AccessDenied",
                404 => "NoSuchKey",
                409 => "ConditionalRequestConflict",
                412 => "PreconditionFailed",
                429 => "TooManyRequests",
                503 => "SlowDown",
                _ => "InternalError",
            };
            let code = code.as_deref().unwrap_or(usual);
            told(*status, code, "The double was asked to answer so.")
        }
    }
}

fn gcs(reason: &Reason) -> Told {
    match reason {
        Reason::NoSuchVersion => s3(&Reason::NoSuchKey),
        Reason::Unauthenticated => told(401, "AuthenticationRequired", "Authentication required."),
        Reason::Expired => told(
            401,
            "AuthenticationRequired",
            "Invalid Credentials: the token has expired.",
        ),
        Reason::Status(503, None) => told(503, "ServiceUnavailable", "The double was asked to answer so."),
        Reason::Status(409, None) => told(409, "Conflict", "The double was asked to answer so."),
        reason => s3(reason),
    }
}

fn azure(reason: &Reason, bearer: bool) -> Told {
    match reason {
        Reason::NoSuchBucket => told(404, "ContainerNotFound", "The specified container does not exist."),
        Reason::NoSuchKey | Reason::NoSuchVersion => told(404, "BlobNotFound", "The specified blob does not exist."),
        Reason::BucketExists => told(409, "ContainerAlreadyExists", "The specified container already exists."),
        Reason::Exists => told(409, "BlobAlreadyExists", "The specified blob already exists."),
        Reason::Precondition => told(
            412,
            "ConditionNotMet",
            "The condition specified using HTTP header(s) is not met.",
        ),
        Reason::NotModified => told(304, "ConditionNotMet", "The condition specified is not met."),
        Reason::InvalidPart => told(400, "InvalidBlockList", "The specified block list is invalid."),
        Reason::Malformed => told(
            400,
            "InvalidXmlDocument",
            "The specified XML is not syntactically valid.",
        ),
        Reason::Argument(what) => told(400, "InvalidInput", what),
        Reason::KeyRequired | Reason::WrongKey => told(
            409,
            "BlobUsesCustomerSpecifiedEncryption",
            "The blob is encrypted with a customer's key.",
        ),
        Reason::Unauthenticated => told(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request.",
        ),
        Reason::Expired if bearer => told(
            401,
            "InvalidAuthenticationInfo",
            "Lifetime validation failed. The token is expired.",
        ),
        Reason::Expired => told(
            403,
            "AuthenticationFailed",
            "Signature not valid in the specified time frame.",
        ),
        Reason::DirectoryIsNotEmpty => told(
            409,
            "DirectoryIsNotEmpty",
            "The recursive query parameter must be true.",
        ),
        Reason::WrongResource => told(
            409,
            "ResourceTypeMismatch",
            "The type does not match that of the existing resource.",
        ),
        Reason::NotImplemented => told(400, "UnsupportedHeader", "One of the headers is not supported."),
        Reason::Status(status, code) => {
            let usual = match status {
                400 => "InvalidInput",
                401 => "InvalidAuthenticationInfo",
                403 => "AuthorizationPermissionMismatch",
                404 => "BlobNotFound",
                409 => "BlobAlreadyExists",
                412 => "ConditionNotMet",
                429 => "TooManyRequests",
                503 => "ServerBusy",
                _ => "InternalError",
            };
            let code = code.as_deref().unwrap_or(usual);
            told(*status, code, "The double was asked to answer so.")
        }
        reason => s3(reason),
    }
}

/// The answer that refuses a call.
pub(super) fn refuse(dialect: Dialect, call: &Call, reason: &Reason) -> Reply {
    let bearer = call
        .header("authorization")
        .is_some_and(|text| text.starts_with("Bearer "));
    let (status, code, message) = match dialect {
        Dialect::S3 => s3(reason),
        Dialect::Gcs => gcs(reason),
        Dialect::Azure => azure(reason, bearer),
    };
    let mut reply = Reply::new(status);
    if dialect == Dialect::Azure {
        reply = reply.header("x-ms-error-code", &code);
    }
    if let (Dialect::S3, Reason::WrongRegion(region)) = (dialect, reason) {
        reply = reply.header("x-amz-bucket-region", region);
    }
    if status == 304 || call.method == Method::HEAD {
        return reply;
    }
    if dialect == Dialect::Gcs && call.path.starts_with("/storage/v1/") {
        return reply.json(&google(status, &code, &message));
    }
    let mut xml = Xml::new("Error", &[]);
    xml.text("Code", &code).text("Message", &message);
    match reason {
        Reason::WrongRegion(region) => {
            xml.text("Region", region);
        }
        _ if dialect != Dialect::Azure && call.operation != Operation::Other => {
            xml.text("BucketName", &call.bucket).text("Key", &call.key);
        }
        _ => {}
    }
    if dialect != Dialect::Azure {
        xml.text("RequestId", "double").text("HostId", "double");
    }
    reply.xml(&mut xml)
}

/// The JSON interface names reasons in its own way.
fn google(status: u16, code: &str, message: &str) -> serde_json::Value {
    let reason = match status {
        401 => "authError",
        403 => "forbidden",
        404 => "notFound",
        409 => "conflict",
        412 => "conditionNotMet",
        429 => "rateLimitExceeded",
        500.. => "backendError",
        _ => code,
    };
    let error = json!({ "message": message, "domain": "global", "reason": reason });
    json!({ "error": { "code": status, "message": message, "errors": [error] } })
}
