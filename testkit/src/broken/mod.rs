//! Stores that break one law each: what the checks must catch.
//!
//! [`Broken`] wraps a good manager and does one thing wrong. Without a fault it keeps every law that the manager
//! inside keeps, so that a caught fault is caught for what it is.

mod object;
mod staged;
mod store;
mod value;

pub use store::Broken;

/// What a [`Broken`] store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    None,
    /// The last element of every sequence in an object is lost.
    DropsLastElement,
    /// Integers beyond 64 bits are cut.
    WrapsWideIntegers,
    /// `Some(None)` becomes `None`.
    FlattensOptions,
    /// NaN and infinities become 0.
    LosesNan,
    /// Keys of maps become texts.
    TextKeys,
    /// Letters beyond ASCII become `?`.
    AsciiOnly,
    /// Numbers become texts.
    StringlyNumbers,
    /// What nests deeper than 100 levels is cut off.
    CutsDeepValues,
    /// Batches come back in reverse order.
    ReversesBatches,
    /// -0.0 becomes 0.0.
    PositiveZero,
    /// A table without rows comes back without columns.
    EmptyTableLosesSchema,
    /// Timestamps lose their time zone.
    DropsTimezones,
    /// Metadata of a schema and its fields are lost.
    DropsMetadata,
    /// The last batch of a stream is lost.
    DropsLastBatch,
    /// A scan does not look at its predicate.
    IgnoresPredicates,
    /// Blobs of more than 8 MiB lose their last byte.
    TruncatesBlobs,
    /// An empty chunk counts as a stream's end.
    StopsAtEmptyChunk,
    /// A shorter blob keeps the end of the longer one before it.
    KeepsOldTail,
    /// The old value is deleted before the new one is published.
    DeletesFirst,
    /// Half of the new value is published before the whole.
    Tears,
    /// The old value is deleted when a new one is staged.
    DeletesAtStage,
    /// A value is published when it is staged.
    PublishesAtStage,
    /// What a broken stream gave is published.
    PublishesFailedStreams,
    /// Every error of a stage becomes `Unavailable`.
    RelabelsErrors,
    /// It claims to be persistent.
    ClaimsPersistence,
    /// What is staged is listed.
    ListsStaged,
    /// What is staged lies among the published files.
    StagesInPublic,
    /// A discard leaves a file behind.
    KeepsDiscarded,
    /// Staged values are loaded without having been kept for checks.
    LoadsStagedAlways,
    /// Cleaning up removes published values.
    GcRemovesPublished,
    /// A load of what is missing gives `Unavailable`.
    MissingIsUnavailable,
    /// A head of what is missing fails.
    HeadOfMissingFails,
    /// A delete of what is missing fails.
    DeleteOfMissingFails,
    /// A delete does nothing.
    DeleteDoesNothing,
    /// A stored null is called missing.
    NullIsMissing,
    /// Head tells of the oldest version.
    StaleHead,
    /// Preconditions are not looked at.
    IgnoresPreconditions,
    /// Preconditions are looked at when staging, not when publishing.
    ChecksThenWrites,
    /// Preconditions are not looked at for large values.
    IgnoresLargePreconditions,
    /// A second publish stores the value again.
    PublishesTwice,
    /// A second attempt is not known to be the same write.
    ForgetsOwnWrites,
    /// Preconditions are accepted but not claimed.
    HidesPreconditions,
    /// Old versions are claimed, and there are none.
    ClaimsVersions,
    /// Locations that differ in case are one.
    FoldsCase,
    /// A blob with an odd suffix is stored elsewhere.
    LosesExtensions,
    /// `%` in a location becomes `_`.
    ReplacesPercent,
    /// Locations are cut after 150 bytes.
    CutsLongNames,
    /// Assets in receipts lose what is not a letter.
    LossyReceipts,
    /// A prefix means any text that begins so.
    ListsByText,
    /// Every stem is listed twice.
    ListsTwice,
    /// Receipts count a row and a byte too many.
    MiscountsReceipts,
    /// The hash in a receipt is of the write, not of the value.
    HashesWrites,
    /// Head leaves out the code version and the run.
    ForgetfulHead,
    /// Damage is not looked for.
    TrustsDamage,
    /// Damage makes it panic.
    PanicsOnDamage,
    /// The history has only the published version.
    ForgetsHistory,
    /// A restore publishes nothing.
    RestoreDoesNothing,
    /// Removing a version removes nothing.
    RemoveDoesNothing,
    /// Removing the published version takes it down.
    RemovesThePublished,
    /// What was loaded is read when it is opened, not when it was loaded.
    ReadsLate,
    /// Nothing is stored as something.
    StoresNothing,
    /// Its debug text and errors show a secret.
    ShowsSecrets,
    /// A value is given in whatever form it has.
    GivesAnyForm,
}
