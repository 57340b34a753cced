//! The parts of the HTML page. It needs nothing but itself: style and charts are inline, there are no scripts.

use crate::rows::Carrier;

/// The text for HTML and for attributes in quotes of either kind.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A whole number with its thousands apart: `336,776`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent: `76.3%`, or a dash of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => format!("{:.1}%", 100.0 * part as f64 / whole as f64),
    }
}

/// A figure with its name above and what it is of below.
pub(crate) struct Tile {
    name: &'static str,
    figure: String,
    of: String,
}

impl Tile {
    pub(crate) fn new(name: &'static str, figure: impl ToString) -> Self {
        Self {
            name,
            figure: figure.to_string(),
            of: String::new(),
        }
    }

    pub(crate) fn of(mut self, of: impl Into<String>) -> Self {
        self.of = of.into();
        self
    }

    fn html(&self) -> String {
        let (name, figure, of) = (escape(self.name), escape(&self.figure), escape(&self.of));
        format!("<div class='tile'><span>{name}</span><b>{figure}</b><span>{of}</span></div>\n")
    }
}

/// A titled box around `content`, which is HTML already.
pub(crate) fn card(title: &str, text: &str, content: &str) -> String {
    let (title, text) = (escape(title), escape(text));
    format!("<section class='card'><h2>{title}</h2><p>{text}</p>\n{content}</section>\n")
}

/// A table row: code, name, flights, mean delay, and the share on time as number and bar.
pub(crate) fn carrier_row(carrier: &Carrier) -> String {
    let minutes = carrier
        .minutes
        .map_or_else(String::new, |minutes| format!("{minutes:.1}"));
    let share = carrier.on_time_share.map_or_else(String::new, |share| {
        let percent = format!("{:.1}%", 100.0 * share);
        format!("<div><span>{percent}</span><i style='--share:{percent}'></i></div>")
    });
    format!(
        "<tr><td>{}</td><td>{}</td><td class='number'>{}</td><td class='number'>{minutes}</td>\
         <td class='share'>{share}</td></tr>\n",
        escape(&carrier.code),
        escape(&carrier.name),
        grouped(carrier.flights.unsigned_abs())
    )
}

/// The page; `cards` are HTML already.
pub(crate) fn page(title: &str, text: &str, tiles: &[Tile], cards: &[String], footer: &str) -> String {
    let (title, text, footer) = (escape(title), escape(text), escape(footer));
    let (tiles, cards) = (tiles.iter().map(Tile::html).collect::<String>(), cards.concat());
    let style = include_str!("page.css");
    format!(
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n\
         <meta name='viewport' content='width=device-width, initial-scale=1'>\n<title>{title}</title>\n\
         <style>\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n\
         <div class='tiles'>\n{tiles}</div>\n{cards}<footer>{footer}</footer>\n</main>\n</body>\n</html>\n"
    )
}
