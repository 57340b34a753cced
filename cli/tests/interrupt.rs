//! Ctrl-C, in a process of its own: the signal would reach every run in it.
#![cfg(unix)]

use larder_executor::{Asset, Definitions};
use larder_io_memory::MemoryIo;
use rustix::process::{Signal, getpid, kill_process};
use std::ffi::OsString;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn an_interrupted_run_leaves_old_values() {
    let second = Arc::new(AtomicBool::new(false));
    let interrupts = Arc::clone(&second);
    let asset = Asset::builder("value").function(move |_| {
        let interrupts = interrupts.load(Ordering::Relaxed);
        async move {
            if interrupts {
                // The command listened before it ran anything.
                kill_process(getpid(), Signal::INT).expect("is sent");
                pending::<()>().await;
            }
            Ok(1_u8)
        }
    });
    let definitions = Definitions::new()
        .asset(asset)
        .with_every_asset_in(Arc::new(MemoryIo::new()));
    let run = |args: &[&str]| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = args.iter().map(OsString::from);
        let code = larder_cli::run(definitions.clone(), args, &mut out, &mut err, false);
        (
            code,
            String::from_utf8_lossy(&out).into_owned(),
            String::from_utf8_lossy(&err).into_owned(),
        )
    };
    assert_eq!(run(&["x"]).0, 0);
    second.store(true, Ordering::Relaxed);
    let (code, _, err) = run(&["x", "materialize"]);
    assert_eq!(
        (code, err.as_str()),
        (
            130,
            "interrupted; old values are as they were; `materialize --from-failure last` makes the rest\n"
        )
    );
    assert_eq!(run(&["x", "show", "value"]), (0, "1\n".to_owned(), String::new()));
    assert_eq!(
        run(&["x", "history", "value"]).1.lines().count(),
        2,
        "nothing was published"
    );
}
