//! Ctrl-C, in a process of its own: the signal would reach every run in it.
#![cfg(unix)]

use larder_executor::{Asset, Definitions};
use larder_io_memory::MemoryIo;
use std::ffi::OsString;
use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

#[test]
fn an_interrupted_run_leaves_old_values() {
    let second = Arc::new(AtomicBool::new(false));
    let interrupts = Arc::clone(&second);
    let asset = Asset::builder("value").function(move |_| {
        let interrupts = interrupts.load(Ordering::Relaxed);
        async move {
            if interrupts {
                interrupt_until_heard().await;
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

/// Sends this process SIGINT again and again: the run may not listen yet.
async fn interrupt_until_heard() {
    // Whoever listens replaces the default, which would end the process.
    let mut own = std::pin::pin!(tokio::signal::ctrl_c());
    poll_fn(|context| Poll::Ready(own.as_mut().poll(context).is_ready())).await;
    loop {
        if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).is_err() {
            pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
