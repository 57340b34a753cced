//! A pipeline whose assets take a resource that writes down what is done to it, and by which process.

use larder_executor::{Asset, Check, Definitions, Resource};
use larder_io_core::{Error, ErrorKind, Result, async_trait};
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// The file in the working directory for which the check of `checked` does not end.
pub(crate) const HOLD: &str = "hold";

struct Diary(PathBuf);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    file: PathBuf,
    /// How long opening takes, in seconds.
    #[serde(default)]
    slow: u64,
    /// Whether it cannot be opened.
    #[serde(default)]
    broken: bool,
    /// Whether it cannot be closed.
    #[serde(default)]
    stuck: bool,
}

impl Diary {
    fn write(&self, what: &str) -> Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.0)?;
        Ok(file.write_all(format!("{what} {}\n", std::process::id()).as_bytes())?)
    }
}

pub(crate) struct Kept {
    diary: Diary,
    stuck: bool,
}

#[async_trait]
impl Resource for Kept {
    type Settings = Settings;

    async fn open(settings: Settings) -> Result<Self> {
        let diary = Diary(settings.file);
        diary.write("open")?;
        if settings.broken {
            // Of a kind for which a step is made again, where the step fails with it.
            return Err(std::io::Error::other("nobody there").into());
        }
        if settings.slow > 0 {
            tokio::time::sleep(Duration::from_secs(settings.slow)).await;
            diary.write("opened")?;
        }
        let stuck = settings.stuck;
        Ok(Self { diary, stuck })
    }

    async fn close(&self) -> Result<()> {
        self.diary.write("close")?;
        match self.stuck {
            true => Err(Error::new(ErrorKind::Unexpected, "it is stuck")),
            false => Ok(()),
        }
    }
}

fn asset(key: &str, seconds: u64) -> Asset {
    Asset::builder(key).resource::<Kept>().function(move |args| async move {
        args.resource::<Kept>()?.diary.write("use")?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(1_u64)
    })
}

pub(crate) fn definitions() -> Definitions {
    let plain = Asset::builder("plain").function(|_| async { Ok(1_u64) });
    let checked = Asset::builder("checked").function(|_| async { Ok(1_u64) });
    let assets = [asset("a", 0), asset("b", 0), asset("long", 3600), plain, checked];
    let check = Check::builder("kept").asset("checked").resource::<Kept>();
    let check = check.function(|args| async move {
        args.resource::<Kept>()?.diary.write("check")?;
        if std::path::Path::new(HOLD).exists() {
            std::future::pending::<()>().await;
        }
        Ok(true)
    });
    Definitions::new()
        .backend(larder_io_fs::backend())
        .assets(assets)
        .checks([check])
        .resource_named::<Kept>("diary")
}
