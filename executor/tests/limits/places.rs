//! Limits are the run's: they hold wherever steps are executed.

use crate::support::{Db, options};
use larder_executor::{Asset, Definitions, Event, Executor, Observer, STEP_VARIABLE, StepCommand, serve_step};
use larder_io_memory::MemoryIo;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};

/// Steps at work, as the run tells of them.
#[derive(Default)]
struct AtWork(Mutex<(usize, usize)>);

impl Observer for AtWork {
    fn on_event(&self, event: &Event) {
        let mut counts = self.0.lock().expect("no panic");
        match event {
            Event::StepStarted { .. } => {
                counts.0 += 1;
                counts.1 = counts.1.max(counts.0);
            }
            Event::Materialized(_) => counts.0 -= 1,
            _ => {}
        }
    }
}

/// Assets that store nothing, so that they need no storage that outlives a process.
fn definitions() -> Definitions {
    let asset = |number: usize| {
        let builder = Asset::builder(format!("s{number}")).resource::<Db>();
        builder.function(|_| async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            Ok(())
        })
    };
    Definitions::new()
        .assets((0..8).map(asset))
        .without_config()
        .resource(Db)
        .default_io_manager(Arc::new(MemoryIo::new()))
}

/// What a process is for that was started for a step of the test below.
#[test]
fn a_step_in_a_process() {
    if std::env::var_os(STEP_VARIABLE).is_some() {
        serve_step(definitions);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_on_every_executor() {
    for executor in [Executor::InProcess, Executor::Threads, Executor::Processes] {
        for (limits, wanted) in [(&["db=2"][..], 2), (&[], 4)] {
            let mut options = options(4, limits);
            options.executor = executor;
            let arguments = ["--exact", "places::a_step_in_a_process", "--nocapture"];
            options.step_command = Some(StepCommand {
                program: std::env::current_exe().expect("is known"),
                arguments: arguments.map(OsString::from).to_vec(),
            });
            let at_work = Arc::<AtWork>::default();
            options.observers = vec![Arc::<AtWork>::clone(&at_work)];
            let report = definitions()
                .build()
                .expect("is valid")
                .run_with("*", options)
                .await
                .expect("runs");
            assert!(report.succeeded(), "{executor}: {:?}", report.error("s0"));
            let counts = *at_work.0.lock().expect("no panic");
            assert_eq!(counts, (0, wanted), "{executor} with {limits:?}");
        }
    }
}
