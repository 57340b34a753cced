//! What Azure's refusals mean. <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes>

use larder_io_core::{Effect, Error, ErrorKind, Retry};
use larder_io_object::http::Refusal;

/// The words with which a commit answers when its blocks are gone.
pub(crate) const BLOCKS_GONE: &str =
    "what was staged is gone, because somebody else published or stored to the same location meanwhile; stage it again";

/// The one mapping of Azure's errors; `None` leaves missing values and preconditions to object_store.
pub(crate) fn judge(refusal: &Refusal) -> Option<Error> {
    let host = &refusal.host;
    let wrong = |kind, sentence: &str| Some(refusal.error(kind, sentence));
    let config = |sentence: &str| wrong(ErrorKind::InvalidConfig, sentence);
    let denied = |sentence: &str| wrong(ErrorKind::PermissionDenied, sentence);
    match refusal.code.as_str() {
        "ContainerNotFound" | "FilesystemNotFound" => config(&format!(
            "`{host}` has no such container; create it (`az storage container create`), or correct its name or the account"
        )),
        "ContainerBeingDeleted" | "ContainerDisabled" => config(
            "the container is being deleted or is disabled; take another one, or wait until it can be made again",
        ),
        "AuthenticationFailed" | "NoAuthenticationInformation" | "InvalidAuthenticationInfo" => {
            wrong(ErrorKind::Unauthenticated, &unauthenticated(refusal))
        }
        "AuthorizationPermissionMismatch"
        | "InsufficientAccountPermissions"
        | "AuthorizationResourceTypeMismatch"
        | "AuthorizationServiceMismatch"
        | "UnauthorizedBlobOverwrite" => denied(
            "this identity may not do that; give it the role `Storage Blob Data Contributor`, or a signature with the rights to read, write, list and delete",
        ),
        "AuthorizationFailure" | "AuthorizationSourceIPMismatch" | "AuthorizationProtocolMismatch" => denied(&format!(
            "`{host}` refuses this request; check `access_key` or what the signature allows and until when, and the account's firewall and private endpoints"
        )),
        "KeyBasedAuthenticationNotPermitted" => {
            denied("the account takes no account keys; use a signature or an identity (`az login`)")
        }
        "PublicAccessNotPermitted" => denied("the account allows no anonymous access; give credentials"),
        "AccountIsDisabled" => denied("the storage account is disabled; enable its subscription again"),
        "BlobImmutableDueToPolicy" | "BlobOverwritesNotAllowed" | "ContainerImmutableDueToPolicy" => {
            denied("a retention policy or legal hold forbids changing this value; wait until it ends, or remove it")
        }
        code if code.starts_with("KeyVault") => {
            denied("the encryption key cannot be used; check the key vault, and the account's rights to it")
        }
        "SnapshotsPresent" => denied("the value has snapshots, which deleting it would remove too; delete them first"),
        "ServerBusy" | "TooManyRequests" | "AccountThrottled" => {
            Some(refusal.again(ErrorKind::RateLimited, &format!("`{host}` asks to slow down")))
        }
        "OperationTimedOut" => Some(refusal.again(ErrorKind::Timeout, &format!("`{host}` took too long"))),
        "AccountBeingCreated" => Some(refusal.again(ErrorKind::Unavailable, "the storage account is being created")),
        "Md5Mismatch" | "Crc64Mismatch" => {
            let error = refusal.again(
                ErrorKind::Unavailable,
                "the bytes that arrived are not those that were sent",
            );
            Some(error.with_effect(Effect::None))
        }
        code if code.starts_with("Lease") => {
            let error = refusal.again(
                ErrorKind::Unavailable,
                "somebody holds a lease on this value, which forbids changing it; wait, or break it (`az storage blob lease break`)",
            );
            Some(error.with_effect(Effect::None))
        }
        "PendingCopyOperation" => Some(refusal.again(ErrorKind::Conflict, "a copy to this location is still going on")),
        "InvalidBlockList" => wrong(ErrorKind::NotFound, BLOCKS_GONE),
        // Azure wants names of one length for all uncommitted blocks of a blob, those of other tools included.
        "InvalidBlobOrBlock" => wrong(
            ErrorKind::NotFound,
            &format!(
                "{BLOCKS_GONE}; if that does not help, another tool left an unfinished upload there: write a small value to this name first, or wait the 7 days until Azure drops it"
            ),
        ),
        "BlobArchived" | "BlobBeingRehydrated" => wrong(
            ErrorKind::Unavailable,
            "the value is archived; rehydrate it first (`az storage blob set-tier --tier Hot`)",
        )
        .map(|error| error.with_retry(Retry::Never)),
        code if code.contains("CustomerSpecifiedEncryption") || code.contains("CustomerProvidedKey") => config(
            "the value was stored with another `customer_key`, or without one; set the key that it was stored with",
        ),
        "EncryptionScopeNotFound" | "EncryptionScopeDisabled" | "InvalidEncryptionScope" => {
            config("the encryption scope cannot be used; check `encryption_scope`")
        }
        "InvalidMetadata" | "EmptyMetadataKey" | "MetadataTooLarge" => {
            config("the metadata is refused; its names must be C# identifiers, and all of it less than 8 KiB")
        }
        "InvalidTags" | "TagsTooLarge" | "InvalidTag" => config("the tags are refused; check `tags`"),
        "InvalidBlobTier" | "AccessTierNotSupportedForBlobType" | "BlobAccessTierNotSupportedForAccountType" => {
            config("the access tier is refused; check `storage_class`")
        }
        "FeatureNotYetSupportedForHierarchicalNamespaceAccounts" => wrong(
            ErrorKind::Unsupported,
            "a hierarchical account cannot do this; it has neither tags nor versions",
        ),
        // What is a directory is no value: there is nothing to delete.
        "DirectoryIsNotEmpty" if refusal.method == http::Method::DELETE => None,
        "PathConflict" | "ResourceTypeMismatch" | "DirectoryIsNotEmpty" | "InvalidParentPath" => config(
            "in a hierarchical account a directory and a value cannot have one name; remove the directory or the value that is in the way, or take another prefix",
        ),
        "OutOfRangeInput" | "InvalidUri" | "InvalidResourceName" | "InvalidResourcePath" => wrong(
            ErrorKind::InvalidDefinition,
            "Azure cannot have this name: it takes 1,024 characters and 254 segments, none of which ends with a dot",
        ),
        "RequestBodyTooLarge" | "BlockListTooLong" | "BlockCountExceedsLimit" => {
            config("a request is larger than Azure takes; check `part_bytes`")
        }
        "NotImplemented"
        | "UnsupportedHeader"
        | "UnsupportedHttpVerb"
        | "UnsupportedQueryParameter"
        | "FeatureVersionMismatch" => wrong(ErrorKind::Unsupported, &format!("`{host}` cannot do this")),
        // A version id that no account ever gave.
        "InvalidQueryParameterValue" | "InvalidVersion" if !refusal.writes() => {
            wrong(ErrorKind::NotFound, "there is no such version")
        }
        "CannotVerifyCopySource" if refusal.status.as_u16() != 404 => {
            denied("the value to copy may not be read; give this identity the right to read it")
        }
        _ => refusal.by_status(),
    }
}

