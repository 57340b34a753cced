//! What Google's refusals mean. <https://cloud.google.com/storage/docs/xml-api/reference-status>,
//! <https://cloud.google.com/storage/docs/json_api/v1/status-codes>

use larder_io_core::{Effect, Error, ErrorKind};
use larder_io_object::http::Refusal;

/// The one mapping of Google's errors; `None` leaves missing values and preconditions to object_store.
pub(crate) fn judge(refusal: &Refusal) -> Option<Error> {
    let host = &refusal.host;
    let wrong = |kind, sentence: &str| Some(refusal.error(kind, sentence));
    let unauthenticated = || {
        let sentence = format!(
            "`{host}` does not accept the credentials; check `service_account`, get a new token, or run `gcloud auth application-default login`"
        );
        wrong(ErrorKind::Unauthenticated, &sentence)
    };
    match refusal.code.as_str() {
        "NoSuchBucket" => no_bucket(refusal),
        // The JSON interface has one reason for both.
        "notFound" if refusal.message.contains("bucket does not exist") => no_bucket(refusal),
        "NoSuchUpload" => wrong(ErrorKind::NotFound, "the upload is gone; write the value again"),
        "InvalidPart" => wrong(
            ErrorKind::NotFound,
            "a part of the upload is not there as it was sent; write the value again",
        ),
        "AuthenticationRequired"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "InvalidSecurity"
        | "MissingSecurityHeader"
        | "SignatureDoesNotMatch"
        | "authError" => unauthenticated(),
        "UserProjectMissing" => wrong(
            ErrorKind::InvalidConfig,
            "the bucket wants the requester to pay; set `user_project` to the project that does",
        ),
        "UserProjectAccessDenied" | "UserProjectInvalid" | "UserProjectAccountProblem" | "UserProjectInconsistent" => {
            wrong(
                ErrorKind::PermissionDenied,
                "the project of `user_project` cannot pay; check its name, its billing, and the right serviceusage.services.use",
            )
        }
        "AccountProblem" | "ProjectAccountProblem" | "accountDisabled" | "BillingDisabled" => wrong(
            ErrorKind::PermissionDenied,
            "the project's billing is off; turn it on in the console",
        ),
        "SlowDown"
        | "TooManyRequests"
        | "RateLimitExceeded"
        | "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "RequestRateLimitExceeded" => {
            Some(refusal.again(ErrorKind::RateLimited, &format!("`{host}` asks to slow down")))
        }
        "RequestTimeout" => Some(refusal.again(ErrorKind::Timeout, &format!("`{host}` waited too long for the body"))),
        "Conflict" | "conflict" | "OperationAborted" => {
            Some(refusal.again(ErrorKind::Conflict, "somebody else is changing the same value"))
        }
        "BadDigest" | "IncompleteBody" | "InvalidDigest" => {
            let error = refusal.again(
                ErrorKind::Unavailable,
                "the bytes that arrived are not those that were sent",
            );
            Some(error.with_effect(Effect::None))
        }
        "EntityTooSmall" => wrong(
            ErrorKind::InvalidConfig,
            "a part is smaller than Google takes; set `part_bytes` to 5 MiB or more",
        ),
        "MetadataTooLarge" | "metadataTooLarge" => wrong(
            ErrorKind::InvalidConfig,
            "the metadata is larger than the 8 KiB that Google takes; shorten `metadata`",
        ),
        "InvalidStorageClass" => wrong(
            ErrorKind::InvalidConfig,
            "there is no such storage class; check `storage_class`",
        ),
        code if code.contains("EncryptedWithCustomerEncryptionKey") || code.contains("CustomerEncryptionKey") => wrong(
            ErrorKind::InvalidConfig,
            "the value is encrypted with another key, or with none; check `customer_key`",
        ),
        code if code.contains("Kms") || refusal.message.contains("cloudkms.") => wrong(
            ErrorKind::PermissionDenied,
            "the key of Cloud KMS cannot be used; check `kms_key_name`, and the right of the bucket's service agent to it",
        ),
        "NotImplemented" | "MethodNotAllowed" => wrong(ErrorKind::Unsupported, &format!("`{host}` cannot do this")),
        "retentionPolicyNotMet" | "RetentionPolicyNotMet" | "ObjectUnderActiveHold" | "objectUnderActiveHold" => wrong(
            ErrorKind::PermissionDenied,
            "a retention policy or a hold keeps the value from being replaced or deleted",
        ),
        // A generation that no bucket ever gave.
        "InvalidArgument" | "invalidParameter" if !refusal.writes() => {
            wrong(ErrorKind::NotFound, "there is no such version")
        }
        _ if refusal.status.as_u16() == 401 => unauthenticated(),
        _ => refusal.by_status(),
    }
}

