//! Text of a selection to its parts.

use super::glob::{Glob, Letter};
use super::{Part, Term};

/// A letter, and whether it was within quotes, where none has a meaning.
type Marked = (char, bool);

pub(super) fn read(text: &str) -> Result<Vec<Vec<Part>>, String> {
    let letters = unquote(text)?;
    let trimmed = trim(&letters);
    if trimmed.is_empty() {
        return Err("is empty; write `all` for all partitions".to_owned());
    }
    if is_word(trimmed, "none") {
        return Ok(Vec::new());
    }
    let mut boxes = Vec::new();
    for one in trimmed.split(|letter| is(letter, ';')) {
        let mut parts: Vec<Part> = Vec::new();
        for item in one.split(|letter| is(letter, ',')) {
            let (dimension, values) = match item.iter().position(|letter| is(letter, '=')) {
                Some(place) => (Some(plain(trim(&item[..place]))), &item[place + 1..]),
                None => (None, item),
            };
            let terms: Result<Vec<Term>, String> = values.split(|letter| is(letter, '|')).map(term).collect();
            match parts.last_mut() {
                // A value without a name goes with the dimension that was named last.
                Some(part) if dimension.is_none() => part.terms.extend(terms?),
                _ => parts.push(Part {
                    dimension,
                    terms: terms?,
                }),
            }
        }
        boxes.push(parts);
    }
    Ok(boxes)
}

fn unquote(text: &str) -> Result<Vec<Marked>, String> {
    let (mut letters, mut within) = (Vec::new(), false);
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '"' if within && letters.last() == Some(&('"', false)) => {
                return Err("has a name of no letters in quotes".to_owned());
            }
            '"' => {
                within = !within;
                // Kept, so that blanks beside it are no part of the name; dropped by `plain`.
                letters.push(('"', false));
            }
            '\\' if within => match rest.next() {
                Some(escaped @ ('"' | '\\')) => letters.push((escaped, true)),
                _ => return Err("has a `\\` in quotes before something else than `\"` or `\\`".to_owned()),
            },
            letter => letters.push((letter, within)),
        }
    }
    match within {
        true => Err("has a quote that is not closed".to_owned()),
        false => Ok(letters),
    }
}

fn is(letter: &Marked, wanted: char) -> bool {
    *letter == (wanted, false)
}

fn is_word(letters: &[Marked], word: &str) -> bool {
    letters.iter().copied().eq(word.chars().map(|letter| (letter, false)))
}

fn trim(letters: &[Marked]) -> &[Marked] {
    let blank = |letter: &Marked| !letter.1 && letter.0.is_whitespace();
    let start = letters
        .iter()
        .position(|letter| !blank(letter))
        .unwrap_or(letters.len());
    let end = letters
        .iter()
        .rposition(|letter| !blank(letter))
        .map_or(start, |last| last + 1);
    &letters[start..end]
}

fn plain(letters: &[Marked]) -> String {
    letters
        .iter()
        .filter(|letter| !is(letter, '"'))
        .map(|letter| letter.0)
        .collect()
}

fn term(letters: &[Marked]) -> Result<Term, String> {
    let letters = trim(letters);
    if letters.is_empty() {
        return Err("has an empty place between two separators".to_owned());
    }
    if is_word(letters, "all") || is_word(letters, "*") {
        return Ok(Term::All);
    }
    if let Some(place) = letters.iter().position(|letter| is(letter, '=')) {
        let name = plain(&letters[..place]);
        return Err(format!(
            "has `=` where a value is expected; put `,` before `{name}=`, or a value that has `=` in it into quotes"
        ));
    }
    let wild = letters.iter().any(|letter| is(letter, '*') || is(letter, '?'));
    let dots = letters
        .windows(2)
        .position(|pair| is(&pair[0], '.') && is(&pair[1], '.'));
    if let Some(place) = dots {
        let (from, to) = (trim(&letters[..place]), trim(&letters[place + 2..]));
        if wild {
            return Err("has a pattern as the end of a range".to_owned());
        }
        if to.windows(2).any(|pair| is(&pair[0], '.') && is(&pair[1], '.'))
            || to.first().is_some_and(|letter| is(letter, '.'))
        {
            return Err("has a range with more than two ends; put a name that has `..` in it into quotes".to_owned());
        }
        let end = |letters: &[Marked]| (!letters.is_empty()).then(|| plain(letters));
        return Ok(Term::Range(end(from), end(to)));
    }
    if wild {
        let letters = letters.iter().filter(|letter| !is(letter, '"'));
        return Ok(Term::Like(Glob::new(letters.map(|letter| match letter {
            ('*', false) => Letter::Any,
            ('?', false) => Letter::One,
            (letter, _) => Letter::Is(*letter),
        }))));
    }
    Ok(Term::One(plain(letters)))
}
