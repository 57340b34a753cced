//! Races end as at the vendor.

use crate::stores::{start, store};
use futures_util::future::join_all;
use larder_testkit::cloud::{Cloud, Dialect, Operation};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};

async fn sixteen_creates(cloud: &Cloud, key: &str) {
    let path = Path::from(key);
    let tasks = (0..16).map(|writer| {
        let (store, path) = (store(cloud), path.clone());
        tokio::spawn(async move {
            let created = store
                .put_opts(&path, vec![writer; 1000].into(), PutMode::Create.into())
                .await;
            created.map(|_| writer)
        })
    });
    let results: Vec<_> = join_all(tasks)
        .await
        .into_iter()
        .map(|done| done.expect("no panic"))
        .collect();
    let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    let refused = results
        .iter()
        .filter(|result| matches!(result, Err(Error::AlreadyExists { .. })));
    assert_eq!(refused.count(), 15, "{results:?}");
    assert_eq!(
        cloud.object(key).expect("it was created").bytes,
        vec![*winners[0]; 1000]
    );
}

async fn increment(store: &dyn ObjectStore, path: &Path) {
    loop {
        let read = store.get(path).await.expect("the counter exists");
        let version = UpdateVersion {
            e_tag: read.meta.e_tag.clone(),
            version: read.meta.version.clone(),
        };
        let text = read.bytes().await.expect("the counter is read");
        let count: u32 = str::from_utf8(&text).expect("digits").parse().expect("a number");
        let next = (count + 1).to_string();
        match store.put_opts(path, next.into(), PutMode::Update(version).into()).await {
            Ok(_) => return,
            Err(Error::Precondition { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_creates_one_wins() {
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await;
        for round in 0..20 {
            sixteen_creates(&cloud, &format!("created-{round}")).await;
        }
        assert_eq!(cloud.requests_of(Operation::Put).len(), 16 * 20, "{dialect:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost() {
    for dialect in Dialect::ALL {
        let cloud = start(dialect).await;
        cloud.put_directly("counter", "0");
        let tasks = (0..8).map(|_| {
            let store = store(&cloud);
            tokio::spawn(async move {
                for _ in 0..10 {
                    increment(&*store, &Path::from("counter")).await;
                }
            })
        });
        join_all(tasks)
            .await
            .into_iter()
            .for_each(|done| done.expect("no panic"));
        assert_eq!(cloud.object("counter").expect("it exists").bytes, "80", "{dialect:?}");
    }
}
