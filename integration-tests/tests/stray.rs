//! Programs that do not make steps, asked to: this one never calls `serve_step`.

use larder::{Asset, ErrorKind, Executor, RunOptions, StepCommand};

fn pipeline(dir: &std::path::Path) -> larder::Pipeline {
    larder::definitions()
        .asset(Asset::builder("a").function(|_| async { Ok(1_u64) }))
        .without_config()
        .default_io_manager_url(format!("file:{}", dir.display()))
        .build()
        .expect("is valid")
}

/// The process of the step runs this test too, and is refused a run of its own.
#[tokio::test]
async fn a_program_that_is_no_step_is_told_and_not_started_without_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = RunOptions::default();
    options.executor = Executor::Processes;
    for command in [None, Some("/bin/true")] {
        options.step_command = command.map(|program| StepCommand {
            program: program.into(),
            arguments: Vec::new(),
        });
        let report = match pipeline(dir.path()).run_with("*", options.clone()).await {
            Ok(report) => report,
            // This is the process of the step: it ends as such programs do.
            Err(_) => std::process::exit(2),
        };
        let error = report.error("a").expect("failed");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(error.message().contains("serve_step"), "{error}");
    }
}
