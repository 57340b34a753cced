//! object_store's own suite on `DurableFs`, in both ways of keeping records.

use larder_io_fs::{DurableFs, FsConfig, RecordKeeping};
use object_store::integration::*;

fn stores() -> Vec<(DurableFs, tempfile::TempDir)> {
    [RecordKeeping::Auto, RecordKeeping::Sidecar]
        .into_iter()
        .map(|records| {
            let dir = tempfile::tempdir().expect("a directory");
            let mut config = FsConfig::new(dir.path());
            config.records = records;
            (config.open_store().expect("opens"), dir)
        })
        .collect()
}

macro_rules! suite {
    ($($name:ident($store:ident) $check:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for (store, _dir) in stores() {
                let $store = &store;
                $check.await;
            }
        }
    )*};
}

suite! {
    put_get_delete_list_(store) put_get_delete_list(store);
    put_get_attributes_(store) put_get_attributes(store);
    get_opts_(store) get_opts(store);
    put_opts_(store) put_opts(store, true);
    stream_get_(store) stream_get(store);
    list_uses_directories_correctly_(store) list_uses_directories_correctly(store);
    list_with_delimiter_(store) list_with_delimiter(store);
    rename_and_copy_(store) rename_and_copy(store);
    copy_if_not_exists_(store) copy_if_not_exists(store);
    copy_rename_nonexistent_object_(store) copy_rename_nonexistent_object(store);
    multipart_race_condition_(store) multipart_race_condition(store, true);
    multipart_out_of_order_(store) multipart_out_of_order(store);
    list_with_offset_exclusivity_(store) list_with_offset_exclusivity(store);
}

#[tokio::test]
async fn a_missing_object_is_not_found() {
    for (store, _dir) in stores() {
        let error = get_nonexistent_object(&store, None).await.expect_err("is missing");
        assert!(matches!(error, object_store::Error::NotFound { .. }), "{error:?}");
    }
}
