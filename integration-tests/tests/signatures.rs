//! Signatures against a server that checks them: s3s-fs, in this process. LocalStack and moto take any secret.
//!
//! Small values and lists are signed by object_store, uploads begun and completed by AWS's SDK; both meet names and metadata that
//! have to be encoded before they are signed. s3s-fs compares preconditions, also when an upload is completed, but not in one
//! step, so races are not for it. It has no versions, no tags and no list of unfinished uploads.

use futures_util::TryStreamExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use larder::{
    AssetKey, AssetValue, Blob, ErrorKind, Form, IoManager, LazyTable, Location, OutputContext, Precondition,
};
use larder_integration_tests::{Kind, ODD, bytes_of};
use larder_io_core::{Error, Secret};
use larder_io_s3::S3Config;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;

const ID: &str = "AKIAWITNESS";
/// With what secrets of AWS have, and URLs encode.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYwitnesskey";

/// A server with the bucket `data`, on a port of its own; it ends with the runtime of the test.
async fn server() -> (TempDir, String) {
    let dir = larder_integration_tests::scratch();
    std::fs::create_dir(dir.path().join("data")).expect("a bucket is a directory");
    let mut service = S3ServiceBuilder::new(FileSystem::new(dir.path()).expect("opens"));
    service.set_auth(SimpleAuth::from_single(ID, SECRET));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("is bound"));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
            // A client that goes away is none of the server's business.
            tokio::spawn(async move { drop(served.await) });
        }
    });
    (dir, endpoint)
}

fn config(endpoint: &str, secret: &str) -> S3Config {
    let mut config = S3Config::new("data", "lake one/50%+ü=");
    config.endpoint = Some(endpoint.to_owned());
    config.access_key_id = Some(ID.to_owned());
    config.secret_access_key = Some(Secret::new(secret));
    config
        .metadata
        .insert("owner".to_owned(), "data team: a=b+c%20/~".to_owned());
    config.versions = false;
    config
}

fn output(stem: &str) -> OutputContext {
    let asset = AssetKey::new(stem.split('/')).expect("is a key");
    OutputContext::new(asset, None, stem.parse().expect("is a location"))
}

async fn loaded(manager: &dyn IoManager, stem: &str) -> larder::Result<Vec<u8>> {
    Vec::<u8>::from_value(manager.load_input(&output(stem).to_input(Form::Blob)).await?).await
}

#[tokio::test]
async fn odd_names_small_and_large() {
    let (_dir, endpoint) = server().await;
    let manager = config(&endpoint, SECRET).open().expect("opens");
    let stems: Vec<&str> = [&["plain"][..], &ODD].concat();
    for (stem, number) in stems.iter().zip(0..) {
        // One put, or an upload of three parts.
        for size in [1000, (17 << 20) + 13] {
            let bytes = bytes_of(number, size);
            let stored = manager
                .handle_output(&output(stem), &Blob::from(bytes.clone()).into_value())
                .await;
            let stored = stored.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
            let head = manager
                .head(&output(stem).to_input(Form::Blob))
                .await
                .expect("can tell")
                .expect("is there");
            assert_eq!((head.bytes, head.version), (size as u64, stored.version), "{stem}");
            assert!(loaded(&manager, stem).await.expect("loads") == bytes, "{stem}");
        }
    }
    for below in [None, Some("odd".parse::<Location>().expect("is a location"))] {
        let mut listed: Vec<Location> = manager.list(below.as_ref()).try_collect().await.expect("lists");
        listed.sort();
        let mut wanted = stems[usize::from(below.is_some())..].to_vec();
        wanted.sort_unstable();
        assert_eq!(listed.iter().map(Location::as_str).collect::<Vec<_>>(), wanted);
    }
    for stem in stems {
        let input = output(stem).to_input(Form::Blob);
        manager.delete(&input).await.expect("deletes");
        assert!(manager.head(&input).await.expect("can tell").is_none(), "{stem}");
    }
}

#[tokio::test]
async fn tables_and_objects_by_ranges() {
    let (_dir, endpoint) = server().await;
    let manager = config(&endpoint, SECRET).open().expect("opens");
    for kind in [Kind::new(Form::Table, 20 << 20), Kind::new(Form::Object, 1000)] {
        manager
            .handle_output(&kind.context(), &kind.make(7))
            .await
            .expect("stores");
        let input = kind.context().to_input(kind.form);
        let value = manager.load_input(&input).await.expect("loads");
        assert_eq!(kind.number(value).await, Ok(7));
        let verified = manager.load_input(&input.verified()).await.expect("loads");
        if kind.form == Form::Table {
            let table = LazyTable::from_value(verified).await.expect("is a table");
            assert_eq!(table.head(3).await.expect("reads").rows(), 3);
        }
    }
}

