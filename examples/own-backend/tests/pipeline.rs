//! A pipeline that keeps its assets on a shelf.

use larder::prelude::*;
use larder_io_shelf::ShelfIo;
use std::sync::Arc;

#[asset]
async fn numbers() -> Vec<u64> {
    vec![1, 2, 3]
}

#[asset]
async fn total(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

#[asset]
async fn ratio() -> f64 {
    f64::NAN
}

#[asset]
async fn page() -> Blob {
    Blob::from("<p>")
}

fn definitions() -> Definitions {
    Definitions::new().backend(Arc::new(ShelfIo::empty())).default_io_manager_url("shelf:").variables([])
}

#[tokio::test]
async fn a_pipeline_runs_on_it() -> Result<()> {
    let pipeline = definitions().assets(assets![numbers, total]).build()?;
    // The second run replaces what the first one made, under a precondition.
    for _ in 0..2 {
        assert!(pipeline.run("*").await?.succeeded());
    }
    assert_eq!(pipeline.load::<u64>("total").await?, 6);
    Ok(())
}

#[tokio::test]
async fn what_it_cannot_keep_is_refused() -> Result<()> {
    let error = definitions().assets(assets![page]).build().expect_err("takes no blobs");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    let report = definitions().assets(assets![ratio]).run("*").await?;
    assert!(!report.succeeded());
    Ok(())
}

#[test]
fn a_wrong_url_is_refused() {
    for (url, words) in [
        ("shelf:/data", "write `shelf:`"),
        ("shelf:?larges=5", "did you mean `largest`?"),
        ("shelf:?largest=much", "largest"),
    ] {
        let error = definitions().default_io_manager_url(url).assets(assets![numbers]).build().expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains(words), "{url}: {error}");
    }
}

#[tokio::test]
async fn settings_come_from_url_file_and_environment() -> Result<()> {
    let table = "[io_managers.kept]\nurl = \"shelf:\"\nlargest = 3";
    let variable = [("SHELF_LARGEST".to_owned(), "3".to_owned())];
    for definitions in [
        definitions().default_io_manager_url("shelf:?largest=3"),
        definitions().config_text(format!("io_manager = \"kept\"\n{table}")),
        definitions().variables(variable),
    ] {
        // `[1,2,3]` has 7 bytes.
        let report = definitions.assets(assets![numbers]).run("*").await?;
        let error = report.error("numbers").expect("is too large");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    Ok(())
}
