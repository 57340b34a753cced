//! Every check catches a store that breaks its law, and lets a good one pass.
#![allow(clippy::unwrap_used)]

use larder_io_memory::MemoryIo;
use larder_testkit::broken::{Broken, Fault};
use larder_testkit::{CHECKS, Check, Fixture};
use std::collections::BTreeSet;

/// Which check catches which fault.
const TEETH: &[(&str, Fault)] = &[
    ("law_01_round_trip_objects", Fault::DropsLastElement),
    ("law_01_wide_integers", Fault::WrapsWideIntegers),
    ("law_01_nested_options", Fault::FlattensOptions),
    ("law_01_floats_in_objects", Fault::LosesNan),
    ("law_01_maps_and_enums", Fault::TextKeys),
    ("law_01_unicode_text", Fault::AsciiOnly),
    ("law_01_self_describing_types", Fault::StringlyNumbers),
    ("law_01_deep_objects", Fault::CutsDeepValues),
    ("law_01_round_trip_tables", Fault::ReversesBatches),
    ("law_01_floats_in_tables", Fault::PositiveZero),
    ("law_01_empty_tables", Fault::EmptyTableLosesSchema),
    ("law_01_table_types", Fault::DropsTimezones),
    ("law_01_table_metadata", Fault::DropsMetadata),
    ("law_01_streamed_tables", Fault::DropsLastBatch),
    ("law_01_narrowed_scans", Fault::IgnoresPredicates),
    ("law_01_round_trip_blobs", Fault::TruncatesBlobs),
    ("law_01_streamed_blobs", Fault::StopsAtEmptyChunk),
    ("law_01_shorter_after_longer", Fault::KeepsOldTail),
    ("law_02_readers_see_whole_values", Fault::DeletesFirst),
    ("law_02_readers_see_whole_values", Fault::Tears),
    ("law_02_streaming_readers_see_whole_values", Fault::Tears),
    ("law_03_failed_store_keeps_the_old_value", Fault::DeletesAtStage),
    ("law_03_failed_store_keeps_the_old_value", Fault::PublishesFailedStreams),
    ("law_03_cancelled_store_keeps_the_old_value", Fault::DeletesAtStage),
    ("law_03_unpublished_store_keeps_the_old_value", Fault::PublishesAtStage),
    ("law_04_reopening_gives_the_value", Fault::ClaimsPersistence),
    ("law_05_staged_is_invisible", Fault::PublishesAtStage),
    ("law_05_staged_is_invisible", Fault::ListsStaged),
    ("law_05_staged_is_invisible", Fault::StagesInPublic),
    ("law_05_discard_leaves_nothing", Fault::KeepsDiscarded),
    ("law_05_staged_load_is_for_checks", Fault::LoadsStagedAlways),
    ("law_05_gc_spares_what_is_published", Fault::GcRemovesPublished),
    ("law_06_missing_is_told_three_ways", Fault::MissingIsUnavailable),
    ("law_06_missing_is_told_three_ways", Fault::HeadOfMissingFails),
    ("law_06_missing_is_told_three_ways", Fault::DeleteOfMissingFails),
    ("law_06_deleted_is_missing", Fault::DeleteDoesNothing),
    ("law_06_a_stored_null_is_not_missing", Fault::NullIsMissing),
    ("law_07_concurrent_writers", Fault::StaleHead),
    ("law_07_unchanged", Fault::IgnoresPreconditions),
    ("law_07_unchanged", Fault::HidesPreconditions),
    ("law_07_absent", Fault::IgnoresPreconditions),
    ("law_07_racing_preconditions", Fault::ChecksThenWrites),
    ("law_07_large_values", Fault::IgnoresLargePreconditions),
    ("law_07_own_write_is_known", Fault::PublishesTwice),
    ("law_07_second_attempt_is_known", Fault::ForgetsOwnWrites),
    ("law_08_neighbours_are_left_alone", Fault::FoldsCase),
    ("law_08_extensions_stay_inside", Fault::LosesExtensions),
    ("law_09_hostile_stems", Fault::ReplacesPercent),
    ("law_09_long_stems", Fault::CutsLongNames),
    ("law_09_keys_in_receipts", Fault::LossyReceipts),
    ("law_10_list_by_whole_segments", Fault::ListsByText),
    ("law_10_list_once", Fault::ListsTwice),
    ("law_11_failed_stream_publishes_nothing", Fault::PublishesFailedStreams),
    ("law_11_failed_stream_tells_its_own_error", Fault::RelabelsErrors),
    ("law_12_look_ahead_is_bounded", Fault::ClaimsPersistence),
    ("law_13_receipts_are_true", Fault::MiscountsReceipts),
    ("law_13_hash_is_of_the_logical_value", Fault::HashesWrites),
    ("law_13_head_agrees_with_publish", Fault::ForgetfulHead),
    ("law_13_damage_is_found", Fault::TrustsDamage),
    ("law_14_history_and_old_versions", Fault::ForgetsHistory),
    ("law_14_restore", Fault::RestoreDoesNothing),
    ("law_14_removing_versions", Fault::RemoveDoesNothing),
    ("law_14_removing_versions", Fault::RemovesThePublished),
    ("law_14_readers_finish_undisturbed", Fault::ReadsLate),
    ("law_15_unclaimed_forms_are_refused", Fault::StoresNothing),
    ("law_15_capabilities_are_true", Fault::HidesPreconditions),
    ("law_15_capabilities_are_true", Fault::ClaimsVersions),
    ("law_15_no_secret_is_shown", Fault::ShowsSecrets),
    ("law_16_damage_never_panics", Fault::PanicsOnDamage),
    ("law_16_another_form_is_refused", Fault::GivesAnyForm),
];

