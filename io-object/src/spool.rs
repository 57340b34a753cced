//! What is sent to a store that cannot read it back before it is published, kept on local disk for checks.

use crate::store::{Reader, within};
use async_trait::async_trait;
use bytes::Bytes;
use larder_io_core::{ByteStream, Error, ErrorKind, Result, Version};
use object_store::PutPayload;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of one step of a stream.
const STEP: u64 = 1 << 20;
/// What a spool leaves free of its disk for others: so much, or a twentieth of a small disk.
const FREE_BYTES: u64 = 1 << 30;
const FREE_PART: u64 = 20;

/// A file without a name, in the directory for temporary files: nothing is left of it, however the process ends. It never fills its disk.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    /// What it leaves free.
    reserve: u64,
}

impl Spool {
    pub(crate) fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| failed("cannot be made", error))?;
        let disk = rustix::fs::fstatvfs(&file).map_err(|error| failed("cannot be looked at", error.into()))?;
        Ok(Self {
            file: Arc::new(file),
            reserve: FREE_BYTES.min(disk.f_blocks.saturating_mul(disk.f_frsize) / FREE_PART),
        })
    }

    /// Adds a part at the end.
    pub(crate) fn append(&self, part: &PutPayload) -> Result<()> {
        let mut file: &File = &self.file;
        let disk = rustix::fs::fstatvfs(file).map_err(|error| failed("cannot be looked at", error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < self.reserve.saturating_add(part.content_length() as u64) {
            let problem = format!("only {free} bytes are free there, and others need some of them");
            return Err(failed("cannot grow", io::Error::other(problem)));
        }
        part.iter()
            .try_for_each(|piece| file.write_all(piece))
            .map_err(|error| failed("cannot be written", error))
    }

    /// What was written, as a value that is read.
    pub(crate) fn reader(&self, version: Version) -> Result<Arc<dyn Reader>> {
        let size = self
            .file
            .metadata()
            .map_err(|error| failed("cannot be looked at", error))?
            .len();
        Ok(Arc::new(Spooled {
            file: Arc::clone(&self.file),
            size,
            version,
        }))
    }
}

fn failed(how: &str, error: io::Error) -> Error {
    let message = format!(
        "the file in {} that keeps the value for its checks {how}: {error}; TMPDIR names another directory",
        std::env::temp_dir().display()
    );
    Error::new(ErrorKind::Unavailable, message).with_source(error)
}

struct Spooled {
    file: Arc<File>,
    size: u64,
    version: Version,
}

async fn read(file: Arc<File>, range: Range<u64>) -> Result<Bytes> {
    let work = move || {
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok::<_, io::Error>(Bytes::from(bytes))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(read) => read.map_err(|error| failed("cannot be read", error)),
        Err(_) => Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down")),
    }
}

#[async_trait]
impl Reader for Spooled {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        0
    }

    fn receipt(&self) -> Option<&str> {
        None
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        within(&range, self.size)?;
        read(Arc::clone(&self.file), range).await
    }

    fn stream(&self) -> ByteStream {
        let (file, size) = (Arc::clone(&self.file), self.size);
        Box::pin(futures_util::stream::try_unfold(0, move |from| {
            let file = Arc::clone(&file);
            async move {
                let to = size.min(from + STEP);
                if from == to {
                    return Ok(None);
                }
                Ok(Some((read(file, from..to).await?, to)))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_fills_the_disk() {
        let mut spool = Spool::new().expect("is made");
        let part = PutPayload::from(vec![7; 1000]);
        spool.append(&part).expect("there is room");
        assert!(spool.reserve > 0 && spool.reserve <= FREE_BYTES, "{spool:?}");
        // As if the disk were nearly full.
        spool.reserve = u64::MAX - 1000;
        let error = spool.append(&part).expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        for words in ["bytes are free", "TMPDIR"] {
            assert!(error.message().contains(words), "{error}");
        }
        let size = spool.file.metadata().expect("is there").len();
        assert_eq!(size, 1000, "nothing of it was written");
    }
}
