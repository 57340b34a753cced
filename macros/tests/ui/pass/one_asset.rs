//! Every option and every kind of parameter; the function stays callable.
#![deny(warnings, clippy::all, missing_debug_implementations, unreachable_pub)]

use larder::AssetFn;
use larder::prelude::*;
use std::sync::Mutex;

#[derive(Debug, Default)]
struct Settings {
    calls: Mutex<u32>,
}

mod stats {
    /// How late is late.
    #[larder::code]
    pub(crate) const LIMIT: f64 = 15.0;

    #[larder::code]
    pub(crate) fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

#[code]
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Report {
    late: bool,
}

/// Delays by carrier.
///
/// With a second paragraph.
#[asset(
    key = "reports/delays",
    group = "reports",
    io_manager = "warehouse",
    uses(stats::mean, stats::LIMIT, Report),
    tags(team = "ops", "on-call" = "yes"),
)]
async fn delays(
    _ctx: &AssetContext,
    #[from("clean/flights")] mut rows: Vec<f64>,
    _airlines: Maybe<String>,
    planes: Shared<Vec<f64>>,
    settings: &Settings,
) -> Result<Report> {
    *settings.calls.lock().expect("not poisoned") += 1;
    rows.extend(planes.iter());
    Ok(Report {
        late: stats::mean(&rows) > stats::LIMIT,
    })
}

/// A page.
#[asset(extension = "html", description = "The page.", code_version = "2", retries = 3, timeout = "5m")]
fn page(report: Report, ctx: &AssetContext, settings: &Settings) -> std::io::Result<Vec<u8>> {
    let _ = (ctx, settings);
    Ok(format!("late: {}", report.late).into_bytes())
}

#[asset]
async fn nothing() {}

#[asset]
fn number() -> u8 {
    7
}

#[asset]
#[allow(clippy::needless_lifetimes)]
async fn r#type<'a>(_: &'a AssetContext, args: u8, made: u8) -> u8 {
    args + made
}

// Names that the written code uses itself.
#[asset]
async fn args(a0: u8, check: u8) -> u8 {
    a0 + check
}

fn main() {
    assert_eq!(number(), 7);
    let assets = assets![delays, page, nothing, number, r#type, args];
    assert_eq!(assets.len(), 6);
    let _ = <delays as AssetFn>::asset();
}
