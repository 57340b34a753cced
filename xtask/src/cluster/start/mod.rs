//! A standalone Spark cluster on loopback: a master, workers, and a Connect server that runs its queries on them.
//!
//! Of the standard library only: the tests of `engines/spark` that break servers take this file too and start clusters of their own.

mod probe;

use probe::{children, free, speaks};
pub(crate) use probe::{get, signal};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two looks at a process or a port.
const LOOK: Duration = Duration::from_millis(100);

/// Looks until a cluster that does not answer is given up: a start takes 10 s on two idle cores.
const LOOKS: u32 = 1800;

/// Looks until a process that was asked to end is killed.
const LOOKS_BEFORE_KILL: u32 = 100;

/// How often a start is tried whose ports somebody else took in between.
const STARTS: u32 = 3;

/// Packages that Spark opens with Java 17 and later; its own launcher passes the same.
const OPENS: [&str; 14] = [
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
];

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The folder of the Python package `pyspark`, which has Spark's own programs in `jars`.
    pub(crate) home: PathBuf,
    /// The Java that runs them.
    pub(crate) java: PathBuf,
    /// Where the processes keep logs and temporary files; known by it, so it must be nobody else's.
    pub(crate) work: PathBuf,
    pub(crate) workers: u32,
    /// Of each worker.
    pub(crate) cores: u32,
    /// Of each worker, MiB; three quarters of it are the heap of its executor.
    pub(crate) memory: u32,
    /// Further settings of the Connect server, as `spark.sql.shuffle.partitions` and `8`.
    pub(crate) confs: Vec<(String, String)>,
    /// Whether it outlives us, out of reach of the terminal's interrupt.
    pub(crate) stays: bool,
}

/// A process of a cluster.
#[derive(Debug)]
pub(crate) struct Node {
    /// `master`, `worker-1`, `connect`.
    pub(crate) role: String,
    pub(crate) child: Child,
}

/// A cluster that runs. Dropping it ends its processes, and no others.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) options: Options,
    pub(crate) master: u16,
    /// The page of the master.
    pub(crate) master_page: u16,
    /// The page of the Connect server's application, with its REST API.
    pub(crate) page: u16,
    /// Where Spark Connect is served.
    pub(crate) connect: u16,
    pub(crate) nodes: Vec<Node>,
}

impl Cluster {
    /// Starts a cluster and waits until its Connect server answers and every worker is there.
    pub(crate) fn start(options: &Options) -> Result<Self, String> {
        let mut problem = String::new();
        for _ in 0..STARTS {
            match Self::once(options) {
                Ok(cluster) => return Ok(cluster),
                Err(error) => problem = error,
            }
            if !problem.contains("BindException") {
                break;
            }
        }
        Err(problem)
    }

    fn once(options: &Options) -> Result<Self, String> {
        let make = |path: &Path| {
            std::fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
        };
        make(&options.work)?;
        // As the kernel shows it, because processes are known by this path.
        let work = options
            .work
            .canonicalize()
            .map_err(|error| format!("cannot resolve {}: {error}", options.work.display()))?;
        let options = Options {
            work,
            ..options.clone()
        };
        make(&options.work.join("tmp"))?;
        let mut cluster = Self {
            master: free()?,
            master_page: free()?,
            page: free()?,
            connect: free()?,
            nodes: Vec::new(),
            options,
        };
        cluster.start_master()?;
        for number in 1..=cluster.options.workers {
            cluster.start_worker(&format!("worker-{number}"))?;
        }
        cluster.start_connect()?;
        cluster.wait()?;
        Ok(cluster)
    }

