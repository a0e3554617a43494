//! Stores that are broken on purpose: each is caught by the case of the promise that it breaks, and the same store
//! without a fault keeps every promise.

use std::collections::BTreeSet;
use std::sync::Arc;

use digota_conformance::store::{Bed, CASES, answers_as_the_model};
use digota_conformance::{Case, failing};
use digota_core::port::Store;

mod faulty;

use faulty::{Fault, Faulty};

#[test]
fn a_store_without_a_fault_keeps_every_promise() {
    assert_eq!(failing(CASES, || bed(Fault::None)), [""; 0]);
}

#[test]
fn every_promise_has_a_store_that_breaks_it() {
    let broken: BTreeSet<&str> = CAUGHT_BY.iter().chain(&[REOPENING]).copied().collect();
    let promised: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
    assert_eq!(broken, promised);
}

const REOPENING: &str = "a_commit_survives_reopening";

#[test]
fn a_store_that_forgets_when_closed_is_caught() {
    assert_eq!(failing(only(REOPENING), || Bed::durable(|| open(Fault::None))), [REOPENING]);
}

#[test]
fn a_store_that_hides_that_it_is_durable_is_caught() {
    let bed = || {
        let store: Arc<dyn Store> = Arc::new(Faulty::new(Fault::None));
        Bed::volatile(move || std::future::ready(store.clone()))
    };
    assert_eq!(failing(only(REOPENING), bed), [REOPENING]);
}

/// One test per fault: the case fails on the store that has it.
macro_rules! caught {
    ($($test:ident: $fault:ident by $case:literal;)+) => {
        const CAUGHT_BY: &[&str] = &[$($case),+];

        $(#[test]
        fn $test() {
            assert_eq!(failing(only($case), || bed(Fault::$fault)), [$case]);
        })+
    };
}

caught! {
    answers_in_another_order_are_caught: AnswersReversed by "a_record_comes_back_as_written";
    a_replica_that_lags_is_caught: ReplicaLags by "a_commit_is_seen_by_the_next_read";
    an_old_version_that_is_believed_on_and_on_is_caught: BelievesOnAndOn by "what_may_be_old_is_found_out";
    ties_in_the_wrong_order_are_caught: TiesAscend by "lists_are_in_order";
    a_page_that_repeats_a_record_is_caught: PageRepeats by "pages_join_without_gap_or_repeat";
    a_page_that_skips_ties_is_caught: PageSkipsTies by "pages_join_without_gap_or_repeat";
    a_forgotten_condition_is_caught: ConditionForgotten by "filters_keep_what_matches";
    an_endless_scan_is_caught: ScansAll by "a_filter_without_an_index_is_bounded";
    an_ignored_offset_is_caught: OffsetIgnored by "offsets_skip";
    an_offset_that_is_lost_between_pages_is_caught: OffsetForgotten by "an_offset_outlives_its_page";
    a_page_too_large_to_be_read_is_caught: ScansAll by "a_page_is_bounded_in_bytes";
    an_attempt_that_stays_on_its_list_is_caught: AttemptsStay by "attempts_are_listed_by_what_they_need";
    a_total_that_is_one_off_is_caught: TotalOneOff by "totals_are_exact_for_declared_filters";
    a_total_that_is_always_capped_is_caught: AlwaysCaps by "totals_are_exact_for_declared_filters";
    a_total_that_counts_everything_is_caught: NeverCaps by "other_totals_are_capped";
    half_a_batch_is_caught: HalfApplied by "a_batch_is_all_or_nothing";
    an_event_of_a_refused_batch_is_caught: EventsLeak by "a_batch_is_all_or_nothing";
    an_insert_over_another_is_caught: InsertsOver by "inserting_twice_is_refused";
    a_skipped_version_check_is_caught: VersionsIgnored by "a_stale_version_is_refused";
    a_lost_update_is_caught: VersionsIgnored by "of_concurrent_replacements_one_wins";
    an_ignored_child_is_caught: ChildrenIgnored by "a_parent_with_children_stays";
    a_second_open_attempt_is_caught: AttemptsIgnored by "one_open_attempt_per_subject";
    a_skipped_stock_guard_is_caught: Oversells by "stock_never_goes_negative";
    overselling_is_caught: Oversells by "concurrent_reservations_never_oversell";
    a_shortage_that_is_not_named_is_caught: FirstShortageOnly by "shortages_name_every_sku";
    setting_what_is_on_hand_is_caught: SetsOnHand by "setting_the_available_keeps_what_is_reserved";
    a_lost_movement_is_caught: MovementLost by "each_movement_is_kept";
    a_reservation_that_ends_twice_is_caught: EndsTwice by "a_reservation_ends_once";
    a_movement_of_nothing_is_caught: UnknownStockIgnored by "moving_unknown_stock_is_refused";
    a_key_with_two_owners_is_caught: ClaimsTwice by "a_key_is_claimed_once";
    a_forgotten_answer_is_caught: AnswerForgotten by "an_answer_is_kept";
    an_answer_with_the_stock_of_now_is_caught: StockOfNow by "an_answer_keeps_its_stock";
    a_key_that_is_never_free_is_caught: NeverFrees by "a_released_key_can_be_claimed_again";
    a_gap_between_events_is_caught: PositionSkipped by "events_are_dense_and_ordered";
    a_last_position_that_is_one_off_is_caught: LastPositionOneOff by "events_are_dense_and_ordered";
    an_operation_that_commits_twice_is_caught: OperationForgotten by "an_operation_commits_once";
    an_ignored_tombstone_is_caught: TombstoneIgnored by "a_tombstone_stops_a_late_commit";
    a_commit_that_is_denied_is_caught: CommitDenied by "resolving_a_commit_says_so";
    the_latest_due_first_is_caught: LatestDueFirst by "due_attempts_come_first";
    a_purged_key_that_is_needed_is_caught: PurgesOpenKeys by "purging_keeps_what_is_needed";
    a_purge_that_does_nothing_is_caught: PurgesNothing by "purging_keeps_what_is_needed";
}

/// What a plain sequence of calls can't show, since it takes many records, or since what may be old may be anything.
const UNSEEN_BY_THE_MODEL: [Fault; 6] = [
    Fault::None,
    Fault::BelievesOnAndOn,
    Fault::ScansAll,
    Fault::OffsetForgotten,
    Fault::AlwaysCaps,
    Fault::NeverCaps,
];

#[test]
fn the_model_finds_what_is_broken() {
    let passes = |fault: &&Fault| answers_as_the_model(&|| bed(**fault)).is_ok();
    let unseen: Vec<Fault> = Fault::ALL.iter().filter(passes).copied().collect();
    assert_eq!(unseen, UNSEEN_BY_THE_MODEL);
}

fn only(case: &str) -> &'static [Case<Bed>] {
    let at = CASES.iter().position(|known| known.name == case).expect("a case of that name");
    &CASES[at..=at]
}

fn bed(fault: Fault) -> Bed {
    Bed::volatile(move || open(fault))
}

async fn open(fault: Fault) -> Arc<dyn Store> {
    Arc::new(Faulty::new(fault))
}