fn no_bucket(refusal: &Refusal) -> Option<Error> {
    let sentence = format!(
        "`{}` has no such bucket; create it (`gcloud storage buckets create`), or correct its name or the endpoint",
        refusal.host
    );
    Some(refusal.error(ErrorKind::InvalidConfig, &sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, Method, StatusCode};
    use larder_io_core::Retry;
    use std::time::Duration;

    fn judged(method: Method, status: u16, body: &str) -> Option<Error> {
        let status = StatusCode::from_u16(status).expect("is a status");
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("7"))]);
        judge(&Refusal::new(
            method,
            "host".to_owned(),
            status,
            &headers,
            body.as_bytes(),
        ))
    }

    fn xml(code: &str) -> String {
        format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>words</Message></Error>")
    }

    fn json(reason: &str, message: &str) -> String {
        serde_json::json!({ "error": { "message": message, "errors": [{ "reason": reason }] } }).to_string()
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
        let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
        for (method, status, body, wanted) in [
            (&get, 404, xml("NoSuchBucket"), never(InvalidConfig)),
            (
                &delete,
                404,
                json("notFound", "The specified bucket does not exist."),
                never(InvalidConfig),
            ),
            (&get, 404, json("notFound", "No such object: bucket/a"), None),
            (&get, 404, xml("NoSuchKey"), None),
            (&get, 404, String::new(), None),
            (&get, 404, "<html>nothing here</html>".to_owned(), never(InvalidConfig)),
            (&put, 404, xml("NoSuchUpload"), never(NotFound)),
            (&put, 403, xml("AccessDenied"), never(PermissionDenied)),
            (&put, 403, json("forbidden", "no right"), never(PermissionDenied)),
            (&put, 403, xml("SignatureDoesNotMatch"), never(Unauthenticated)),
            (&put, 401, xml("AuthenticationRequired"), never(Unauthenticated)),
            (
                &put,
                401,
                json("authError", "Invalid Credentials"),
                never(Unauthenticated),
            ),
            (&get, 401, String::new(), never(Unauthenticated)),
            (&put, 400, xml("InvalidToken"), never(Unauthenticated)),
            (&put, 400, xml("UserProjectMissing"), never(InvalidConfig)),
            (&put, 403, xml("UserProjectAccessDenied"), never(PermissionDenied)),
            (&put, 403, json("accountDisabled", "billing"), never(PermissionDenied)),
            (&put, 429, xml("SlowDown"), again(RateLimited, Effect::None)),
            (
                &put,
                429,
                json("rateLimitExceeded", "slower"),
                again(RateLimited, Effect::None),
            ),
            (&put, 429, String::new(), again(RateLimited, Effect::None)),
            (
                &put,
                503,
                xml("ServiceUnavailable"),
                again(Unavailable, Effect::Unknown),
            ),
            (
                &get,
                503,
                json("backendError", "later"),
                again(Unavailable, Effect::None),
            ),
            (&put, 500, xml("InternalError"), again(Unavailable, Effect::Unknown)),
            (&put, 408, xml("RequestTimeout"), again(Timeout, Effect::Unknown)),
            (&put, 409, xml("Conflict"), again(Conflict, Effect::None)),
            (&put, 409, json("conflict", "at once"), again(Conflict, Effect::None)),
            (&put, 412, xml("PreconditionFailed"), None),
            (&put, 412, json("conditionNotMet", "changed"), None),
            (&get, 304, String::new(), None),
            (&get, 308, String::new(), never(Unexpected)),
            (&get, 416, xml("InvalidRange"), never(ErrorKind::InvalidData)),
            (&put, 400, xml("BadDigest"), again(Unavailable, Effect::None)),
            (&put, 400, xml("EntityTooSmall"), never(InvalidConfig)),
            (&put, 400, xml("MetadataTooLarge"), never(InvalidConfig)),
            (&put, 400, xml("InvalidStorageClass"), never(InvalidConfig)),
            (
                &get,
                400,
                xml("ResourceIsEncryptedWithCustomerEncryptionKey"),
                never(InvalidConfig),
            ),
            (
                &put,
                403,
                json("forbidden", "Permission denied on key: cloudkms.x"),
                never(PermissionDenied),
            ),
            (
                &put,
                403,
                json("retentionPolicyNotMet", "kept"),
                never(PermissionDenied),
            ),
            (&get, 400, xml("InvalidArgument"), never(NotFound)),
            (&put, 400, xml("InvalidArgument"), never(Unexpected)),
            (&put, 501, xml("NotImplemented"), never(Unsupported)),
        ] {
            let told = judged(method.clone(), status, &body);
            let found = told.as_ref().map(|error| (error.kind(), error.retry(), error.effect()));
            assert_eq!(found, wanted, "{method} {status} {body}");
            assert!(
                told.is_none_or(|error| error.message().contains(&status.to_string())),
                "{method} {status} {body}"
            );
        }
    }
}
