//! A Spark cluster on loopback, from PyPI: `cargo xtask cluster`.
//!
//! `start` starts and ends processes, `note` keeps what runs in a file, so that `down` ends exactly those.

mod note;
pub(crate) mod start;

use crate::python;
use crate::shell::{Done, command, output, target};
use start::{Cluster, Options};
use std::path::{Path, PathBuf};

/// The variable that tells tests where Spark Connect answers.
pub(crate) const ADDRESS: &str = "LARDER_TEST_SPARK";

/// The variable that names the note of the cluster: its processes, ports and programs.
pub(crate) const NOTE: &str = "LARDER_TEST_SPARK_CLUSTER";

/// How long the server lets a stream last; then it ends it, and the client has to ask for the rest.
pub(crate) const STREAMS_END: &str = "spark.connect.execute.reattachable.senderMaxStreamDuration";

/// Spark's own programs are in it.
const PACKAGES: [&str; 1] = ["pyspark[connect]==4.0.1"];

const HELP: &str = "\
cargo xtask cluster up|down|status [--workers N] [--cores N] [--memory MIB] [--conf NAME=VALUE ..]

  up       starts a standalone Spark cluster on loopback, with a Connect server, and leaves it running
  down     ends the one that `up` started
  status   tells what runs and where its logs are

Each worker has 1 core and 1024 MiB, of which its executor's heap takes three quarters; there are 2. It needs Java 17 or 21.";

/// The command.
pub(crate) fn run(arguments: &[String]) -> Done {
    let Some((verb, rest)) = arguments.split_first() else {
        return Err(format!("cluster: say what to do\n\n{HELP}"));
    };
    match verb.as_str() {
        "up" => up(rest),
        "down" if rest.is_empty() => down(),
        "status" if rest.is_empty() => status(),
        "--help" | "-h" | "help" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(format!(
            "cluster: `{other}` is no command, or takes no options\n\n{HELP}"
        )),
    }
}

fn home() -> PathBuf {
    target().join("spark")
}

/// The versions of Java that Spark 4.0 runs on (its overview, <https://spark.apache.org/docs/4.0.1/>).
const JAVAS: [&str; 2] = ["17", "21"];

/// The Java that runs Spark: that of `JAVA_HOME`, else the one of the path.
pub(crate) fn java() -> Result<PathBuf, String> {
    let of_home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let java = of_home
        .filter(|java| java.is_file())
        .unwrap_or_else(|| PathBuf::from("java"));
    // On standard output, where `-version` tells it on the other one.
    match output(&mut command(&java, &["--version"])) {
        Ok(told) if JAVAS.contains(&major(&told)) => Ok(java),
        Ok(told) => Err(format!(
            "Java 17 or 21, for Spark: `{}` is {}",
            java.display(),
            told.lines().next().unwrap_or("another")
        )),
        Err(_) => Err(
            "Java 17 or 21, for Spark: your system's package default-jre-headless or openjdk-17-jre-headless"
                .to_owned(),
        ),
    }
}

/// The `17` of `openjdk 17.0.15 2025-04-15`.
fn major(told: &str) -> &str {
    let version = told.split_whitespace().nth(1).unwrap_or_default();
    version.split(['.', '+', '-']).next().unwrap_or_default()
}

/// What the build of Spark Connect's messages needs, with the messages that come along with it.
pub(crate) fn protoc() -> Result<(), String> {
    let program = std::env::var_os("PROTOC").unwrap_or_else(|| "protoc".into());
    match output(&mut command(program, &["--version"])) {
        Ok(_) => Ok(()),
        Err(_) => Err("protoc, for larder-engine-spark: your system's packages protobuf-compiler and libprotobuf-dev; PROTOC and PROTOC_INCLUDE name another one".to_owned()),
    }
}

