//! Which asset a table's name means.

use larder_io_core::{AssetKey, nearest};
use std::collections::HashMap;

/// Assets by the names that a query may have for them.
pub(crate) struct Names<'a> {
    /// By the whole key in lower case.
    whole: HashMap<String, Vec<&'a AssetKey>>,
    /// By its last segment in lower case.
    last: HashMap<String, Vec<&'a AssetKey>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(keys: impl IntoIterator<Item = &'a AssetKey>) -> Self {
        let (mut whole, mut last) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for key in keys {
            whole.entry(key.as_str().to_lowercase()).or_default().push(key);
            last.entry(key.name().to_lowercase()).or_default().push(key);
        }
        Self { whole, last }
    }

    /// The asset of a name as a query writes it: its key, `reports.delays` or `"reports/delays"`; the last segment is enough where no other
    /// asset has it. Letters that are not quoted may be of any case. Of several assets with one last segment none of `own` is meant.
    ///
    /// # Errors
    /// For a name that nothing or more than one asset has, with the nearest known one.
    pub(crate) fn key_of(&self, name: &[String], own: &[AssetKey]) -> Result<AssetKey, String> {
        let wanted = name.join("/");
        let lower = wanted.to_lowercase();
        let none = Vec::new();
        let whole = self.whole.get(&lower).unwrap_or(&none);
        // A key has no part that a name of several parts could mean.
        let last = self.last.get(&lower).filter(|_| name.len() == 1).unwrap_or(&none);
        let other = |key: &AssetKey| !own.contains(key);
        // Its own short name means another asset, if there is one.
        let meant = |key: &AssetKey| other(key) || key.prefix().is_some();
        let ways: [Vec<&AssetKey>; 5] = [
            whole
                .iter()
                .copied()
                .filter(|key| key.as_str() == wanted && meant(key))
                .collect(),
            whole.iter().copied().filter(|key| meant(key)).collect(),
            last.iter()
                .copied()
                .filter(|key| key.name() == wanted && other(key))
                .collect(),
            last.iter().copied().filter(|key| other(key)).collect(),
            // Itself, which is a circle.
            whole.iter().chain(last).copied().take(1).collect(),
        ];
        for mut found in ways {
            found.sort();
            match found.as_slice() {
                [] => {}
                [only] => return Ok((*only).clone()),
                [one, other, ..] => {
                    return Err(format!(
                        "`{wanted}` may be `{one}` or `{other}`; write the whole key in quotes: \"{one}\""
                    ));
                }
            }
        }
        let names = self.whole.values().flatten().map(|key| key.as_str());
        let lasts = self.last.values().flatten().map(|key| key.name());
        Err(match nearest(&wanted, names.chain(lasts)) {
            Some(near) => format!("there is no asset `{wanted}`; did you mean `{near}`?"),
            None => format!("there is no asset `{wanted}`; `list` shows all of them"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_keys_then_last_segments_and_rather_others_than_itself() {
        let keys: Vec<AssetKey> = ["raw/flights", "clean/flights", "flights", "raw/Airlines", "a/b/c"]
            .map(|key| key.parse().expect("is a key"))
            .into();
        let of = |name: &str, own: &str| {
            let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
            let own: Vec<AssetKey> = own.parse().into_iter().collect();
            Names::new(&keys).key_of(&parts, &own).map(|key| key.to_string())
        };
        let ok = |key: &str| Ok(key.to_owned());
        assert_eq!(of("flights", ""), ok("flights"));
        assert_eq!(of("raw.flights", "raw/flights"), ok("raw/flights"));
        assert_eq!(of("airlines", ""), ok("raw/Airlines"));
        assert_eq!(of("a.b.c", ""), ok("a/b/c"));
        assert_eq!(of("c", "a/b/c"), ok("a/b/c"));
        let cased: Vec<AssetKey> = ["Orders", "raw/orders"]
            .map(|key| key.parse().expect("is a key"))
            .into();
        let found = Names::new(&cased).key_of(&["orders".to_owned()], &[]);
        assert_eq!(found.map(|key| key.to_string()), ok("Orders"));
        let both = of("flights", "flights").expect_err("is one of two");
        assert!(both.contains("`clean/flights` or `raw/flights`"), "{both}");
        assert!(
            of("flihts", "")
                .expect_err("is none")
                .contains("did you mean `flights`?")
        );
        let two: Vec<AssetKey> = ["raw/x", "clean/x"].map(|key| key.parse().expect("is a key")).into();
        let found = Names::new(&two).key_of(&["x".to_owned()], &two[1..]);
        assert_eq!(found.map(|key| key.to_string()), ok("raw/x"));
    }
}
