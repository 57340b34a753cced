//! `[observe]`: which observers it makes, and in which words it is refused.

use super::*;
use crate::{Event, Observer, ObserverKind, ObserverTarget};

/// A kind that remembers what it was opened with.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

struct Silent;

impl Observer for Silent {
    fn on_event(&self, _: &Event) {}
}

impl ObserverKind for Diary {
    fn name(&self) -> &'static str {
        "diary"
    }

    fn targets(&self) -> &'static str {
        "a book"
    }

    fn settings(&self) -> &'static [&'static str] {
        &["token", "headers"]
    }

    fn open(&self, target: &ObserverTarget) -> Result<Arc<dyn Observer>> {
        if target.to() == "burnt" {
            return Err(Error::new(ErrorKind::InvalidConfig, "this book is burnt"));
        }
        let headers: Vec<_> = target.below("headers").collect();
        let token = target.setting("token");
        let opened = format!("{} {:?} {token:?} {headers:?}", target.to(), target.path());
        self.0.lock().expect("no panic").push(opened);
        Ok(Arc::new(Silent))
    }
}

fn observed(text: &str) -> (Definitions, Diary) {
    let diary = Diary::default();
    let definitions = definitions(text)
        .default_io_manager(Arc::new(MemoryIo::new()))
        .variables([
            ("BOOK".to_owned(), "red".to_owned()),
            ("KEY".to_owned(), "hunter2".to_owned()),
        ])
        .observer_kind(Arc::new(diary.clone()));
    (definitions, diary)
}

fn opened(definitions: Definitions, diary: &Diary, named: &[(String, String)]) -> Vec<String> {
    let observers = built(definitions).observers(named).expect("are opened");
    let opened = std::mem::take(&mut *diary.0.lock().expect("no panic"));
    assert_eq!(observers.len(), opened.len());
    opened
}

#[test]
fn observers_are_opened_when_they_are_asked_for() {
    let text = r#"
        [observe]
        diary = { to = "${BOOK}", token = { env = "KEY" }, headers = { "x-key" = "1" } }
        [profile.blue.observe]
        diary = "blue"
        [profile.none.observe]
        diary = "off"
    "#;
    let here = std::env::current_dir().expect("is there");
    let (base, diary) = observed(text);
    let path = |book: &str| format!("{:?}", Some(here.join(book)));
    let red = format!(r#"red {} Some("hunter2") [("x-key", "1")]"#, path("red"));
    assert!(diary.0.lock().expect("no panic").is_empty(), "building opens nothing");
    assert_eq!(opened(base.clone(), &diary, &[]), [red]);
    let blue = opened(base.clone().choose_profile("blue"), &diary, &[]);
    assert_eq!(blue, [format!("blue {} None []", path("blue"))]);
    assert!(opened(base.clone().choose_profile("none"), &diary, &[]).is_empty());
    // The command line goes before both.
    let named = [("diary".to_owned(), "green".to_owned())];
    let green = opened(base.clone(), &diary, &named);
    assert_eq!(green, [format!("green {:?} None []", Some("green"))]);

    let report = base.check_config().expect("is right");
    let [line] = report.observers.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(
        (line.name.as_str(), line.settings.join(" ").as_str()),
        ("diary", "token headers")
    );
    assert_eq!(line.defined, "larder.toml:3:9");
    let shown = format!("{report:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn mistakes_have_a_place_and_a_missing_feature_is_named() {
    for (text, message) in [
        (
            "observe = 1",
            "larder.toml:1:11: `observe`, which says for each observer where it writes, is a table, not an integer",
        ),
        (
            "[observe]\ndairy = 'x'",
            "larder.toml:2:1: there is no observer `dairy`; did you mean `diary`?",
        ),
        (
            "[observe]\nsmoke = 'x'",
            "larder.toml:2:1: there is no observer `smoke`; there are diary",
        ),
        (
            "[observe]\nopenlineage = 'x'",
            "larder.toml:2:1: there is no observer `openlineage`; add the feature `openlineage` to the dependency on larder, or hand its kind over with `Definitions::observer_kind`",
        ),
        (
            "[observe]\njson_lines = 'x'",
            "larder.toml:2:1: there is no observer `json_lines`; add the feature `observe` to the dependency on larder, or hand its kind over with `Definitions::observer_kind`",
        ),
        (
            "[observe]\ndiary = { to = 'x', tokn = 'y' }",
            "larder.toml:2:21: `diary` has no setting `tokn`; did you mean `token`?",
        ),
    ] {
        assert_eq!(refused(observed(text).0), message);
    }
    // What only who observes needs is told then.
    for (text, message) in [
        (
            "[observe]\ndiary = 'burnt'",
            "larder.toml:2:1: `diary`: this book is burnt",
        ),
        (
            "[observe]\ndiary = 7",
            "larder.toml:2:9: `diary` is a target, or a table with `to` and settings, not an integer",
        ),
        (
            "[observe]\ndiary = { token = 'x' }",
            "larder.toml:2:1: `diary` has no target; write `to = \"..\"`",
        ),
        (
            "[observe]\ndiary = '${NONE}'",
            "larder.toml:2:9: the environment variable NONE is not set; set it, or write `${NONE:-default}`",
        ),
    ] {
        let error = built(observed(text).0).observers(&[]).err().expect("is refused");
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidConfig, message));
    }
    let named = [("dairy".to_owned(), "x".to_owned())];
    let error = built(observed("").0).observers(&named).err().expect("is refused");
    assert_eq!(error.message(), "there is no observer `dairy`; did you mean `diary`?");
    let twice = observed("").0.observer_kind(Arc::new(Diary::default()));
    assert_eq!(
        refused(twice),
        "two kinds of observers have the name `diary`; take one away"
    );
}
