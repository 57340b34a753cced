//! S3: memory of streams, and speed beside bare object_store and boto3. This process hosts the double, which counts and
//! drops what it gets; every client is a process of its own, so that neither its memory nor its time is the double's.

mod bare;
mod blob;
mod boto3;
mod table;

use super::memory::{alone, resident};
use super::row::{Amount, Row, against, beside};
use super::{Size, text};
use larder::Secret;
use larder_io_s3::S3Config;
use larder_testkit::cloud::{Cloud, Dialect};
use std::time::Duration;

const BUCKET: &str = "bench";
const ACCESS_KEY: &str = "bench-key";
const SECRET_KEY: &str = "bench-secret";
/// Longer bodies are dropped. Receipts are shorter.
const KEPT: u64 = 1 << 20;
/// Time until the double answers, in the rows of a distant storage: about the next region.
const DISTANCE: Duration = Duration::from_millis(20);

pub(super) fn run(runtime: &tokio::runtime::Runtime, size: Size) -> Result<Vec<Row>, String> {
    let cloud = runtime.block_on(Cloud::start(Dialect::S3)).discarding_over(KEPT);
    cloud.create_bucket(BUCKET);
    let mut rows = memory(&cloud, size)?;
    rows.extend(speed(&cloud, size, &NEAR)?);
    cloud.delay(DISTANCE);
    rows.extend(speed(&cloud, size, &FAR)?);
    Ok(rows)
}

fn memory(cloud: &Cloud, size: Size) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (what, name) in [
        ("put-blob", "resident, streaming a blob to S3"),
        ("get-blob", "resident, streaming it back"),
        ("put-table", "resident, streaming a table to S3 as Parquet"),
    ] {
        let peak = alone(&["cloud", what, &cloud.endpoint(), &size.cloud_stream.to_string()])?;
        rows.push(resident(name, peak));
    }
    Ok(rows)
}

/// The names of the rows of one distance.
struct Names {
    put: &'static str,
    get: &'static str,
}

const NEAR: Names = Names {
    put: "put to S3, hashed, with receipt",
    get: "get from S3 by ranges",
};
const FAR: Names = Names {
    put: "put to S3 20 ms away",
    get: "get from S3 20 ms away",
};

/// One measurement of each, time and again, so that a busy moment of the machine meets them all.
fn speed(cloud: &Cloud, size: Size, names: &Names) -> Result<Vec<Row>, String> {
    let bytes = size.cloud_speed.to_string();
    let endpoint = cloud.endpoint();
    let mut times = [Duration::MAX; 5];
    let (mut boto3_put, mut boto3_get) = (boto3::Times::default(), boto3::Times::default());
    for _ in 0..size.times {
        // Puts first: the gets read what they leave, each its own.
        let one = |what: &str| alone(&["cloud", what, &endpoint, &bytes]).map(Duration::from_nanos);
        let (put, bare_put) = (one("time-put")?, one("time-bare-put")?);
        boto3_put.once("put", &endpoint, &bytes);
        let now = [
            put,
            bare_put,
            one("time-get")?,
            one("time-bare-get")?,
            one("time-plain-get")?,
        ];
        boto3_get.once("get", &endpoint, &bytes);
        for (best, now) in times.iter_mut().zip(now) {
            *best = now.min(*best);
        }
    }
    let [put, bare_put, get, bare_get, plain_get] = times;
    Ok(vec![
        against(names.put, put, bare_put, 1.1),
        beside(names.put, "boto3", boto3_put.best()),
        against(names.get, get, bare_get, 1.1),
        beside(names.get, "one request", Amount::from(plain_get)),
        beside(names.get, "boto3", boto3_get.best()),
    ])
}

/// One measurement in this process; its last line is nanoseconds or bytes.
pub(super) async fn child(what: &str, endpoint: &str, bytes: &str) -> Result<(), String> {
    let bytes: u64 = bytes.parse().map_err(text)?;
    let result = match what {
        "put-blob" => blob::put_resident(endpoint, bytes).await?,
        "get-blob" => blob::get_resident(endpoint, bytes).await?,
        "put-table" => table::put_resident(endpoint, bytes).await?,
        "time-put" => nanos(blob::put(endpoint, bytes).await?),
        "time-bare-put" => nanos(bare::put(endpoint, bytes).await?),
        "time-get" => nanos(blob::get(endpoint, bytes).await?),
        "time-bare-get" => nanos(bare::get(endpoint, bytes).await?),
        "time-plain-get" => nanos(bare::get_plain(endpoint, bytes).await?),
        _ => return Err(format!("there is no measurement `{what}` of clouds")),
    };
    println!("{result}");
    Ok(())
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

/// The default settings, at the double.
fn config(endpoint: &str) -> S3Config {
    let mut config = S3Config::new(BUCKET, "");
    config.endpoint = Some(endpoint.to_owned());
    config.access_key_id = Some(ACCESS_KEY.to_owned());
    config.secret_access_key = Some(Secret::new(SECRET_KEY));
    config
}

/// Bytes that do not compress, the same each time.
struct Noise(u64);

impl Noise {
    fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// The next word of an xorshift generator (Marsaglia, 2003).
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.word().to_le_bytes());
        words.take(length.div_ceil(8)).flatten().take(length).collect()
    }
}
