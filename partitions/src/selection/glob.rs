//! Patterns of names.

use std::fmt;

/// A pattern: letters, `*` for any number of letters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<Letter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Is(char),
    One,
    Any,
}

impl Glob {
    pub(super) fn new(letters: impl Iterator<Item = Letter>) -> Self {
        Self(letters.collect())
    }

    /// The letters with which every name that fits begins.
    pub(super) fn prefix(&self) -> String {
        let plain = self.0.iter().map_while(|letter| match letter {
            Letter::Is(letter) => Some(*letter),
            _ => None,
        });
        plain.collect()
    }

    /// Whether a name fits. Takes time for the product of both lengths at most.
    pub(super) fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut place) = (0, 0);
        // The last `*`, and how much it stands for so far.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.0.get(place) {
                Some(Letter::Any) => {
                    star = Some((place, at));
                    place += 1;
                }
                Some(Letter::One) => (at, place) = (at + 1, place + 1),
                Some(Letter::Is(letter)) if *letter == name[at] => (at, place) = (at + 1, place + 1),
                _ => {
                    let Some((any, from)) = star else {
                        return false;
                    };
                    star = Some((any, from + 1));
                    (at, place) = (from + 1, any + 1);
                }
            }
        }
        self.0[place..].iter().all(|letter| *letter == Letter::Any)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| match letter {
            Letter::Is(letter) => write!(f, "{letter}"),
            Letter::One => f.write_str("?"),
            Letter::Any => f.write_str("*"),
        })
    }
}
