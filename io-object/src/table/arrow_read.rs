//! Arrow IPC files: opened by their footer, each block checked and validated when it is scanned.

use super::{damaged, guarded};
use crate::store::Reader;
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, MetadataVersion, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Result, Scan, TableSource};
use std::sync::Arc;
use tokio::sync::OnceCell;

const FORMAT: &str = "arrow";
const MAGIC: &[u8] = b"ARROW1";
/// The footer's length and the magic at the end of a file.
const TRAILER_BYTES: u64 = 10;
/// Rows up to which a limit reads block by block.
const FEW_ROWS: usize = 16 << 10;
/// Bytes of a block up to which its compressed buffers are believed, however small they are. arrow-ipc allocates the
/// claimed length at once, and an allocation that fails ends the process.
const MOST_UNCOMPRESSED_BYTES: u64 = 1 << 30;
/// How many times longer than the block its buffers may be beyond that: LZ4 reaches 255, zstd more only on constants.
const MOST_COMPRESSION: u64 = 1 << 10;

/// A stored arrow file. Blocks are read, or taken from a memory map without a copy.
pub(crate) struct ArrowSource {
    file: Arc<File>,
}

struct File {
    reader: Arc<dyn Reader>,
    schema: SchemaRef,
    version: MetadataVersion,
    blocks: Vec<Block>,
    dictionaries: Vec<Block>,
    /// The decoder with all dictionaries read, made at the first scan.
    decoder: OnceCell<Arc<FileDecoder>>,
}

impl ArrowSource {
    /// Reads the footer.
    pub(crate) async fn open(reader: Arc<dyn Reader>) -> Result<Self> {
        let size = reader.size();
        if size < TRAILER_BYTES + 8 {
            return Err(damaged(FORMAT, "it is too short"));
        }
        let get = async |start: u64, end: u64| reader.read(start..end).await.map(Buffer::from);
        let trailer = get(size - TRAILER_BYTES, size).await?;
        let head = get(0, 8).await?;
        if &trailer[4..] != MAGIC || !head.starts_with(MAGIC) {
            return Err(damaged(FORMAT, "it does not begin and end with ARROW1"));
        }
        let length = u64::from(u32::from_le_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]));
        let start = (size - TRAILER_BYTES).checked_sub(length).filter(|start| *start >= 8);
        let start = start.ok_or_else(|| damaged(FORMAT, "its footer is longer than the file"))?;
        let footer = get(start, size - TRAILER_BYTES).await?;
        let (schema, version, blocks, dictionaries) = guarded(FORMAT, || parse_footer(&footer, start))?;
        let file = File {
            reader,
            schema,
            version,
            blocks,
            dictionaries,
            decoder: OnceCell::new(),
        };
        Ok(Self { file: Arc::new(file) })
    }
}

type Footer = (SchemaRef, MetadataVersion, Vec<Block>, Vec<Block>);

fn parse_footer(bytes: &[u8], end: u64) -> Result<Footer, String> {
    let footer = root_as_footer(bytes).map_err(|error| error.to_string())?;
    let schema = fb_to_schema(footer.schema().ok_or("it has no schema")?);
    let blocks = |list: Option<flatbuffers_vector::Blocks<'_>>| -> Result<Vec<Block>, String> {
        let blocks: Vec<Block> = list.map(|list| list.iter().copied().collect()).unwrap_or_default();
        let fits = |block: &Block| {
            let lengths = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
            let total = lengths
                .iter()
                .try_fold(0_u64, |sum, length| sum.checked_add(u64::try_from(*length).ok()?));
            total.is_some_and(|total| total <= end) && block.metaDataLength() >= 8
        };
        if blocks.iter().all(fits) {
            Ok(blocks)
        } else {
            Err("a block lies outside of the file".to_owned())
        }
    };
    Ok((
        Arc::new(schema),
        footer.version(),
        blocks(footer.recordBatches())?,
        blocks(footer.dictionaries())?,
    ))
}

/// The type of a footer's list of blocks, which arrow-ipc does not name.
mod flatbuffers_vector {
    pub(super) type Blocks<'a> = flatbuffers::Vector<'a, arrow_ipc::Block>;
}

impl File {
    async fn bytes(&self, block: &Block) -> Result<Buffer> {
        let start = block.offset() as u64;
        let length = block.metaDataLength() as u64 + block.bodyLength() as u64;
        let range = start..start + length;
        // A map for each block, so that what was scanned does not stay resident.
        let bytes: Buffer = match self.reader.map(range.clone()) {
            Some(map) => map.into(),
            None => self.reader.read(range).await?.into(),
        };
        guarded(FORMAT, || check_block(&bytes, block))?;
        Ok(bytes)
    }

