//! The one list of checks, and what is made of it.

/// Makes one test of each check. See the [crate](crate) for the forms.
#[macro_export]
macro_rules! conformance {
    (ignore = $reason:literal, $factory:expr $(,)?) => {
        $crate::__checks! { ignored [$reason] [$factory] }
    };
    ($factory:expr $(,)?) => {
        $crate::__checks! { tests [] [$factory] }
    };
}

/// The list. A check that is not here does not exist, and no backend can leave one out.
#[doc(hidden)]
#[macro_export]
macro_rules! __checks {
    ($mode:ident [$($reason:literal)?] [$($factory:expr)?]) => {
        $crate::__expand! { $mode [$($reason)?] [$($factory)?]
            objects::law_01_round_trip_objects
            objects::law_01_wide_integers
            objects::law_01_nested_options
            objects::law_01_floats_in_objects
            objects::law_01_maps_and_enums
            objects::law_01_unicode_text
            objects::law_01_self_describing_types
            objects::law_01_deep_objects
            tables::law_01_round_trip_tables
            tables::law_01_floats_in_tables
            tables::law_01_empty_tables
            tables::law_01_table_types
            tables::law_01_table_metadata
            tables::law_01_streamed_tables
            tables::law_01_narrowed_scans
            blobs::law_01_round_trip_blobs
            blobs::law_01_streamed_blobs
            replacing::law_01_shorter_after_longer
            replacing::law_02_readers_see_whole_values
            replacing::law_02_streaming_readers_see_whole_values
            failing::law_03_failed_store_keeps_the_old_value
            failing::law_03_cancelled_store_keeps_the_old_value
            failing::law_03_unpublished_store_keeps_the_old_value
            failing::law_11_failed_stream_publishes_nothing
            failing::law_11_failed_stream_tells_its_own_error
            staging::law_04_reopening_gives_the_value
            staging::law_05_staged_is_invisible
            staging::law_05_discard_leaves_nothing
            staging::law_05_staged_load_is_for_checks
            staging::law_05_gc_spares_what_is_published
            missing::law_06_missing_is_told_three_ways
            missing::law_06_deleted_is_missing
            missing::law_06_a_stored_null_is_not_missing
            writers::law_07_concurrent_writers
            writers::law_07_unchanged
            writers::law_07_absent
            writers::law_07_racing_preconditions
            writers::law_07_large_values
            writers::law_07_own_write_is_known
            writers::law_07_second_attempt_is_known
            locations::law_08_neighbours_are_left_alone
            locations::law_08_extensions_stay_inside
            locations::law_09_hostile_stems
            locations::law_09_long_stems
            locations::law_09_keys_in_receipts
            locations::law_10_list_by_whole_segments
            locations::law_10_list_once
            memory::law_12_look_ahead_is_bounded
            receipts::law_13_receipts_are_true
            receipts::law_13_hash_is_of_the_logical_value
            receipts::law_13_head_agrees_with_publish
            receipts::law_13_damage_is_found
            versions::law_14_history_and_old_versions
            versions::law_14_restore
            versions::law_14_removing_versions
            versions::law_14_readers_finish_undisturbed
            claims::law_15_unclaimed_forms_are_refused
            claims::law_15_capabilities_are_true
            claims::law_15_no_secret_is_shown
            damage::law_16_damage_never_panics
            damage::law_16_another_form_is_refused
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __expand {
    (tests [] [$factory:expr] $($topic:ident :: $name:ident)*) => {
        mod conformance {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[$crate::__private::tokio::test(
                    flavor = "multi_thread", worker_threads = 2, crate = "larder_testkit::__private::tokio"
                )]
                async fn $name() {
                    let fixture = $crate::__private::prepare(($factory)()).await;
                    $crate::laws::$topic::$name(&fixture).await;
                }
            )*
        }
    };
    (ignored [$reason:literal] [$factory:expr] $($topic:ident :: $name:ident)*) => {
        mod conformance {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[ignore = $reason]
                #[$crate::__private::tokio::test(
                    flavor = "multi_thread", worker_threads = 2, crate = "larder_testkit::__private::tokio"
                )]
                async fn $name() {
                    let fixture = $crate::__private::prepare(($factory)()).await;
                    $crate::laws::$topic::$name(&fixture).await;
                }
            )*
        }
    };
    (table [] [] $($topic:ident :: $name:ident)*) => {
        &[$($crate::laws::Check {
            name: stringify!($name),
            run: |fixture| ::std::boxed::Box::pin($crate::laws::$topic::$name(fixture)),
        }),*]
    };
}
