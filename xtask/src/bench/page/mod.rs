//! The page: every row as a table and as bars, in one file that needs no other. What it shows is kept beside it as JSON, so
//! that a later run can show it as what was before.

mod chart;
mod document;
mod machine;
mod results;

use super::row::Aim;
use super::{Measured, text};
use results::{Results, Run};
use std::path::Path;

/// Puts what a part measured into the results beside the page, and writes the page anew.
pub(super) fn keep(page: &Path, part: &str, measured: Measured) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", page.display());
    if let Some(dir) = page.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(cannot)?;
    }
    let file = page.with_extension("json");
    let mut results = Results::read(&file)?;
    let mut versions = measured.versions;
    versions.extend(machine::libraries());
    results.add(
        part,
        Run {
            at: machine::now(),
            commit: machine::commit(),
            machine: machine::machine(),
            optimized: !cfg!(debug_assertions),
            setting: measured.setting,
            versions,
            rows: measured.rows,
        },
    );
    let json = serde_json::to_string_pretty(&results).map_err(text)?;
    std::fs::write(&file, json).map_err(cannot)?;
    std::fs::write(page, document::document(&results)).map_err(cannot)
}

/// Text as it stands in HTML and in its attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An aim as it stands in HTML.
fn aim_text(aim: &Aim) -> String {
    escape(&aim.text.replace("<=", "≤"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::{Amount, Row, beside, limited, told};
    use std::time::Duration;

    const MILLI: Duration = Duration::from_millis(1);

    fn measured(rows: Vec<Row>) -> Measured {
        Measured {
            setting: "little".to_owned(),
            rows,
            versions: Vec::new(),
        }
    }

    #[test]
    fn a_later_run_shows_the_former_and_leaves_other_parts() {
        let dir = tempfile::tempdir().expect("is there");
        let page = dir.path().join("deep/page.html");
        let keep = |part: &str, rows| keep(&page, part, measured(rows)).expect("is written");
        keep("tables", vec![limited("store", MILLI * 200, MILLI * 300, "<= 300 ms")]);
        keep("clouds", vec![told("put", MILLI * 77)]);
        let shown = || std::fs::read_to_string(&page).expect("is there");
        assert!(!shown().contains("100 ms"));
        keep("tables", vec![limited("store", MILLI * 100, MILLI * 300, "<= 300 ms")]);
        let html = shown();
        for wanted in ["100 ms", "200 ms", "-50 %", "77.0 ms"] {
            assert!(html.contains(wanted), "{wanted} is missing in {html}");
        }
        // Only the last run is what was before.
        keep("tables", vec![limited("store", MILLI * 150, MILLI * 300, "<= 300 ms")]);
        assert!(!shown().contains("200 ms"));
        assert!(shown().contains("+50 %"));
    }

    #[test]
    fn the_page_is_whole_and_needs_no_other_file() {
        let dir = tempfile::tempdir().expect("is there");
        let page = dir.path().join("page.html");
        let rows = vec![
            told("a <b> & \"c\"", MILLI),
            beside(
                "a <b> & \"c\"",
                "Polars",
                Amount::Missing("<script>alert(1)</script>".to_owned()),
            ),
        ];
        keep(&page, "tables", measured(rows)).expect("is written");
        let html = std::fs::read_to_string(&page).expect("is there");
        assert!(html.contains("a &lt;b&gt; &amp; &quot;c&quot;"));
        for refused in ["<script", "<b>", "src=", "href=\"http", "@import", "url("] {
            assert!(!html.contains(refused), "{refused} is in {html}");
        }
        assert!(html.trim_end().ends_with("</html>"));
    }

    #[test]
    fn results_that_cannot_be_read_are_put_aside() {
        let dir = tempfile::tempdir().expect("is there");
        let page = dir.path().join("page.html");
        std::fs::write(page.with_extension("json"), "{\"old\": 1}").expect("is written");
        keep(&page, "head", measured(vec![told("head", MILLI)])).expect("is written");
        let aside = std::fs::read_to_string(page.with_extension("json.unread")).expect("is there");
        assert_eq!(aside, "{\"old\": 1}");
    }

    #[test]
    fn escapes_whatever_could_be_markup() {
        assert_eq!(
            escape("<a href='x'>\"&\"</a>"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;"
        );
        assert_eq!(escape("1.234 s ≤ 2"), "1.234 s ≤ 2");
    }
}
