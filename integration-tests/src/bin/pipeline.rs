//! A small pipeline as a process of its own, so that a test can run it as another user: root ignores file modes.
//!
//! `pipeline <root> run|load`: `run` materializes `raw/numbers` and `reports/total` under the root, `load` loads the
//! total. Prints `ok <total>`, or each error in a line; exits with 0, 1 for a failed asset or load, 2 for definitions.

use larder::{Asset, Definitions, StepStatus};
use std::process::ExitCode;

fn definitions(root: &str) -> Definitions {
    let numbers = Asset::builder("raw/numbers").function(|_| async { Ok((1..=4).collect::<Vec<u64>>()) });
    let total = Asset::builder("reports/total")
        .input::<Vec<u64>>("numbers")
        .function(|mut args| async move { Ok(args.input::<Vec<u64>>().await?.iter().sum::<u64>()) });
    larder::definitions()
        .assets([numbers, total])
        .default_io_manager_url(format!("file:{root}"))
        .variables([])
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, command] = arguments.as_slice() else {
        panic!("usage: pipeline <root> run|load");
    };
    let pipeline = match definitions(root).build() {
        Ok(pipeline) => pipeline,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    if command == "run" {
        let report = pipeline.run("*").await.expect("the selection fits");
        let mut failed = false;
        for step in &report.steps {
            if let StepStatus::Failed(error) = &step.status {
                failed = true;
                println!("{error}");
            }
        }
        if failed {
            return ExitCode::from(1);
        }
    }
    match pipeline.load::<u64>("reports/total").await {
        Ok(total) => {
            println!("ok {total}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(1)
        }
    }
}
