//! Finds a secret in a text: as it is, in half, percent-encoded, in hexadecimal, in base64 wherever it begins.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use std::fmt::Write;

/// Pieces shorter than this may be there by chance.
const SHORTEST: usize = 10;

/// What must not be shown, by name.
#[derive(Default)]
pub(crate) struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// A secret of several lines, such as a key in PEM, is its lines.
    pub(crate) fn with(mut self, name: &str, secret: &str) -> Self {
        let lines = secret
            .lines()
            .filter(|line| line.len() > SHORTEST && !line.starts_with("-----"));
        self.0.extend(lines.map(|line| (name.to_owned(), line.to_owned())));
        self
    }

    /// # Panics
    /// When one is there, with its surroundings.
    pub(crate) fn not_in(&self, place: &str, text: &str) {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        for (name, secret) in &self.0 {
            for (form, piece) in forms(secret) {
                for text in [text, &decoded] {
                    assert!(
                        !text.contains(&piece),
                        "{name} {form} is in {place}: {}",
                        around(text, &piece)
                    );
                }
            }
        }
    }
}

/// A secret as encoders leave it; percent signs are undone in the text instead, because each has its own set.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![
        ("itself", secret.to_owned()),
        ("in hexadecimal", hex(secret.as_bytes())),
    ];
    let middle = (secret.len() / 2..)
        .find(|at| secret.is_char_boundary(*at))
        .unwrap_or_default();
    let halves = secret.split_at(middle);
    forms.extend(
        [halves.0, halves.1]
            .iter()
            .filter(|half| half.len() >= SHORTEST)
            .map(|half| ("in half", (*half).to_owned())),
    );
    for (before, whole) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&vec![0; before], secret.as_bytes()].concat();
        let letters = bytes.len() / 3 * 4;
        // The letters at the ends hold bits of the neighbours.
        forms.push((
            "in base64",
            BASE64_STANDARD_NO_PAD.encode(&bytes)[whole..letters].to_owned(),
        ));
        forms.push((
            "in base64 for URLs",
            BASE64_URL_SAFE_NO_PAD.encode(&bytes)[whole..letters].to_owned(),
        ));
    }
    if let Ok(raw) = BASE64_STANDARD.decode(secret) {
        forms.push(("out of base64, in hexadecimal", hex(&raw)));
        let numbers = format!("{raw:?}");
        forms.push(("out of base64, in numbers", numbers.trim_matches(['[', ']']).to_owned()));
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn around<'t>(text: &'t str, piece: &str) -> &'t str {
    let at = text.find(piece).unwrap_or_default();
    let boundary = |at: usize| {
        (0..=at.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or_default()
    };
    &text[boundary(at.saturating_sub(600))..boundary(at + piece.len() + 200)]
}

/// The search finds what it is to find.
#[test]
fn the_search_finds_every_form() {
    let secret = "s3cret/With+Odd=Letters~";
    let secrets = Secrets::default().with("the secret", secret);
    let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let basic = |user: &str| BASE64_STANDARD.encode(format!("{user}:{secret}"));
    let texts = [
        secret.to_owned(),
        format!("cut: {}", &secret[..secret.len() / 2]),
        encoded.replace("%2F", "%2f").replace("%3D", "%3d"),
        encoded,
        hex(secret.as_bytes()),
        basic("u"),
        basic("us"),
        basic("use"),
        BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{secret}\"}}")),
    ];
    for text in texts {
        let found = std::panic::catch_unwind(|| secrets.not_in("a text", &format!("before {text} after")));
        assert!(found.is_err(), "{text}");
    }
    secrets.not_in("another text", "s3cret, with, odd, letters");
}
