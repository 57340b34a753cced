//! What S3's refusals mean. <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use larder_io_core::{Effect, Error, ErrorKind};
use larder_io_object::http::Refusal;

/// The one mapping of S3's errors; `None` leaves missing values and preconditions to object_store.
pub(crate) fn judge(refusal: &Refusal) -> Option<Error> {
    let host = &refusal.host;
    let wrong = |kind, sentence: String| Some(refusal.error(kind, &sentence));
    match refusal.code.as_str() {
        "NoSuchBucket" => wrong(
            ErrorKind::InvalidConfig,
            format!(
                "`{host}` has no such bucket; create it (`aws s3 mb s3://NAME`), or correct its name or the endpoint"
            ),
        ),
        "PermanentRedirect" | "TemporaryRedirect" | "Redirect" | "IllegalLocationConstraintException" => {
            region(refusal)
        }
        "AuthorizationHeaderMalformed" if refusal.region.is_some() => region(refusal),
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken"
        | "InvalidSecurity"
        | "AuthorizationHeaderMalformed" => wrong(
            ErrorKind::Unauthenticated,
            format!("`{host}` does not accept the credentials; check the access key, its secret and the session token"),
        ),
        "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired" => wrong(
            ErrorKind::Unauthenticated,
            "the credentials have expired; get new ones (`aws sso login`, a new session token) and run again"
                .to_owned(),
        ),
        "RequestTimeTooSkewed" => wrong(
            ErrorKind::InvalidConfig,
            format!("the clock of this machine differs too much from that of `{host}`; set it right"),
        ),
        // Not `ServiceUnavailable`: that is a server which could not handle the request, and may have begun to.
        "SlowDown"
        | "TooManyRequests"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" => {
            Some(refusal.again(ErrorKind::RateLimited, &format!("`{host}` asks to slow down")))
        }
        "RequestTimeout" => Some(refusal.again(ErrorKind::Timeout, &format!("`{host}` waited too long for the body"))),
        "ConditionalRequestConflict" | "OperationAborted" => {
            Some(refusal.again(ErrorKind::Conflict, "somebody else is changing the same value"))
        }
        "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
            let error = refusal.again(
                ErrorKind::Unavailable,
                "the bytes that arrived are not those that were sent",
            );
            Some(error.with_effect(Effect::None))
        }
        "InvalidPart" => wrong(
            ErrorKind::NotFound,
            "a part of the upload is not there as it was sent; store the value again".to_owned(),
        ),
        "EntityTooSmall" => wrong(
            ErrorKind::InvalidConfig,
            "a part is smaller than S3 takes; set `part_bytes` to 5 MiB or more".to_owned(),
        ),
        "MetadataTooLarge" => wrong(
            ErrorKind::InvalidConfig,
            "the metadata is larger than the 2 KB that S3 takes; shorten `metadata`".to_owned(),
        ),
        "InvalidStorageClass" | "InvalidTag" | "InvalidEncryptionAlgorithmError" => wrong(
            ErrorKind::InvalidConfig,
            "a setting of new values is refused; check `storage_class`, `tags` and `encryption`".to_owned(),
        ),
        "NotImplemented" | "MethodNotAllowed" => wrong(ErrorKind::Unsupported, format!("`{host}` cannot do this")),
        "InvalidObjectState" => wrong(
            ErrorKind::Unavailable,
            "the value is archived; restore it from its storage class first".to_owned(),
        )
        .map(|error| error.with_retry(larder_io_core::Retry::Never)),
        // A version id that no bucket ever gave.
        "InvalidArgument" | "NoSuchVersion" if !refusal.writes() => {
            wrong(ErrorKind::NotFound, "there is no such version".to_owned())
        }
        code if code.starts_with("KMS.") => wrong(
            ErrorKind::PermissionDenied,
            "the key of KMS cannot be used; check `kms_key_id` and this identity's rights to it".to_owned(),
        ),
        _ if matches!(refusal.status.as_u16(), 301 | 307 | 308) => region(refusal),
        _ => refusal.by_status(),
    }
}

