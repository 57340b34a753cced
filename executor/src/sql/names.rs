//! Which asset a table's name means.

use larder_io_core::{AssetKey, nearest};

/// The asset of a name as a query writes it: its key, `reports.delays` or `"reports/delays"`; the last segment is enough where no other asset
/// has it. Letters that are not quoted may be of any case. Of several assets with one last segment none of `own` is meant.
///
/// # Errors
/// For a name that nothing or more than one asset has, with the nearest known one.
pub(crate) fn key_of<'a>(
    name: &[String],
    keys: impl Iterator<Item = &'a AssetKey> + Clone,
    own: &[AssetKey],
) -> Result<AssetKey, String> {
    let wanted = name.join("/");
    let lower = wanted.to_lowercase();
    // A key has no part that a name of several parts could mean.
    let short = name.len() == 1;
    let other = |key: &AssetKey| !own.contains(key);
    let ways: [&dyn Fn(&AssetKey) -> bool; 5] = [
        &|key| key.as_str() == wanted && (other(key) || key.prefix().is_some()),
        &|key| short && key.name() == wanted && other(key),
        &|key| key.as_str().to_lowercase() == lower && (other(key) || key.prefix().is_some()),
        &|key| short && key.name().to_lowercase() == lower && other(key),
        // Itself, which is a circle.
        &|key| key.as_str().to_lowercase() == lower || short && key.name().to_lowercase() == lower,
    ];
    for fits in ways {
        let mut found: Vec<&AssetKey> = keys.clone().filter(|key| fits(key)).collect();
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
    let names: Vec<&str> = keys.clone().map(AssetKey::as_str).collect();
    let lasts: Vec<&str> = keys.map(AssetKey::name).collect();
    let near = nearest(&wanted, names.iter().chain(&lasts).copied());
    Err(match near {
        Some(near) => format!("there is no asset `{wanted}`; did you mean `{near}`?"),
        None => format!("there is no asset `{wanted}`; `list` shows all of them"),
    })
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
            key_of(&parts, keys.iter(), &own).map(|key| key.to_string())
        };
        let ok = |key: &str| Ok(key.to_owned());
        assert_eq!(of("flights", ""), ok("flights"));
        assert_eq!(of("raw.flights", "raw/flights"), ok("raw/flights"));
        assert_eq!(of("airlines", ""), ok("raw/Airlines"));
        assert_eq!(of("a.b.c", ""), ok("a/b/c"));
        assert_eq!(of("c", "a/b/c"), ok("a/b/c"));
        let both = of("flights", "flights").expect_err("is one of two");
        assert!(both.contains("`clean/flights` or `raw/flights`"), "{both}");
        assert!(
            of("flihts", "")
                .expect_err("is none")
                .contains("did you mean `flights`?")
        );
        let two: Vec<AssetKey> = ["raw/x", "clean/x"].map(|key| key.parse().expect("is a key")).into();
        let found = key_of(&["x".to_owned()], two.iter(), &two[1..]);
        assert_eq!(found.map(|key| key.to_string()), ok("raw/x"));
    }
}
