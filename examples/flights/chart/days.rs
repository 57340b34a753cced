//! A thin bar for each day, and what they come to over a week.

use super::{Axis, WIDTH, svg};
use crate::rows::Day;

const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 316.0;

/// The days in date order, the centred 7-day mean as a line, and the worst day by name.
pub(crate) fn days(days: &[Day]) -> String {
    let y = Axis::new(days.iter().map(|day| day.minutes), BOTTOM, TOP, 44.0);
    let pitch = (RIGHT - LEFT) / days.len().max(1) as f64;
    let x = |index: usize| LEFT + pitch * (index as f64 + 0.5);

    let grid = y.draw_ticks(|tick, at| {
        let class = if tick == 0.0 { "zero" } else { "grid" };
        format!(
            "<line class='{class}' x1='{LEFT}' x2='{RIGHT}' y1='{at:.1}' y2='{at:.1}'/>\
             <text class='tick' x='{:.1}' y='{:.1}' text-anchor='end'>{tick}</text>",
            LEFT - 10.0,
            at + 4.0
        )
    });
    let stems = days.iter().enumerate().map(|(index, day)| {
        let (top, length) = y.span(day.minutes);
        format!(
            "<rect class='day' x='{:.1}' y='{top:.1}' width='{:.1}' height='{:.1}'>\
             <title>{}: {:.1} min, {} flights</title></rect>",
            x(index) - 0.36 * pitch,
            0.72 * pitch,
            length.max(0.5),
            day.date.strftime("%a %-d %B %Y"),
            day.minutes,
            day.flights,
        )
    });
    let week = (0..days.len()).map(|index| {
        let around = &days[index.saturating_sub(3)..(index + 4).min(days.len())];
        let mean = around.iter().map(|day| day.minutes).sum::<f64>() / around.len() as f64;
        format!("{:.1},{:.1} ", x(index), y.at(mean))
    });
    let week = format!("<polyline class='week' points='{}'/>", week.collect::<String>());
    let worst = days
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.minutes.total_cmp(&b.minutes))
        .map(|(index, day)| {
            // Beside the top of its bar, on the side with room.
            let (anchor, beside) = if x(index) < WIDTH / 2.0 {
                ("start", 6.0)
            } else {
                ("end", -6.0)
            };
            format!(
                "<text class='note' x='{:.1}' y='{:.1}' text-anchor='{anchor}'>{}: {:.1} min</text>",
                x(index) + beside,
                y.at(day.minutes) + 9.0,
                day.date.strftime("%-d %B"),
                day.minutes
            )
        });
    let axis = format!(
        "<text class='axis' text-anchor='middle' transform='translate(12 {}) rotate(-90)'>\
         Mean departure delay (minutes)</text>",
        (TOP + BOTTOM) / 2.0
    );
    let parts = [
        grid,
        stems.collect(),
        week,
        months(days, pitch),
        worst.unwrap_or_default(),
        axis,
    ];
    svg(
        "Mean departure delay by day, in minutes, with its 7-day mean",
        BOTTOM + 30.0,
        &parts,
    )
}

/// The names of the months below their days.
fn months(days: &[Day], pitch: f64) -> String {
    let mut from = LEFT;
    let months = days.chunk_by(|a, b| a.date.first_of_month() == b.date.first_of_month());
    let names = months.map(|month| {
        let (left, width) = (from, pitch * month.len() as f64);
        from += width;
        // The name of a month with few days here would run into its neighbour's.
        let name = month.first().filter(|_| width > 30.0);
        let name = name.map(|day| day.date.strftime("%b").to_string());
        format!(
            "<line class='tickmark' x1='{left:.1}' x2='{left:.1}' y1='{BOTTOM}' y2='{:.1}'/>\
             <text class='tick' x='{:.1}' y='{:.1}' text-anchor='middle'>{}</text>",
            BOTTOM + 6.0,
            left + width / 2.0,
            BOTTOM + 20.0,
            name.unwrap_or_default()
        )
    });
    names.collect()
}
