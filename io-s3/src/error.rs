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
            format!("`{host}` has no such bucket; create it, or correct its name or the endpoint"),
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
        "SlowDown"
        | "ServiceUnavailable"
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