    /// `sc://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("sc://127.0.0.1:{}", self.connect)
    }

    fn start_master(&mut self) -> Result<(), String> {
        let (port, page) = (self.master.to_string(), self.master_page.to_string());
        let arguments = ["--host", "127.0.0.1", "--port", &port, "--webui-port", &page];
        self.spawn("master", 256, "org.apache.spark.deploy.master.Master", &arguments)
    }

    /// Starts one more worker.
    pub(crate) fn start_worker(&mut self, role: &str) -> Result<(), String> {
        let folder = self.options.work.join(role).display().to_string();
        let (cores, memory) = (self.options.cores.to_string(), format!("{}m", self.options.memory));
        let master = format!("spark://127.0.0.1:{}", self.master);
        let arguments = [
            "--host",
            "127.0.0.1",
            "--webui-port",
            "0",
            "--cores",
            &cores,
            "--memory",
            &memory,
            "--work-dir",
            &folder,
            &master,
        ];
        self.spawn(role, 256, "org.apache.spark.deploy.worker.Worker", &arguments)
    }

    /// Starts the Connect server, again where it was before.
    pub(crate) fn start_connect(&mut self) -> Result<(), String> {
        let mut confs = vec![
            ("spark.driver.host", "127.0.0.1".to_owned()),
            ("spark.driver.bindAddress", "127.0.0.1".to_owned()),
            ("spark.executor.memory", format!("{}m", self.options.memory / 4 * 3)),
            ("spark.executor.cores", self.options.cores.to_string()),
            ("spark.ui.port", self.page.to_string()),
            ("spark.connect.grpc.binding.address", "127.0.0.1".to_owned()),
            ("spark.connect.grpc.binding.port", self.connect.to_string()),
            ("spark.executor.extraJavaOptions", "-XX:+UseSerialGC".to_owned()),
            (
                "spark.sql.warehouse.dir",
                self.options.work.join("warehouse").display().to_string(),
            ),
            ("spark.sql.shuffle.partitions", "4".to_owned()),
        ];
        let given = |name: &str| self.options.confs.iter().any(|(known, _)| known == name);
        confs.retain(|(name, _)| !given(name));
        let named = confs.iter().map(|(name, value)| format!("{name}={value}"));
        let further = self.options.confs.iter().map(|(name, value)| format!("{name}={value}"));
        let all: Vec<String> = named
            .chain(further)
            .flat_map(|conf| ["--conf".to_owned(), conf])
            .collect();
        let master = format!("spark://127.0.0.1:{}", self.master);
        let mut arguments = vec![
            "--master",
            &master,
            "--class",
            "org.apache.spark.sql.connect.service.SparkConnectServer",
        ];
        arguments.extend(all.iter().map(String::as_str));
        arguments.push("spark-internal");
        self.spawn("connect", 768, "org.apache.spark.deploy.SparkSubmit", &arguments)
    }

    fn spawn(&mut self, role: &str, heap: u32, class: &str, arguments: &[&str]) -> Result<(), String> {
        let work = &self.options.work;
        let path = work.join(format!("{role}.log"));
        let log = File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        let errors = log
            .try_clone()
            .map_err(|error| format!("cannot share {}: {error}", path.display()))?;
        let mut command = Command::new(&self.options.java);
        command
            .arg("-cp")
            .arg(self.options.home.join("jars/*"))
            .arg(format!("-Xmx{heap}m"))
            // A port that somebody took in between is an error: Spark would move on to the next one.
            .args(["-XX:+UseSerialGC", "-Dspark.port.maxRetries=0"])
            .arg(format!("-Djava.io.tmpdir={}", work.join("tmp").display()))
            .arg(format!("-Dlarder.cluster={}", work.display()))
            .args(OPENS.iter().map(|package| format!("--add-opens={package}=ALL-UNNAMED")))
            .arg(class)
            .args(arguments)
            .current_dir(work)
            .env("SPARK_HOME", &self.options.home)
            // Else a worker looks for folders of Spark's own build, to start an executor.
            .env("SPARK_SCALA_VERSION", "2.13")
            // Every socket, the pages of the web too, is bound to what this says.
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_PUBLIC_DNS", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", work.join("tmp"))
            .env_remove("SPARK_CONF_DIR")
            .env_remove("SPARK_CONNECT_AUTHENTICATE_TOKEN")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        if self.options.stays {
            command.process_group(0);
        }
        let child = command
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", self.options.java.display()))?;
        self.nodes.retain(|node| node.role != role);
        self.nodes.push(Node {
            role: role.to_owned(),
            child,
        });
        Ok(())
    }

    /// Waits until Spark Connect answers and all workers have registered.
    pub(crate) fn wait(&mut self) -> Result<(), String> {
        for _ in 0..LOOKS {
            for node in &mut self.nodes {
                if let Ok(Some(status)) = node.child.try_wait() {
                    let role = node.role.clone();
                    return Err(format!(
                        "Spark's {role} ended with {status}; {}",
                        self.last_words(&role)
                    ));
                }
            }
            let workers = self.nodes.iter().filter(|node| node.role.starts_with("worker")).count();
            if speaks(self.connect) && self.alive() >= workers {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(format!(
            "Spark's Connect server does not answer; {}",
            self.last_words("connect")
        ))
    }

    /// How many workers the master knows.
    fn alive(&self) -> usize {
        let Some(told) = get(self.master_page, "/json/") else {
            return 0;
        };
        let Some(workers) = told.find("\"workers\"") else {
            return 0;
        };
        let rest = &told[workers..];
        let end = rest
            .find("\"aliveworkers\"")
            .or_else(|| rest.find("\"activeapps\""))
            .unwrap_or(rest.len());
        rest[..end].matches("\"ALIVE\"").count()
    }

    /// The end of what a process printed, for an error.
    fn last_words(&self, role: &str) -> String {
        let path = self.options.work.join(format!("{role}.log"));
        let bytes = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        format!(
            "the end of {}:\n  {}",
            path.display(),
            lines[lines.len().saturating_sub(25)..].join("\n  ")
        )
    }

    /// Kills a process at once, as a power cut would, and what it started.
    #[allow(dead_code, reason = "tests break clusters, the command does not")]
    pub(crate) fn kill(&mut self, role: &str) {
        if let Some(at) = self.nodes.iter().position(|node| node.role == role) {
            let mut node = self.nodes.swap_remove(at);
            let executors = children(node.child.id());
            let _ = node.child.kill();
            for executor in executors {
                signal("KILL", executor);
            }
            let _ = node.child.wait();
        }
    }

    /// Lets it run on.
    #[allow(dead_code, reason = "the command does so, tests do not")]
    pub(crate) fn leave(mut self) {
        self.nodes.clear();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The Connect server first: it takes its executors down with it.
        self.nodes.reverse();
        for node in &mut self.nodes {
            signal("TERM", node.child.id());
        }
        for node in &mut self.nodes {
            for _ in 0..LOOKS_BEFORE_KILL {
                if !matches!(node.child.try_wait(), Ok(None)) {
                    break;
                }
                std::thread::sleep(LOOK);
            }
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }
}