    /// A decoder with every dictionary.
    async fn decoder(&self) -> Result<&Arc<FileDecoder>> {
        self.decoder
            .get_or_try_init(|| async {
                let mut decoder = FileDecoder::new(Arc::clone(&self.schema), self.version);
                for block in &self.dictionaries {
                    let bytes = self.bytes(block).await?;
                    guarded(FORMAT, || decoder.read_dictionary(block, &bytes))?;
                }
                Ok(Arc::new(decoder))
            })
            .await
    }

    async fn batch(self: Arc<Self>, block: Block) -> Result<RecordBatch> {
        let bytes = self.bytes(&block).await?;
        let decoder = Arc::clone(self.decoder().await?);
        // Decoding validates every value, which is work for a thread of its own.
        let decoded =
            tokio::task::spawn_blocking(move || guarded(FORMAT, || decoder.read_record_batch(&block, &bytes)));
        let batch = decoded
            .await
            .map_err(|error| Error::new(ErrorKind::Cancelled, error.to_string()))??;
        batch.ok_or_else(|| damaged(FORMAT, "a block holds no rows"))
    }
}

/// Checks what arrow-ipc takes for granted: that buffers lie within their block, that lengths are not negative, and that
/// a compressed buffer does not claim a length for which no memory is.
fn check_block(bytes: &[u8], block: &Block) -> Result<(), String> {
    let (mut metadata, body) = bytes.split_at(block.metaDataLength() as usize);
    // Since format 0.15 a message begins with a continuation marker before its length.
    if metadata.starts_with(&[0xff; 4]) {
        metadata = &metadata[4..];
    }
    let message =
        root_as_message(metadata.get(4..).ok_or("a message is too short")?).map_err(|error| error.to_string())?;
    let batch = match message.header_as_dictionary_batch() {
        Some(dictionary) => dictionary.data(),
        None => message.header_as_record_batch(),
    };
    let batch = batch.ok_or("a block is neither rows nor a dictionary")?;
    let nodes = batch
        .nodes()
        .is_none_or(|nodes| nodes.iter().all(|node| node.length() >= 0 && node.null_count() >= 0));
    if !nodes || batch.length() < 0 {
        return Err("a block claims a negative number of rows".to_owned());
    }
    let mut claimed = 0_u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let inside = || {
            let start = usize::try_from(buffer.offset()).ok()?;
            body.get(start..start.checked_add(usize::try_from(buffer.length()).ok()?)?)
        };
        let buffer = inside().ok_or("a buffer lies outside of its block")?;
        if batch.compression().is_some() {
            claimed = claimed.saturating_add(uncompressed_bytes(buffer)?);
        }
    }
    let most = MOST_UNCOMPRESSED_BYTES.max(body.len() as u64 * MOST_COMPRESSION);
    if claimed > most {
        return Err(format!(
            "a compressed block of {} bytes claims to be {claimed} bytes long",
            body.len()
        ));
    }
    Ok(())
}

/// The length that a compressed buffer says it has: eight bytes before it, -1 where it is kept as it is.
/// <https://arrow.apache.org/docs/format/Columnar.html#compression>
fn uncompressed_bytes(buffer: &[u8]) -> Result<u64, String> {
    let Some((length, kept)) = buffer.split_first_chunk::<8>() else {
        // A buffer without values has no length either.
        return if buffer.is_empty() {
            Ok(0)
        } else {
            Err("a compressed buffer is too short".to_owned())
        };
    };
    match i64::from_le_bytes(*length) {
        -1 => Ok(kept.len() as u64),
        length => u64::try_from(length).map_err(|_| "a compressed buffer has a negative length".to_owned()),
    }
}

#[async_trait]
impl TableSource for ArrowSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.file.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let file = Arc::clone(&self.file);
        // Two for each core: while the next one in order is waited for, others must not wait too. A few rows are in the
        // first block.
        let ahead = match request.limit {
            Some(limit) if limit <= FEW_ROWS => 1,
            _ => 2 * std::thread::available_parallelism().map_or(1, usize::from),
        };
        let blocks = file.blocks.clone();
        let batches = stream::iter(blocks)
            .map(move |block| Arc::clone(&file).batch(block))
            .buffered(ahead);
        request.apply(&self.file.schema, batches.into_stream().boxed())
    }
}
