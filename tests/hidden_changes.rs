//! What makes an asset stale: changes of its source, as they are typed. Each module is one state of a
//! program's text.
#![cfg(all(feature = "fs", feature = "memory"))]

use larder::catalog::Catalog;
use larder::{Asset, Definitions, Pipeline, Recompute, RunOptions};

/// What every state of the program has.
mod ends {
    use larder::prelude::*;

    #[asset]
    pub(super) async fn source() -> u64 {
        41
    }

    #[asset]
    pub(super) async fn end(middle: u64) -> String {
        format!("{middle}")
    }

    pub(super) fn unnamed(n: u64) -> u64 {
        n + 1
    }
}

mod before {
    use super::ends::{self, unnamed};
    use larder::prelude::*;

    #[code]
    pub(super) const LIMIT: u64 = 10;

    #[code]
    pub(super) fn helper(n: u64) -> u64 {
        n % LIMIT
    }

    #[asset(uses(helper, LIMIT))]
    async fn middle(source: u64) -> u64 {
        unnamed(helper(source))
    }

    pub(super) fn assets() -> Vec<larder::Asset> {
        assets![ends::source, middle, ends::end]
    }
}

/// Comments, docs, line breaks, trailing commas.
mod told_otherwise {
    use super::ends::{self, unnamed};
    use larder::prelude::*;

    /// How many there are.
    #[code]
    const LIMIT: u64 = 10; // digits

    /// Takes the last digit.
    #[code]
    #[rustfmt::skip]
    fn helper(
        n: u64, // the number
    ) -> u64 {
        /* the rest */
        n   %   LIMIT
    }

    /// In the middle.
    ///
    /// With more to say.
    #[rustfmt::skip]
    #[asset(uses(helper, LIMIT,))]
    async fn middle(
        source: u64,
    ) -> u64 { unnamed( helper( source ) ) }

    pub(super) fn assets() -> Vec<larder::Asset> {
        assets![ends::source, middle, ends::end]
    }
}

mod another_body {
    use super::before::{LIMIT, helper};
    use super::ends::{self, unnamed};
    use larder::prelude::*;

    #[asset(uses(super::before::helper, super::before::LIMIT))]
    async fn middle(source: u64) -> u64 {
        unnamed(helper(source)) + 100 * LIMIT
    }

    pub(super) fn assets() -> Vec<larder::Asset> {
        assets![ends::source, middle, ends::end]
    }
}

/// The helper that `uses(..)` names, in a way that gives the same.
mod another_helper {
    use super::ends::{self, unnamed};
    use larder::prelude::*;

    #[code]
    const LIMIT: u64 = 10;

    #[code]
    fn helper(n: u64) -> u64 {
        n - n / LIMIT * LIMIT
    }

    #[asset(uses(helper, LIMIT))]
    async fn middle(source: u64) -> u64 {
        unnamed(helper(source))
    }

    pub(super) fn assets() -> Vec<larder::Asset> {
        assets![ends::source, middle, ends::end]
    }
}

/// A helper that nobody names.
mod another_unnamed {
    use super::ends;
    use larder::prelude::*;

    #[code]
    const LIMIT: u64 = 10;

    #[code]
    fn helper(n: u64) -> u64 {
        n % LIMIT
    }

    fn unnamed(n: u64) -> u64 {
        n + 2
    }

    #[asset(uses(helper, LIMIT))]
    async fn middle(source: u64) -> u64 {
        unnamed(helper(source))
    }

    pub(super) fn assets() -> Vec<larder::Asset> {
        assets![ends::source, middle, ends::end]
    }
}

struct House(tempfile::TempDir, Catalog);

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self(dir, Catalog::in_memory().expect("opens"))
    }

    fn pipeline(&self, assets: Vec<Asset>) -> Pipeline {
        let definitions: Definitions = larder::definitions()
            .without_config()
            .without_catalog()
            .default_io_manager_url(format!("file:{}", self.0.path().display()))
            .assets(assets);
        definitions.build().expect("is valid").with_catalog(self.1.clone())
    }

    /// What `plan --stale` lists, and what `materialize --stale` computes.
    async fn stale(&self, assets: Vec<Asset>, build_id: Option<&str>) -> (Vec<String>, Vec<String>) {
        let pipeline = self.pipeline(assets);
        let mut options = RunOptions::default();
        options.recompute = Recompute::Stale;
        options.build_id = build_id.map(str::to_owned);
        let plan = pipeline.preview("*", &options).await.expect("is planned");
        let planned = plan
            .iter()
            .flat_map(|step| &step.assets)
            .map(ToString::to_string)
            .collect();
        let report = pipeline.run_with("*", options).await.expect("is planned");
        assert!(report.succeeded(), "{report:?}");
        let computed = ["source", "middle", "end"].into_iter();
        let computed = computed.filter(|key| report.materialization(key).is_some());
        (planned, computed.map(str::to_owned).collect())
    }
}

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn the_body_of_an_asset_makes_it_and_what_follows_stale() {
    let house = House::new();
    let (planned, computed) = house.stale(before::assets(), None).await;
    assert_eq!((planned.len(), computed.len()), (3, 3));
    let (planned, computed) = house.stale(before::assets(), None).await;
    assert_eq!((planned, computed), (vec![], vec![]));
    let (planned, computed) = house.stale(another_body::assets(), None).await;
    assert_eq!(
        (planned, computed),
        (texts(["middle", "end"]), texts(["middle", "end"]))
    );
}

#[tokio::test]
async fn comments_docs_and_layout_make_nothing_stale() {
    let house = House::new();
    house.stale(before::assets(), None).await;
    let (planned, computed) = house.stale(told_otherwise::assets(), None).await;
    assert_eq!((planned, computed), (texts(NOTHING), texts(NOTHING)));
}

#[tokio::test]
async fn a_helper_that_is_named_counts_and_the_same_result_ends_it() {
    let house = House::new();
    house.stale(before::assets(), None).await;
    let (planned, computed) = house.stale(another_helper::assets(), None).await;
    // `end` is planned for the case that `middle` comes out different. It does not.
    assert_eq!((planned, computed), (texts(["middle", "end"]), texts(["middle"])));
    let (planned, computed) = house.stale(another_helper::assets(), None).await;
    assert_eq!((planned, computed), (texts(NOTHING), texts(NOTHING)));
}

/// What the code version does not cover is said by `explain`, and `--build-id` covers it.
#[tokio::test]
async fn a_helper_that_nobody_names_counts_only_by_the_build() {
    let house = House::new();
    house.stale(before::assets(), Some("1")).await;
    let (_, computed) = house.stale(another_unnamed::assets(), Some("1")).await;
    assert_eq!(computed, texts(NOTHING));
    let (planned, computed) = house.stale(another_unnamed::assets(), Some("2")).await;
    assert_eq!(planned.len(), 3);
    // `source` comes out the same, but its own code counts as another.
    assert_eq!(computed, texts(["source", "middle", "end"]));
    let pipeline = house.pipeline(before::assets());
    let code = |key: &str| {
        pipeline
            .explain(&key.parse().expect("is a key"))
            .expect("is there")
            .code
    };
    assert!(code("middle").contains("helper"), "{}", code("middle"));
    assert!(!code("source").contains("helper"), "{}", code("source"));
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}
