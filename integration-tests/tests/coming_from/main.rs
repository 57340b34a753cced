//! The guide "From Airflow, Luigi or plain scripts": its before and its after run over the same files, and what it quotes is what runs.

mod guide;
mod old_pipelines;
mod place;

use place::{DAYS, Place};

/// What a cron line or a task of Airflow goes by.
#[test]
#[ignore = "needs built examples; run by cargo xtask test"]
fn exit_codes_tell_what_is_of_use() {
    let place = Place::new();
    let code = |arguments: &[&str]| place.larder("coming_from", arguments).status.code();
    assert_eq!(code(&["materialize", "--quiet"]), Some(0), "everything was made");
    assert_eq!(
        code(&["materialize", "clean/orders", "--partitions", "2024-02-30"]),
        Some(2),
        "no such day"
    );
    assert_eq!(code(&["materialize", "--everything"]), Some(2), "no such option");
    // The shop sent nothing: another attempt may help.
    std::fs::remove_file(place.inbox().join(format!("orders-{}.csv", DAYS[2]))).expect("is there");
    let late = place.larder(
        "coming_from",
        &["materialize", "clean/orders", "--partitions", DAYS[2], "--retries", "0"],
    );
    assert_eq!(late.status.code(), Some(1));
    let told = place::told(&late);
    assert!(told.contains("raw/orders") && told.contains(DAYS[2]), "{told}");
}

/// A correction is noticed, and only what it changes is made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs built examples; run by cargo xtask test"]
async fn a_corrected_file_is_noticed() {
    let place = Place::new();
    assert!(
        place
            .larder("coming_from", &["materialize", "--quiet"])
            .status
            .success()
    );
    let (totals, other) = (place.totals(DAYS[1]).await, place.modified(DAYS[2]));
    place.correct(DAYS[1]);
    let ran = place.larder("coming_from", &["materialize", "--stale", "--quiet"]);
    assert!(ran.status.success(), "{}", place::told(&ran));
    assert_ne!(place.totals(DAYS[1]).await, totals, "the day was made again");
    assert_eq!(place.modified(DAYS[2]), other, "another one was not");
    assert!(place.week().contains(place::CORRECTED), "and so was the week");
}

/// A value that does not pass its check is never seen, and neither is what would follow from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs built examples; run by cargo xtask test"]
async fn a_check_keeps_a_wrong_day_back() {
    let place = Place::new();
    assert!(
        place
            .larder("coming_from", &["materialize", "--quiet"])
            .status
            .success()
    );
    let totals = place.totals(DAYS[1]).await;
    place.append(DAYS[1], "9001,Ida Print,2000000000.00,paid\n");
    let ran = place.larder("coming_from", &["materialize", "--stale", "--quiet"]);
    assert_eq!(ran.status.code(), Some(1), "{}", place::told(&ran));
    assert!(place::told(&ran).contains("cents"), "{}", place::told(&ran));
    assert_eq!(place.totals(DAYS[1]).await, totals);
}

/// A day with a column of another type is refused with words, instead of becoming text somewhere below.
#[test]
#[ignore = "needs built examples; run by cargo xtask test"]
fn columns_of_another_type_are_refused() {
    let place = Place::new();
    place.append(DAYS[1], "9001,Ida Print,about 20,paid\n");
    let ran = place.larder(
        "coming_from",
        &["materialize", "clean/orders", "--partitions", DAYS[1], "--retries", "0"],
    );
    assert_eq!(ran.status.code(), Some(1));
    let told = place::told(&ran);
    assert!(told.contains("`amount` is declared Float64 and is Utf8"), "{told}");
}
