//! What the guide quotes.

use crate::place::files;

/// Every block of the guide that says which file it is from stands in that file, line by line; only the indentation may be less.
#[test]
fn the_guide_quotes_what_runs() {
    let guide = std::fs::read_to_string(files().join("../../docs/guides/coming-from.md")).expect("the guide");
    let mut quoted = 0;
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let Some(file) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let fence = lines.next().unwrap_or_default();
        assert!(fence.starts_with("```"), "a block follows {line}");
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = std::fs::read_to_string(files().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(
            stands_in(&block, &text),
            "{file} has not, or not any more:\n{}",
            block.join("\n")
        );
        quoted += 1;
    }
    assert!(quoted >= 10, "only {quoted} blocks say which file they are from");
}

fn stands_in(block: &[&str], text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    !block.is_empty() && lines.windows(block.len()).any(|window| equal(window, block))
}

/// Equal but for one indentation that all lines have.
fn equal(found: &[&str], block: &[&str]) -> bool {
    let depth = found.iter().zip(block).find(|(found, _)| !found.is_empty());
    let depth = depth.map_or(0, |(found, line)| found.len().saturating_sub(line.len()));
    let (indent, level) = (" ".repeat(depth), |line: &str| line.is_empty());
    found.iter().zip(block).all(|(found, line)| match level(line) {
        true => found.is_empty(),
        false => found.strip_prefix(indent.as_str()) == Some(*line),
    })
}

#[test]
fn a_quote_that_differs_is_found() {
    let text = "def a():\n    b()\n\n    c()\n";
    for (block, stands) in [
        (&["b()", "", "c()"][..], true),
        (&["def a():", "    b()"], true),
        (&["b()", "c()"], false),
        (&["b( )"], false),
        (&["def a():", "b()"], false),
        (&[], false),
    ] {
        assert_eq!(stands_in(block, text), stands, "{block:?}");
    }
}