/// Who is not known, and why, as far as the answer tells.
fn unauthenticated(refusal: &Refusal) -> String {
    let host = &refusal.host;
    let said = refusal.message.to_ascii_lowercase();
    if said.contains("expired") || said.contains("time frame") || said.contains("lifetime") {
        return "the signature or token has expired, or the clock of this machine is wrong; get new credentials (`az login`, a new signature) and run again".to_owned();
    }
    match refusal.code.as_str() {
        "NoAuthenticationInformation" => format!("`{host}` wants credentials; set some, or take `anonymous` away"),
        "InvalidAuthenticationInfo" => format!(
            "`{host}` does not accept the token; it has expired or is of another tenant: check `tenant_id`, or log in again (`az login`)"
        ),
        _ => format!(
            "`{host}` does not accept the credentials; check the account's name, its key or signature, and the clock of this machine"
        ),
    }
}

/// What refusals of those who give tokens mean: only what is worth repeating.
pub(crate) fn judge_token(refusal: &Refusal) -> Option<Error> {
    match refusal.status.as_u16() {
        408 | 429 | 500.. => refusal.by_status(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method, StatusCode};

    fn judged(method: Method, status: u16, code: &'static str) -> Option<(ErrorKind, bool, Effect)> {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-error-code", code.parse().expect("is a header"));
        let status = StatusCode::from_u16(status).expect("is a status");
        // Answers to HEAD have the code in a header alone.
        let told = judge(&Refusal::new(method, "lake".to_owned(), status, &headers, b""));
        told.map(|error| (error.kind(), error.retry() != Retry::Never, error.effect()))
    }

    #[test]
    fn the_table_of_refusals() {
        use ErrorKind::*;
        let (none, unknown) = (Effect::None, Effect::Unknown);
        let table = [
            (404, "ContainerNotFound", Some((InvalidConfig, false, none))),
            (409, "ContainerBeingDeleted", Some((InvalidConfig, false, none))),
            (404, "BlobNotFound", None),
            (409, "BlobAlreadyExists", None),
            (412, "ConditionNotMet", None),
            (403, "AuthenticationFailed", Some((Unauthenticated, false, none))),
            (401, "InvalidAuthenticationInfo", Some((Unauthenticated, false, none))),
            (401, "NoAuthenticationInformation", Some((Unauthenticated, false, none))),
            (403, "AuthorizationFailure", Some((PermissionDenied, false, none))),
            (
                403,
                "AuthorizationPermissionMismatch",
                Some((PermissionDenied, false, none)),
            ),
            (
                403,
                "KeyBasedAuthenticationNotPermitted",
                Some((PermissionDenied, false, none)),
            ),
            (403, "AccountIsDisabled", Some((PermissionDenied, false, none))),
            (
                403,
                "KeyVaultEncryptionKeyNotFound",
                Some((PermissionDenied, false, none)),
            ),
            (409, "BlobImmutableDueToPolicy", Some((PermissionDenied, false, none))),
            (503, "ServerBusy", Some((RateLimited, true, none))),
            (500, "OperationTimedOut", Some((Timeout, true, unknown))),
            (500, "InternalError", Some((Unavailable, true, unknown))),
            (412, "LeaseIdMissing", Some((Unavailable, true, none))),
            (409, "PendingCopyOperation", Some((Conflict, true, none))),
            (409, "BlobArchived", Some((Unavailable, false, none))),
            (400, "InvalidBlockList", Some((NotFound, false, none))),
            (400, "InvalidBlobOrBlock", Some((NotFound, false, none))),
            (400, "OutOfRangeInput", Some((InvalidDefinition, false, none))),
            (400, "InvalidMetadata", Some((InvalidConfig, false, none))),
            (
                409,
                "BlobUsesCustomerSpecifiedEncryption",
                Some((InvalidConfig, false, none)),
            ),
            (409, "ResourceTypeMismatch", Some((InvalidConfig, false, none))),
            (
                409,
                "FeatureNotYetSupportedForHierarchicalNamespaceAccounts",
                Some((Unsupported, false, none)),
            ),
            (400, "UnsupportedHeader", Some((Unsupported, false, none))),
            (400, "Md5Mismatch", Some((Unavailable, true, none))),
            (400, "SomethingNew", Some((Unexpected, false, none))),
        ];
        for (status, code, wanted) in table {
            assert_eq!(judged(Method::PUT, status, code), wanted, "{code}");
        }
        let missing = Some((NotFound, false, none));
        assert_eq!(judged(Method::GET, 400, "InvalidQueryParameterValue"), missing);
        assert_eq!(
            judged(Method::HEAD, 404, "ContainerNotFound"),
            Some((InvalidConfig, false, none))
        );
        assert_eq!(
            judged(Method::GET, 500, "InternalError"),
            Some((Unavailable, true, none))
        );
        assert_eq!(judged(Method::DELETE, 409, "DirectoryIsNotEmpty"), None);
        assert_eq!(
            judged(Method::PUT, 409, "DirectoryIsNotEmpty"),
            Some((InvalidConfig, false, none))
        );
    }

    #[test]
    fn an_expired_credential_is_told_as_such() {
        let body = b"<Error><Code>AuthenticationFailed</Code><Message>Signature not valid in the specified time frame</Message></Error>";
        let refusal = Refusal::new(
            Method::GET,
            "lake".to_owned(),
            StatusCode::FORBIDDEN,
            &HeaderMap::new(),
            body,
        );
        let told = judge(&refusal).expect("is told");
        assert!(
            told.kind() == ErrorKind::Unauthenticated && told.message().contains("has expired"),
            "{told}"
        );
    }
}