#[tokio::test]
async fn preconditions_of_puts_and_uploads() {
    let (_dir, endpoint) = server().await;
    let manager = config(&endpoint, SECRET).open().expect("opens");
    for (stem, size) in [("small a+b", 10), ("large a+b", 9 << 20)] {
        let under = async |precondition: &Precondition, number| {
            let mut context = output(stem);
            context.precondition = precondition.clone();
            let stored = manager
                .handle_output(&context, &Blob::from(bytes_of(number, size)).into_value())
                .await;
            stored.map(|receipt| Precondition::Unchanged(receipt.version))
        };
        let first = under(&Precondition::Absent, 1).await.expect("is the first");
        let late = under(&Precondition::Absent, 2).await.expect_err("is the second");
        assert_eq!(late.kind(), ErrorKind::Conflict, "{stem}: {late:?}");
        assert!(
            loaded(&manager, stem).await.expect("loads") == bytes_of(1, size),
            "{stem}"
        );
        let second = under(&first, 3).await.expect("nobody changed it");
        let stale = under(&first, 4).await.expect_err("is late");
        assert_eq!(stale.kind(), ErrorKind::Conflict, "{stem}: {stale:?}");
        assert!(
            loaded(&manager, stem).await.expect("loads") == bytes_of(3, size),
            "{stem}"
        );
        under(&second, 5).await.expect("nobody changed it");
    }
}

#[tokio::test]
async fn what_is_sent_besides_is_signed_too() {
    let (_dir, endpoint) = server().await;
    let mut config = config(&endpoint, SECRET);
    config.session_token = Some(Secret::new("IQoJb3JpZ2luX2Vj//of+the+test=="));
    config.encryption = larder_io_s3::Encryption::Customer;
    config.customer_key = Some(Secret::new("ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A="));
    config.storage_class = Some("STANDARD".to_owned());
    config.tags.insert("cost centre".to_owned(), "a&b=c+d/é".to_owned());
    // Signatures count several spaces as one.
    config
        .metadata
        .insert("note".to_owned(), "two  spaces, \"quotes\"".to_owned());
    config.request_payer = true;
    let manager = config.open().expect("opens");
    for (stem, size) in [("small", 10), ("large", 9 << 20)] {
        let stored = manager
            .handle_output(&output(stem), &Blob::from(bytes_of(1, size)).into_value())
            .await;
        stored.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
        assert!(
            loaded(&manager, stem).await.expect("loads") == bytes_of(1, size),
            "{stem}"
        );
    }
    let listed: Vec<Location> = manager.list(None).try_collect().await.expect("lists");
    assert_eq!(listed.len(), 2);
    manager
        .delete(&output("large").to_input(Form::Blob))
        .await
        .expect("deletes");
}

#[tokio::test]
async fn a_wrong_key_is_told_and_not_shown() {
    let (dir, endpoint) = server().await;
    let right = config(&endpoint, SECRET).open().expect("opens");
    let value = |size| Blob::from(bytes_of(1, size)).into_value();
    right.handle_output(&output("a"), &value(10)).await.expect("stores");
    let files = larder_integration_tests::files(dir.path());
    let wrong = SECRET.replace('w', "W");
    let mut unknown = config(&endpoint, &wrong);
    unknown.access_key_id = Some("AKIASOMEBODY".to_owned());
    let mut nobody = config(&endpoint, &wrong);
    nobody.anonymous = true;
    // Of unknown keys s3s-fs says what AWS says of accounts that are not signed up.
    let right_to = "give it the right to read, write";
    let configs = [
        (config(&endpoint, &wrong), "check the access key, its secret"),
        (unknown, right_to),
        (nobody, right_to),
    ];
    for (config, advice) in configs {
        let manager = config.open().expect("opens");
        let input = output("a").to_input(Form::Blob);
        let listed: Result<Vec<Location>, Error> = manager.list(None).try_collect().await;
        let refusals = [
            ("put", manager.handle_output(&output("b"), &value(10)).await.map(drop)),
            (
                "upload",
                manager.handle_output(&output("b"), &value(9 << 20)).await.map(drop),
            ),
            ("load", manager.load_input(&input).await.map(drop)),
            ("head", manager.head(&input).await.map(drop)),
            ("list", listed.map(drop)),
            ("delete", manager.delete(&input).await),
        ];
        for (what, refused) in refusals {
            let refused = refused.expect_err(what);
            let kinds = [ErrorKind::Unauthenticated, ErrorKind::PermissionDenied];
            assert!(kinds.contains(&refused.kind()), "{what}: {refused:?}");
            assert!(refused.message().contains(advice), "{what}: {refused}");
            assert_eq!(refused.attempts(), 1, "{what}: asking again does not help");
            let shown = format!("{refused} {refused:?} {manager:?} {config:?}");
            assert!(!shown.contains(&wrong) && !shown.contains(SECRET), "{what}: {shown}");
        }
    }
    let after = larder_integration_tests::files(dir.path());
    assert_eq!(after, files, "something was stored or deleted");
    assert!(loaded(&right, "a").await.is_ok());
}
