//! Horizontal bars.

use super::{Axis, WIDTH, svg};
use crate::page::escape;

const LEFT: f64 = 208.0;
const RIGHT: f64 = WIDTH - 56.0;
const TOP: f64 = 30.0;
const ROW: f64 = 27.0;

/// One bar: the name at its left, the value at its end, and what a pointer shows.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) minutes: f64,
    pub(crate) details: String,
}

/// The bars from top to bottom in the given order, with a dashed line at `mean`.
pub(crate) fn bars(bars: &[Bar], mean: f64) -> String {
    let bottom = TOP + ROW * bars.len() as f64;
    let x = Axis::new(bars.iter().map(|bar| bar.minutes), LEFT, RIGHT, 110.0);
    let grid = x.draw_ticks(|tick, at| {
        format!(
            "<line class='grid' x1='{at:.1}' x2='{at:.1}' y1='{TOP}' y2='{bottom}'/>\
             <text class='tick' x='{at:.1}' y='{:.1}' text-anchor='middle'>{tick}</text>",
            bottom + 20.0
        )
    });
    let rows = || bars.iter().enumerate().map(|(row, bar)| (TOP + ROW * row as f64, bar));
    let shapes = rows().map(|(top, bar)| {
        let (from, length) = x.span(bar.minutes);
        format!(
            "<g class='row'><title>{}</title><rect class='hit' x='0' y='{top:.1}' width='{WIDTH}' height='{ROW}'/>\
             <text x='{:.1}' y='{:.1}' text-anchor='end'>{}</text>\
             <rect class='bar' x='{from:.1}' y='{:.1}' width='{length:.1}' height='{:.1}' rx='2'/></g>",
            escape(&bar.details),
            LEFT - 12.0,
            baseline(top),
            escape(&bar.label),
            top + 4.0,
            ROW - 8.0,
        )
    });
    let at = x.at(mean);
    let reference = format!(
        "<line class='mean' x1='{at:.1}' x2='{at:.1}' y1='{:.1}' y2='{bottom}'/>\
         <text class='note' x='{at:.1}' y='{:.1}' text-anchor='middle'>all flights: {mean:.1} min</text>",
        TOP - 8.0,
        TOP - 14.0
    );
    // After the dashed line, so that it does not cross them out.
    let values = rows().map(|(top, bar)| {
        let (from, length) = x.span(bar.minutes);
        format!(
            "<text class='value' x='{:.1}' y='{:.1}'>{:.1}</text>",
            from + length + 8.0,
            baseline(top),
            bar.minutes
        )
    });
    let axis = format!(
        "<text class='axis' x='{:.1}' y='{:.1}' text-anchor='middle'>Mean departure delay (minutes)</text>",
        (LEFT + RIGHT) / 2.0,
        bottom + 44.0
    );
    let title = "Mean departure delay by carrier, in minutes";
    svg(
        title,
        bottom + 52.0,
        &[grid, shapes.collect(), reference, values.collect(), axis],
    )
}

fn baseline(top: f64) -> f64 {
    top + ROW / 2.0 + 4.5
}
