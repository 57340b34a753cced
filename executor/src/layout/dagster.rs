//! The `dagster` layout: the paths of Dagster's own managers, so that both can share a store.

use larder_io_core::{AssetKey, Error, ErrorKind, Layout, Location, Naming, PartitionKey, Result};

/// `reports/daily` and `reports/daily/2024-01-01`: the paths of Dagster's pickling managers on local disk, S3, Google Cloud
/// Storage and Azure Data Lake, below their base directory or prefix. Objects are pickles without a suffix; tables get
/// theirs (`.parquet`), as with dagster-polars.
///
/// The values of several dimensions follow each other in the order of the dimensions' names. Two keys share a path in
/// Dagster in several ways; what could meet another key's path is refused: `..`, `.` and empty segments, a value that
/// begins with `%2F`, a `/` in a key of several dimensions. An asset within another (`p/q` beside `p`) is refused when
/// definitions are built. So laws 8 and 9 hold as far as keys are taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct DagsterLayout;

impl Layout for DagsterLayout {
    fn name(&self) -> &str {
        "dagster"
    }

    fn naming(&self) -> Naming {
        Naming::Bare
    }

    fn locate(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Location> {
        let mut segments: Vec<String> = asset.segments().map(str::to_owned).collect();
        let mut dimensions: Vec<_> = partition.map(|key| key.dimensions().to_vec()).unwrap_or_default();
        dimensions.sort();
        let several = dimensions.len() > 1;
        for (_, value) in &dimensions {
            segments.extend(path_of(asset, value, several)?);
        }
        segments
            .join("/")
            .parse::<Location>()
            .map_err(|error| error.with_context("asset", asset))
    }
}

/// The segments of one dimension's value.
fn path_of(asset: &AssetKey, value: &str, several: bool) -> Result<Vec<String>> {
    if several && value.contains('/') {
        let problem = "a `/`, of which nobody could tell where the next dimension begins";
        return Err(refused(asset, value, problem));
    }
    // Dagster writes a leading slash so, and a value that really begins with these three characters the same way.
    if value.starts_with("%2F") {
        return Err(refused(
            asset,
            value,
            "`%2F` at its beginning, as which a leading `/` is kept",
        ));
    }
    let (value, leading) = match value.strip_prefix('/') {
        Some(rest) => (rest, "%2F"),
        None => (value, ""),
    };
    let mut segments: Vec<String> = value.split('/').map(str::to_owned).collect();
    if segments
        .iter()
        .any(|segment| matches!(segment.as_str(), "" | "." | ".."))
    {
        let problem = "an empty, `.` or `..` segment, which would share another key's path or leave the asset's";
        return Err(refused(asset, value, problem));
    }
    segments[0].insert_str(0, leading);
    Ok(segments)
}

fn refused(asset: &AssetKey, text: &str, problem: &str) -> Error {
    let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    let message = format!("the dagster layout has no path of its own for `{shown}`: it has {problem}");
    Error::new(ErrorKind::InvalidDefinition, message).with_context("asset", asset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stem(asset: &str, partition: &[(&str, &str)]) -> Result<String> {
        let asset: AssetKey = asset.parse()?;
        let partition = match partition {
            [] => None,
            dimensions => Some(PartitionKey::new(dimensions.iter().copied())?),
        };
        DagsterLayout
            .locate(&asset, partition.as_ref())
            .map(|location| location.to_string())
    }

    /// A key, a partition and a path.
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

    /// The tree that Dagster's own manager made of these keys.
    #[test]
    fn the_paths_are_those_of_dagster() {
        let cases: [Case; 9] = [
            ("a/b", &[], "a/b"),
            ("plain", &[], "plain"),
            ("daily", &[("date", "2024-01-01")], "daily/2024-01-01"),
            ("hourly", &[("hour", "2024-01-01-05:00")], "hourly/2024-01-01-05:00"),
            (
                "multi",
                &[("zone", "eu"), ("date", "2024-01-01")],
                "multi/2024-01-01/eu",
            ),
            ("static", &[("key", "/lead")], "static/%2Flead"),
            ("static", &[("key", "a/b")], "static/a/b"),
            ("static", &[("key", "q?x=1&y")], "static/q?x=1&y"),
            ("static", &[("key", "ключ-ü")], "static/ключ-ü"),
        ];
        for (asset, partition, wanted) in cases {
            assert_eq!(stem(asset, partition).expect("is taken"), wanted);
        }
    }

    #[test]
    fn what_would_collide_is_refused() {
        for value in ["%2Flead", "a//b", "tr/", "..", ".", "a/../b", "../../x", "//x"] {
            let error = stem("static", &[("key", value)]).expect_err(value);
            assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{value}");
        }
        stem("m", &[("a", "x/y"), ("b", "z")]).expect_err("two dimensions");
    }

    fn key() -> impl Strategy<Value = PartitionKey> {
        let value = "[a-b/.%2F]{1,5}";
        let one = value.prop_map(|value| vec![("k".to_owned(), value)]);
        let two = (value, value).prop_map(|(a, b)| vec![("k".to_owned(), a), ("l".to_owned(), b)]);
        prop_oneof![one, two].prop_filter_map("is a key", |dimensions| PartitionKey::new(dimensions).ok())
    }

    proptest! {
        /// Of one asset, whose partitions have one set of dimensions.
        #[test]
        fn partitions_never_share_a_path(a in key(), b in key()) {
            let asset: AssetKey = "x".parse().expect("is a key");
            if a.dimensions().len() == b.dimensions().len()
                && let (Ok(left), Ok(right)) = (DagsterLayout.locate(&asset, Some(&a)), DagsterLayout.locate(&asset, Some(&b)))
            {
                prop_assert_eq!(left == right, a == b);
            }
        }
    }
}
