use super::*;

fn read(text: &str) -> std::result::Result<Policies, String> {
    let policies: Policies = serde_json::from_str(text).map_err(|error| error.to_string())?;
    policies.validate().map_err(|error| error.message().to_owned())?;
    Ok(policies)
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(read("{}"), Ok(Policies::default()));
    let some = read(r#"{"retry": {"attempts": 2, "max_delay": "1s"}, "timeout": {"base": "2m"}}"#).expect("is valid");
    assert_eq!((some.retry.attempts, some.retry.max_delay), (2, Duration::from_secs(1)));
    assert_eq!(some.retry.first_delay, Duration::from_millis(100));
    assert_eq!(
        some.timeout,
        Some(TimeoutPolicy::new(Duration::from_secs(120), 1 << 20))
    );
    assert_eq!(some.max_concurrent, 64);
}

#[test]
fn a_timeout_can_be_off_and_all_of_it_comes_back() {
    let off = read(r#"{"timeout": "off", "max_concurrent": 1}"#).expect("is valid");
    assert_eq!(off.timeout, None);
    for policies in [off, Policies::default()] {
        let text = serde_json::to_string(&policies).expect("writes");
        assert_eq!(read(&text), Ok(policies), "{text}");
    }
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_write() {
    for (text, said) in [
        (r#"{"retry": {"attempts": 0}}"#, "1 turns retries off"),
        (r#"{"retry": {"first_delay": "1m"}}"#, "`retry.max_delay` of 10s"),
        (r#"{"retry": {"first_delay": 3}}"#, "invalid type"),
        (r#"{"retry": {"deadline": "3"}}"#, "it has no unit"),
        (r#"{"retry": {"tries": 3}}"#, "unknown field `tries`"),
        (r#"{"timeout": {"base": "0s"}}"#, "`timeout = \"off\"`"),
        (r#"{"timeout": {"bytes_per_second": 0}}"#, "`timeout = \"off\"`"),
        (r#"{"timeout": "of"}"#, "did you mean `off`?"),
        (r#"{"timeout": "60s"}"#, "bytes_per_second = 1048576"),
        (r#"{"timeout": {"bas": "1s"}}"#, "unknown field `bas`"),
        (r#"{"max_concurrent": 0}"#, "the least is 1"),
        (r#"{"limit": 3}"#, "unknown field `limit`"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn an_allowance_grows_with_the_bytes_and_never_overflows() {
    let timeout = TimeoutPolicy::new(Duration::from_secs(10), 1000);
    assert_eq!(timeout.allows(0), Duration::from_secs(10));
    assert_eq!(timeout.allows(2500), Duration::from_millis(12_500));
    assert!(timeout.allows(u64::MAX) > Duration::from_secs(1 << 33));
    assert_eq!(TimeoutPolicy::new(Duration::MAX, 1).allows(u64::MAX), Duration::MAX);
}
