//! A PostgreSQL server of a test's own, on loopback, which ends with the test.
//!
//! It needs PostgreSQL's own programs, `initdb` and `postgres`; the variable `LARDER_TEST_POSTGRESQL` names their folder, where it
//! is not Debian's. What blocks here blocks on a runtime of its own: an asynchronous test calls it on a thread that may block.

mod proxy;

pub use proxy::Proxy;

use postgres::{Client, NoTls};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The folder of the server's programs, where it is not Debian's.
const PROGRAMS: &str = "LARDER_TEST_POSTGRESQL";
/// How long a server may take to answer first, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ports that are tried, of which others may have taken one after another.
const TRIES: usize = 10;
/// The password of the user `postgres` of every server.
pub const PASSWORD: &str = "t0p-s3cret";

/// A server with a cluster in a temporary directory. It ends, and the directory goes, when this is dropped.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    directory: TempDir,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// A program is known by the number of its process for as long as it was not waited for.
    process: Option<Child>,
    settings: Vec<String>,
}

/// Where `initdb`, `postgres` and `psql` are.
pub fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os(PROGRAMS) {
        return named.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin"));
    let newest = found.filter(|bin| bin.join("initdb").is_file()).max();
    newest.unwrap_or_else(|| {
        panic!("PostgreSQL is missing: install your system's package postgresql, or let {PROGRAMS} name the folder of initdb and postgres")
    })
}

/// A command as somebody who is not root, whom the server refuses; it ends with the thread that started it, where that can be had.
fn unprivileged(program: &Path, ends: bool) -> Command {
    let mut command = match root() || cfg!(target_os = "linux") {
        true => Command::new("setpriv"),
        false => Command::new(program),
    };
    if root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    if ends && cfg!(target_os = "linux") {
        command.arg("--pdeathsig=INT");
    }
    if root() || cfg!(target_os = "linux") {
        command.arg("--").arg(program);
    }
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn root() -> bool {
    let shown = Command::new("id").arg("-u").output().unwrap();
    shown.stdout.starts_with(b"0\n")
}

/// A connection by a URL.
pub fn client_of(url: &str) -> Client {
    Client::connect(url, NoTls).unwrap()
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// One that asks for no password.
    pub fn start() -> Self {
        Self::made("trust", false)
    }

    /// One that asks for a password.
    pub fn with_password() -> Self {
        Self::made("scram-sha-256", false)
    }

    /// One that asks for a password, and takes connections by TCP with TLS only; its certificate is its own authority.
    pub fn with_certificate() -> Self {
        Self::made("scram-sha-256", true)
    }

    /// The file with the server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate")
    }

    fn made(authentication: &str, tls: bool) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let (programs, directory) = (programs(), tempfile::tempdir().unwrap());
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let password = directory.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let made = unprivileged(&programs.join("initdb"), false)
            .args([
                "-U",
                "postgres",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
                "-A",
                authentication,
            ])
            .arg("--pwfile")
            .arg(&password)
            .arg("-D")
            .arg(directory.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self {
            programs,
            directory,
            port: free_port(),
            process: None,
            settings: Vec::new(),
        };
        if tls {
            server.certify();
        }
        // Another test may have taken the port since it was found free.
        for _ in 0..TRIES {
            if server.try_go() {
                return server;
            }
            server.stop("INT");
            server.port = free_port();
        }
        panic!("no server starts: {}", server.log());
    }

    fn certify(&mut self) {
        let in_it = |name: &str| self.directory.path().join(name).display().to_string();
        let made = unprivileged(Path::new("openssl"), false)
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "9",
            ])
            .args(["-subj", "/CN=larder", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", &in_it("key"), "-out", &in_it("certificate")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let rules = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(in_it("rules"), rules).unwrap();
        self.settings = vec![
            "ssl=on".to_owned(),
            format!("ssl_key_file={}", in_it("key")),
            format!("ssl_cert_file={}", in_it("certificate")),
            format!("hba_file={}", in_it("rules")),
        ];
    }

    /// Starts it again where it was, and waits until it answers. Somebody else's connection may hold the port for a while.
    pub fn go(&mut self) {
        let patience = Instant::now() + PATIENCE;
        while !self.try_go() {
            self.stop("INT");
            assert!(Instant::now() < patience, "it does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn try_go(&mut self) -> bool {
        let log = self.directory.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = unprivileged(&self.programs.join("postgres"), true);
        command.arg("-D").arg(self.directory.path().join("data"));
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-c",
            "fsync=off",
            "-c",
            "autovacuum=off",
        ]);
        command.arg("-k").arg(self.directory.path());
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = command.spawn().unwrap();
        // By the socket, which is surely its own.
        let (mut lives, patience) = (true, Instant::now() + PATIENCE);
        while lives && Client::connect(&self.socket_url(), NoTls).is_err() {
            std::thread::sleep(Duration::from_millis(20));
            assert!(Instant::now() < patience, "it does not answer: {}", self.log());
            lives = matches!(process.try_wait(), Ok(None));
        }
        self.process = Some(process);
        lives
    }

    /// What the server has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Ends it: `INT` rolls back what is going on, `QUIT` is as a crash.
    pub fn stop(&mut self, signal: &str) {
        if let Some(mut process) = self.process.take() {
            let asked = Command::new("kill")
                .arg(format!("-{signal}"))
                .arg(process.id().to_string())
                .status();
            // It may have ended by itself.
            asked.unwrap();
            process.wait().unwrap();
        }
    }

    /// The URL of the user who may everything.
    pub fn url(&self) -> String {
        self.url_of("postgres", PASSWORD, "postgres")
    }

    /// The URL of a user, by TCP.
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL by the server's socket.
    pub fn socket_url(&self) -> String {
        format!(
            "postgres:///postgres?user=postgres&password={PASSWORD}&port={}&host={}",
            self.port,
            self.directory.path().display()
        )
    }

    /// Runs statements as the one who may everything.
    pub fn sql(&self, sql: &str) {
        self.client().batch_execute(sql).unwrap();
    }

    /// The first column of the first row.
    pub fn number(&self, sql: &str) -> i64 {
        self.client().query_one(sql, &[]).unwrap().get(0)
    }

    /// A connection of the one who may everything.
    pub fn client(&self) -> Client {
        client_of(&self.url())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
        self.stop("INT");
    }
}

/// A server that tests of one process share while any of them runs: each takes a schema of its own.
#[derive(Debug)]
pub struct Shared {
    url: String,
    next: AtomicUsize,
    /// The thread that started the server ends last: the system ends a server with it.
    host: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Shared {
    /// The server that runs, or a new one. Blocks while it starts.
    pub fn get() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = running.upgrade() {
            return shared;
        }
        let (told, url) = channel();
        let (stop, stopped) = channel();
        let host = std::thread::spawn(move || {
            let server = Server::with_password();
            told.send(server.url()).unwrap();
            // Ends when the other side is dropped.
            let _ = stopped.recv();
        });
        let shared = Arc::new(Self {
            url: url.recv().expect("the server starts"),
            next: AtomicUsize::new(0),
            host: Some((stop, host)),
        });
        *running = Arc::downgrade(&shared);
        shared
    }

    /// The URL of the user who may everything.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of a schema that nobody has had.
    pub fn schema(&self) -> String {
        format!("s{}", self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((stop, host)) = self.host.take() {
            drop(stop);
            // It ends the server; whether it could is in the server's own log.
            let _ = host.join();
        }
    }
}
