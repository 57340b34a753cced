//! Inline SVG charts of delays in minutes. Their colours and fonts are the page's, by class, so that they follow its
//! light or dark theme.

mod bars;
mod days;

pub(crate) use bars::{Bar, bars};
pub(crate) use days::days;

const WIDTH: f64 = 920.0;

/// Minutes on a line of pixels.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Round values within the axis, in whole minutes.
    ticks: Vec<f64>,
}

impl Axis {
    /// The axis from pixel `from` to pixel `to` that has `values` and zero in it, with ticks `pixels` apart or more.
    fn new(values: impl Iterator<Item = f64>, from: f64, to: f64, pixels: f64) -> Self {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        // Zeros alone would make an axis without length.
        let high = high.max(low + 1.0);
        let least = ((high - low) * pixels / (to - from).abs()).max(1.0);
        let magnitude = 10_f64.powf(least.log10().floor());
        let round = [1.0, 2.0, 5.0].map(|digit| digit * magnitude);
        let step = round
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or(10.0 * magnitude);
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        let ticks = (first..=last).map(|tick| tick as f64 * step).collect();
        Self {
            low,
            high,
            from,
            to,
            ticks,
        }
    }

    fn at(&self, minutes: f64) -> f64 {
        self.from + (minutes - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Where a bar of so many minutes begins, and how long it is, whichever side of zero it is on.
    fn span(&self, minutes: f64) -> (f64, f64) {
        let (zero, end) = (self.at(0.0), self.at(minutes));
        (zero.min(end), (end - zero).abs())
    }

    fn draw_ticks(&self, draw: impl Fn(f64, f64) -> String) -> String {
        self.ticks.iter().map(|tick| draw(*tick, self.at(*tick))).collect()
    }
}

fn svg(title: &str, height: f64, parts: &[String]) -> String {
    format!(
        "<svg viewBox='0 0 {WIDTH} {height}' role='img' aria-label='{title}'>{}</svg>",
        parts.concat()
    )
}