/// Faults that show only in a directory; the stand-in files there serve no other check.
const ON_DISK: [Fault; 4] = [
    Fault::StagesInPublic,
    Fault::KeepsDiscarded,
    Fault::TrustsDamage,
    Fault::PanicsOnDamage,
];

fn on_disk(fault: Fault) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let broken = Broken::on_disk(MemoryIo::new(), fault, directory.path());
    Fixture::from(broken).with_root(directory.path()).keep(directory)
}

fn in_memory(fault: Fault) -> Fixture {
    Fixture::from(Broken::new(MemoryIo::new(), fault))
        .with_secret(Broken::SECRET)
        // What a store that forgets everything gives when it is opened again.
        .with_reopen(|| std::sync::Arc::new(MemoryIo::new()))
}

/// Runs a check on a fixture of its own and gives the message it panics with.
async fn run(check: Check, fixture: Fixture) -> Option<String> {
    let task = tokio::spawn(async move { (check.run)(&fixture).await });
    let error = task.await.err()?;
    let panic = error.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .or_else(|| Some("a panic without words".to_owned()))
}

fn silence() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Panics of the checks are what is wanted here; those of the test itself are shown.
        if std::thread::current()
            .name()
            .is_none_or(|name| name.starts_with("tokio"))
        {
            return;
        }
        hook(info);
    }));
}

#[test]
fn every_check_has_a_fault_and_every_fault_a_check() {
    let known: BTreeSet<&str> = CHECKS.iter().map(|check| check.name).collect();
    let bitten: BTreeSet<&str> = TEETH.iter().map(|(check, _)| *check).collect();
    assert_eq!(known, bitten);
    assert_eq!(known.len(), CHECKS.len(), "two checks have one name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_caught() {
    silence();
    let mut missed = Vec::new();
    for (name, fault) in TEETH {
        let check = *CHECKS.iter().find(|check| check.name == *name).unwrap();
        let fixture = if ON_DISK.contains(fault) {
            on_disk(*fault)
        } else {
            in_memory(*fault)
        };
        match run(check, fixture).await {
            Some(message) if message.starts_with("law ") => {}
            Some(message) => missed.push(format!("{name} caught {fault:?} by another panic: {message}")),
            None => missed.push(format!("{name} does not catch {fault:?}")),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_check_bites_a_good_store() {
    let mut bitten = Vec::new();
    for check in CHECKS {
        if let Some(message) = run(*check, in_memory(Fault::None)).await {
            bitten.push(format!("{} in memory: {message}", check.name));
        }
        let disk = ["law_05", "law_13_damage", "law_16"]
            .iter()
            .any(|law| check.name.starts_with(law));
        if disk && let Some(message) = run(*check, on_disk(Fault::None)).await {
            bitten.push(format!("{} on disk: {message}", check.name));
        }
    }
    assert!(bitten.is_empty(), "{bitten:#?}");
}
