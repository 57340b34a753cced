//! Definitions that cannot be: told when they are built.

use crate::support::{build, day, days, months, numbered, pipeline};
use larder_executor::{Asset, AssetBuilder};
use larder_io_core::{Maybe, Partitions};
use larder_partitions::{Mapping, Partitioning};

fn refused(asset: Asset) -> String {
    let plain = Asset::builder("plain").function(|_| async { Ok(1_u64) });
    match build([asset, numbered(), plain]) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.message().to_owned(),
    }
}

fn number(builder: AssetBuilder) -> Asset {
    builder.function(|_| async { Ok(1_u64) })
}

fn daily() -> AssetBuilder {
    Asset::builder("x").partitions(days())
}

#[test]
fn what_cannot_be_is_told() {
    for (asset, message) in [
        (
            number(Asset::builder("x").partitions(Partitioning::daily("2024-13-01"))),
            "`x`: ",
        ),
        (
            number(Asset::builder("x").partitions(days().time_zone("Mars/Olympus"))),
            "Mars/Olympus",
        ),
        (
            Asset::builder("x").function(|_| async { Ok(Partitions::<u64>::new()) }),
            "`x` returns `Partitions`, but has no partitions",
        ),
        (
            number(daily().input::<Partitions<u64>>("plain")),
            "`plain` has no partitions; take the value itself",
        ),
        (
            number(daily().input::<u64>("plain").mapping(Mapping::All)),
            "`plain` has no partitions of which `all` could be some",
        ),
        (
            number(Asset::builder("x").partitions(months()).input::<u64>("days")),
            "by `windows(0, 0)` it may be made from many partitions of `days`; take `Partitions<T>`",
        ),
        (
            number(Asset::builder("x").input::<Maybe<u64>>("days")),
            "take `Partitions<T>` with `#[allow_missing]`",
        ),
        (
            number(daily().input::<u64>("days").mapping(Mapping::table([("eu", ["de"])]))),
            "of `days`: ",
        ),
        (
            number(daily().input::<Maybe<u64>>("x").mapping(Mapping::Identity)),
            "by `identity` it would be made from itself; use `Mapping::Previous`",
        ),
        (
            number(daily().input::<Maybe<u64>>("x")),
            "it cannot take itself; an asset with partitions can take its earlier ones",
        ),
        (
            daily()
                .input::<Maybe<u64>>("x")
                .mapping(Mapping::Previous)
                .function(|_| async { Ok(Partitions::<u64>::new()) }),
            "none of which could see another; return one value",
        ),
        (
            number(daily().input::<u64>("days").allow_missing()),
            "there is nothing to leave out; take `Maybe<T>`",
        ),
        (
            number(
                Asset::builder("x")
                    .partitions(Partitioning::fixed("region", ["eu"]))
                    .input::<u64>("days"),
            ),
            "of `days`: ",
        ),
    ] {
        let told = refused(asset);
        assert!(told.contains(message), "{told} lacks {message}");
    }
    assert_eq!(refused(number(daily().input::<u64>("days"))), "accepted");
}

#[tokio::test]
async fn a_partition_has_to_be_named_and_to_fit() {
    let pipeline = pipeline([numbered()]);
    let key = pipeline.key("days").expect("is there");
    let error = pipeline.input(&key).map(drop).expect_err("which one?");
    assert!(error.message().contains("`days` has partitions (date: "), "{error}");
    let other = larder_io_core::PartitionKey::single("region", "eu").expect("is a key");
    let error = pipeline.head((&key, &other)).await.map(drop).expect_err("has a date");
    assert!(error.message().contains("whose dimensions are date"), "{error}");
    let error = pipeline
        .asset_partition("days", Some("2023-01-01"))
        .await
        .expect_err("is before the start");
    assert!(error.message().contains("there is no partition"), "{error}");
    assert_eq!(
        pipeline
            .asset_partition("days", Some("2024-01-01"))
            .await
            .expect("is there")
            .partition,
        Some(day("2024-01-01"))
    );
}