fn region(refusal: &Refusal) -> Option<Error> {
    let advice = match &refusal.region {
        Some(region) => format!("the bucket is in the region `{region}`; set `region = \"{region}\"`"),
        None => "the bucket is in another region; set `region` to the bucket's".to_owned(),
    };
    Some(refusal.error(ErrorKind::InvalidConfig, &advice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method, StatusCode};
    use larder_io_core::Retry;
    use std::time::Duration;

    fn judged(method: &Method, status: u16, code: &str) -> Option<Error> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().expect("is a header"));
        let status = StatusCode::from_u16(status).expect("is a status");
        let body = match code {
            "" => String::new(),
            code => format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>words</Message></Error>"),
        };
        let (method, host) = (method.clone(), "host".to_owned());
        judge(&Refusal::new(method, host, status, &headers, body.as_bytes()))
    }

    #[test]
    fn the_table_of_codes() {
        use ErrorKind::{
            Conflict, InvalidConfig, NotFound, PermissionDenied, RateLimited, Timeout, Unauthenticated, Unavailable,
            Unexpected, Unsupported,
        };
        let after = Retry::After(Some(Duration::from_secs(7)));
        let never = |kind| Some((kind, Retry::Never, Effect::None));
        let again = |kind, effect| Some((kind, after, effect));
        let (get, put) = (Method::GET, Method::PUT);
        for (method, status, code, wanted) in [
            (&get, 404, "NoSuchBucket", never(InvalidConfig)),
            (&get, 404, "NoSuchKey", None),
            (&get, 404, "", None),
            (&put, 301, "PermanentRedirect", never(InvalidConfig)),
            (&put, 307, "", never(InvalidConfig)),
            (&put, 403, "SignatureDoesNotMatch", never(Unauthenticated)),
            (&put, 400, "ExpiredToken", never(Unauthenticated)),
            (&put, 403, "AccessDenied", never(PermissionDenied)),
            (&put, 403, "RequestTimeTooSkewed", never(InvalidConfig)),
            (&put, 503, "SlowDown", again(RateLimited, Effect::None)),
            (&put, 429, "TooManyRequests", again(RateLimited, Effect::None)),
            (&put, 503, "ServiceUnavailable", again(Unavailable, Effect::Unknown)),
            (&get, 503, "ServiceUnavailable", again(Unavailable, Effect::None)),
            (&put, 503, "", again(Unavailable, Effect::Unknown)),
            (&put, 500, "InternalError", again(Unavailable, Effect::Unknown)),
            (&get, 500, "InternalError", again(Unavailable, Effect::None)),
            (&put, 400, "RequestTimeout", again(Timeout, Effect::Unknown)),
            (&put, 409, "ConditionalRequestConflict", again(Conflict, Effect::None)),
            (&put, 412, "PreconditionFailed", None),
            (&put, 400, "BadDigest", again(Unavailable, Effect::None)),
            (&put, 400, "InvalidPart", never(NotFound)),
            (&put, 400, "EntityTooSmall", never(InvalidConfig)),
            (&put, 400, "MetadataTooLarge", never(InvalidConfig)),
            (&put, 400, "InvalidStorageClass", never(InvalidConfig)),
            (&put, 501, "NotImplemented", never(Unsupported)),
            (&get, 403, "InvalidObjectState", never(Unavailable)),
            (&get, 400, "InvalidArgument", never(NotFound)),
            (&put, 400, "InvalidArgument", never(Unexpected)),
            (&put, 400, "KMS.DisabledException", never(PermissionDenied)),
        ] {
            let told = judged(method, status, code);
            let found = told.as_ref().map(|error| (error.kind(), error.retry(), error.effect()));
            assert_eq!(found, wanted, "{method} {status} {code}");
        }
    }
}