/// The options that a command line gives.
fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        home: PathBuf::new(),
        java: PathBuf::new(),
        work: home().join("cluster"),
        workers: 2,
        cores: 1,
        memory: 1024,
        confs: Vec::new(),
        stays: true,
    };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest
            .next()
            .ok_or_else(|| format!("cluster: `{name}` takes a value\n\n{HELP}"))?;
        let number = || {
            value
                .parse::<u32>()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("cluster: `{name} {value}` is no number above 0"))
        };
        match name.as_str() {
            "--workers" => options.workers = number()?,
            "--cores" => options.cores = number()?,
            "--memory" => options.memory = number()?,
            "--conf" => {
                let (key, value) = value
                    .split_once('=')
                    .ok_or_else(|| format!("cluster: `--conf {value}` is not NAME=VALUE"))?;
                options.confs.push((key.to_owned(), value.to_owned()));
            }
            other => return Err(format!("cluster: `{other}` is no option\n\n{HELP}")),
        }
    }
    Ok(options)
}

/// Installs Spark, where it is not there.
fn installed(mut options: Options) -> Result<Options, String> {
    options.java = java()?;
    let python = python::environment(&home().join("python"), &PACKAGES, "", "Spark")?;
    let ask = "import os, pyspark; print(os.path.dirname(pyspark.__file__))";
    options.home = PathBuf::from(output(&mut command(python, &["-c", ask]))?.trim());
    Ok(options)
}

fn up(arguments: &[String]) -> Done {
    let options = options(arguments)?;
    let path = note::path(&options.work);
    if !note::running(&path).is_empty() {
        return Err("a cluster runs already; `cargo xtask cluster down` ends it".to_owned());
    }
    let cluster = Cluster::start(&installed(options)?)?;
    note::write(&path, &cluster)?;
    println!(
        "Spark Connect answers; its page is http://127.0.0.1:{}\n\nfor tests that use it:",
        cluster.page
    );
    println!(
        "export {ADDRESS}={}\nexport {NOTE}={}",
        cluster.address(),
        path.display()
    );
    cluster.leave();
    Ok(())
}

fn down() -> Done {
    let path = note::path(&home().join("cluster"));
    let ended = note::end(&path)?;
    println!(
        "{}",
        if ended == 0 {
            "no cluster was running".to_owned()
        } else {
            format!("ended {ended} processes")
        }
    );
    Ok(())
}

fn status() -> Done {
    let work = home().join("cluster");
    let path = note::path(&work);
    let running = note::running(&path);
    if running.is_empty() {
        println!("no cluster runs");
        return Ok(());
    }
    for (role, pid) in running {
        println!("{role:<10} {pid:<8} {}", work.join(format!("{role}.log")).display());
    }
    println!("{}", note::told(&path)?);
    Ok(())
}

/// Does something while a cluster of its own runs, with these settings of the Connect server; it gets the address and the note's path.
pub(crate) fn with(confs: &[(&str, &str)], work: impl FnOnce(&str, &Path) -> Done) -> Done {
    let mut options = options(&[])?;
    options.work = home().join("tests");
    options.stays = false;
    options.confs = confs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let cluster = Cluster::start(&installed(options)?)?;
    let path = note::path(&cluster.options.work);
    note::write(&path, &cluster)?;
    let done = work(&cluster.address(), &path);
    let _ = std::fs::remove_file(path);
    done
}

#[cfg(test)]
mod tests {
    use super::{major, options, run};

    #[test]
    fn versions_of_java() {
        for (told, wanted) in [
            ("openjdk 17.0.15 2025-04-15\nOpenJDK Runtime", "17"),
            ("java 21 2023-09-19 LTS", "21"),
            ("openjdk 25-ea 2025-09-16", "25"),
            ("", ""),
        ] {
            assert_eq!(major(told), wanted, "{told}");
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let read = options(&words("--workers 3 --memory 2048 --conf spark.a=b=c")).expect("is right");
        assert_eq!((read.workers, read.cores, read.memory), (3, 1, 2048));
        assert_eq!(read.confs, [("spark.a".to_owned(), "b=c".to_owned())]);
        for (wrong, told) in [
            ("--workers 0", "`--workers 0` is no number above 0"),
            ("--cores", "`--cores` takes a value"),
            ("--conf spark.a", "`--conf spark.a` is not NAME=VALUE"),
            ("--core 1", "`--core` is no option"),
        ] {
            let error = options(&words(wrong)).expect_err("is wrong");
            assert!(error.contains(told), "{error}");
        }
        assert!(
            run(&words("start"))
                .expect_err("unknown")
                .contains("`start` is no command")
        );
    }
}
