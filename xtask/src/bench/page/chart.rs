//! Bars of one operation, as SVG whose widths are shares of the page's, so that its text keeps its size on a phone.

use super::{aim_text, escape};
use crate::bench::row::{Amount, Row, largest};
use std::fmt::Write;

/// Height of one bar with its margin.
const STEP: usize = 26;
const BAR: usize = 16;
/// Where bars begin, and how wide the longest is, in percent of the chart.
const LEFT: usize = 25;
const WIDTH: usize = 53;

struct Bar<'r> {
    name: &'r str,
    class: &'static str,
    amount: &'r Amount,
}

/// The bars of larder, the bare library and others at one operation. The rows are larder's and those that follow it.
pub(super) fn chart(rows: &[Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let bars: Vec<Bar<'_>> = rows.iter().flat_map(bars).collect();
    let aim = first.aim.as_ref().filter(|aim| aim.most.is_finite());
    // The aim is within the scale, so that what is far below it looks so.
    let scale = largest(rows);
    let percent = |number: f64| if scale > 0.0 { number / scale * 100.0 } else { 0.0 };
    let told: Vec<String> = bars
        .iter()
        .map(|bar| format!("{} {}", bar.name, bar.amount.shown(scale)))
        .collect();
    let height = bars.len() * STEP + if aim.is_some() { 18 } else { 0 };
    let mut svg = format!(
        "<figure><figcaption>{}{}</figcaption>\n<svg width=\"100%\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n",
        escape(&first.what),
        if first.missed() {
            " <b class=\"missed\">MISSED</b>"
        } else {
            ""
        },
        escape(&told.join(", "))
    );
    let inner = format!("<svg x=\"{LEFT}%\" width=\"{WIDTH}%\" height=\"{height}\" overflow=\"visible\">\n");
    // The line of the aim runs over the bars and behind the numbers.
    let (mut names, mut drawn, mut values) = (String::new(), inner, String::new());
    for (index, bar) in bars.iter().enumerate() {
        let (top, middle) = (index * STEP + 4, index * STEP + 4 + BAR / 2);
        let name = escape(bar.name);
        line(
            &mut names,
            format_args!("<text y=\"{middle}\" class=\"name\">{name}</text>"),
        );
        match bar.amount {
            Amount::Missing(why) => line(
                &mut values,
                format_args!(
                    "<text x=\"0\" y=\"{middle}\" class=\"missing\">missing<title>{}</title></text>",
                    escape(why)
                ),
            ),
            amount => {
                let width = percent(amount.number().unwrap_or(0.0));
                let class = bar.class;
                line(
                    &mut drawn,
                    format_args!(
                        "<rect y=\"{top}\" width=\"{width:.2}%\" height=\"{BAR}\" rx=\"2\" class=\"{class}\"/>"
                    ),
                );
                let value = escape(&amount.shown(scale));
                line(
                    &mut values,
                    format_args!("<text x=\"{width:.2}%\" dx=\"6\" y=\"{middle}\" class=\"value\">{value}</text>"),
                );
            }
        }
    }
    if let Some(aim) = aim {
        let (at, end) = (percent(aim.most), bars.len() * STEP);
        // Beside the line, on the side where there is room.
        let (anchor, away) = if at > 50.0 { ("end", -4) } else { ("start", 4) };
        line(
            &mut drawn,
            format_args!(
                "<line x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"0\" y2=\"{}\" class=\"aim\"/>",
                end + 14
            ),
        );
        line(
            &mut drawn,
            format_args!(
                "<text x=\"{at:.2}%\" dx=\"{away}\" y=\"{}\" text-anchor=\"{anchor}\" class=\"reach\">aim {}{}</text>",
                end + 7,
                aim_text(aim),
                if first.other.is_some() { " × bare" } else { "" }
            ),
        );
    }
    svg.push_str(&names);
    svg.push_str(&drawn);
    svg.push_str(&values);
    svg.push_str("</svg>\n</svg></figure>\n");
    svg
}

fn line(to: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(to, "{text}");
}

fn bars(row: &Row) -> Vec<Bar<'_>> {
    let larder = row.larder.as_ref().map(|amount| Bar {
        name: "larder",
        class: "larder",
        amount,
    });
    let other = row.other.as_ref().map(|amount| Bar {
        name: row.by.as_deref().unwrap_or("bare"),
        class: if row.by.is_some() { "peer" } else { "bare" },
        amount,
    });
    [larder, other].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::{against, beside, limited};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn widths(svg: &str) -> Vec<&str> {
        let bars = svg.lines().filter(|line| line.starts_with("<rect"));
        bars.filter_map(|bar| bar.split_once("width=\"")?.1.split('"').next())
            .collect()
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let rows = [
            against("store", SECOND, SECOND * 2, 1.0),
            beside("store", "Polars", SECOND * 4),
        ];
        let svg = chart(&rows);
        assert_eq!(widths(&svg), ["25.00%", "50.00%", "100.00%"]);
        assert!(
            svg.contains("<line x1=\"50.00%\""),
            "the aim is drawn at 1.0 x bare: {svg}"
        );
        for value in ["1.000 s", "2.000 s", "4.000 s"] {
            assert!(svg.contains(&format!(">{value}</text>")), "{value} is missing: {svg}");
        }
        assert!(!svg.contains("MISSED"));
    }

    #[test]
    fn the_aim_is_within_the_scale() {
        let svg = chart(&[limited(
            "peak",
            Amount::Bytes(16 << 20),
            Amount::Bytes(64 << 20),
            "<= 64 MiB",
        )]);
        assert_eq!(widths(&svg), ["25.00%"]);
        assert!(
            svg.contains("<line x1=\"100.00%\"") && svg.contains("aim ≤ 64 MiB</text>"),
            "{svg}"
        );
        let svg = chart(&[limited(
            "peak",
            Amount::Bytes(128 << 20),
            Amount::Bytes(64 << 20),
            "<= 64 MiB",
        )]);
        assert_eq!(widths(&svg), ["100.00%"]);
        assert!(svg.contains("<line x1=\"50.00%\"") && svg.contains("MISSED"), "{svg}");
    }

    #[test]
    fn who_is_missing_has_a_word_and_no_bar() {
        let missing = Amount::Missing("Polars: no <module>".to_owned());
        let svg = chart(&[
            against("store", SECOND, SECOND, 2.0),
            beside("store", "Polars", missing),
        ]);
        assert_eq!(widths(&svg).len(), 2);
        assert!(
            svg.contains(">missing<title>Polars: no &lt;module&gt;</title>"),
            "{svg}"
        );
        assert!(svg.contains("Polars missing\""), "who reads aloud says so too: {svg}");
    }

    #[test]
    fn nothing_at_all_draws_no_endless_bar() {
        let svg = chart(&[limited("peak", Amount::Bytes(0), Amount::Bytes(0), "none")]);
        assert_eq!(widths(&svg), ["0.00%"]);
        assert!(!svg.contains("NaN"), "{svg}");
    }
}
