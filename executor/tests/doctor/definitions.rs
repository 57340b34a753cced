//! Which managers are examined: those in use, those of the configuration, those that are named.

use crate::patient::Patient;
use larder_executor::{Asset, Checkup, Definitions, DoctorOptions, Verdict};
use larder_io_core::{ErrorKind, Result};
use larder_io_memory::MemoryIo;
use std::future::pending;
use std::sync::Arc;

const CONFIG: &str = r#"
[io_managers.idle]
url = "memory:"

[io_managers.short]
url = "memory:"
history = 1
"#;

/// An asset in `used`, and `unused`, `idle` and `short` beside it.
fn definitions(config: &str) -> Definitions {
    Definitions::new()
        .backend(larder_io_memory::backend())
        .config_text(config)
        .variables([])
        .io_manager("used", Arc::new(MemoryIo::new()))
        .io_manager("unused", Arc::new(MemoryIo::new()))
        .asset(
            Asset::builder("value")
                .io_manager("used")
                .function(|_| async { Ok(1_u8) }),
        )
}

async fn doctor(definitions: Definitions, names: &[&str]) -> Result<Checkup> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    definitions.doctor(&names, &DoctorOptions::default(), pending()).await
}

fn keys(checkup: &Checkup) -> Vec<(&str, Verdict)> {
    let diagnoses = checkup.diagnoses.iter();
    diagnoses
        .map(|diagnosis| (diagnosis.io_manager.as_str(), diagnosis.verdict()))
        .collect()
}

#[tokio::test]
async fn every_manager_by_key_also_those_that_nobody_uses() {
    use Verdict::{Advised, Fine};
    let checkup = doctor(definitions(CONFIG), &[]).await.expect("builds");
    let all = [("idle", Fine), ("short", Advised), ("unused", Fine), ("used", Fine)];
    assert_eq!(keys(&checkup), all, "{checkup:#?}");
    let checkup = doctor(definitions(CONFIG), &["used", "idle"]).await.expect("builds");
    assert_eq!(keys(&checkup), [("idle", Fine), ("used", Fine)]);
    let pipeline = definitions(CONFIG).build().expect("builds");
    let used = pipeline.doctor(&DoctorOptions::default(), pending()).await;
    assert_eq!(used.len(), 1);
}

#[tokio::test]
async fn an_unknown_name_comes_with_the_nearest() {
    let error = doctor(definitions(CONFIG), &["used", "idel"])
        .await
        .expect_err("is unknown");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(error.message(), "there is no I/O manager `idel`; did you mean `idle`?");
}

#[tokio::test]
async fn a_manager_that_cannot_be_opened_hides_no_other_one() {
    let broken = CONFIG.replace("history = 1", "history = 0");
    let checkup = doctor(definitions(&broken), &[]).await.expect("the asset needs it not");
    let (fine, wrong) = (Verdict::Fine, Verdict::Wrong);
    let all = [("idle", fine), ("short", wrong), ("unused", fine), ("used", fine)];
    assert_eq!(keys(&checkup), all, "{checkup:#?}");
    let checkup = doctor(definitions(&broken), &["short"]).await.expect("builds");
    assert_eq!(keys(&checkup), [("short", wrong)]);
    let error = checkup.diagnoses[0].examined[0].error.as_ref().expect("says why");
    assert!(error.message().contains("`history` is 0"), "{error}");
    assert_eq!(
        keys(&doctor(definitions(&broken), &["used"]).await.expect("builds")).len(),
        1
    );
}

#[tokio::test]
async fn a_manager_that_no_asset_could_be_bound_to_is_not_examined() {
    let torn = || definitions(CONFIG).io_manager("torn", Arc::new(Patient::new(MemoryIo::new()).claiming_nothing()));
    let checkup = doctor(torn(), &["torn"]).await.expect("builds");
    let examined = &checkup.diagnoses[0].examined;
    assert_eq!((examined.len(), examined[0].what), (1, "open"), "{checkup:#?}");
    let error = examined[0].error.as_ref().expect("says why");
    assert!(
        error.message().contains("could lose the old value of an asset"),
        "{error}"
    );
    let allowed = doctor(torn().allow_non_atomic(), &["torn"]).await.expect("builds");
    assert_eq!(keys(&allowed), [("torn", Verdict::Fine)], "{allowed:#?}");
}

#[tokio::test]
async fn a_default_is_examined_where_an_asset_uses_it() {
    let unused = definitions(CONFIG).default_io_manager_url("memory:");
    let used = unused
        .clone()
        .asset(Asset::builder("other").function(|_| async { Ok(1_u8) }));
    for (definitions, examined) in [(unused, false), (used, true)] {
        let checkup = doctor(definitions, &[]).await.expect("builds");
        assert_eq!(
            keys(&checkup).contains(&("io_manager", Verdict::Fine)),
            examined,
            "{checkup:#?}"
        );
    }
    let everything = definitions(CONFIG).with_every_asset_in(Arc::new(MemoryIo::new()));
    let checkup = doctor(everything, &[]).await.expect("builds");
    assert_eq!(keys(&checkup), [("everything", Verdict::Fine)]);
}
