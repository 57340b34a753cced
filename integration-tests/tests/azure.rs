//! The laws on Azure, as Azurite plays it.

mod azurite {
    use larder_integration_tests::cloud::azure::fixture;
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || fixture(
        "LARDER_TEST_AZURITE"
    ));
}

mod settings {
    use larder_integration_tests::cloud::azure::{ACCOUNT, KEY, config};
    use larder_io_core::{AssetKey, AssetValue, Blob, ErrorKind, Form, IoManager, OutputContext, Secret};

    const AZURITE: &str = "LARDER_TEST_AZURITE";

    fn context() -> OutputContext {
        let location = "x".parse().expect("is a location");
        OutputContext::new(AssetKey::new(["x"]).expect("is a key"), None, location)
    }

    #[tokio::test]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn what_is_sent_besides_is_signed_too() {
        let mut config = config(AZURITE).await;
        config.part_bytes = 1 << 20;
        config.storage_class = Some("Cool".to_owned());
        config.metadata.insert("owner".to_owned(), "data team".to_owned());
        config.tags.insert("cost centre".to_owned(), "a/b".to_owned());
        let manager = config.open().expect("opens");
        for bytes in [10, 3 << 20] {
            let stored = manager
                .handle_output(&context(), &Blob::from(vec![7; bytes]).into_value())
                .await;
            stored.expect("stores");
            let loaded = manager
                .load_input(&context().to_input(Form::Blob))
                .await
                .expect("loads");
            assert_eq!(Vec::<u8>::from_value(loaded).await.expect("is bytes"), vec![7; bytes]);
        }
        manager.delete(&context().to_input(Form::Blob)).await.expect("deletes");
        manager
            .delete(&context().to_input(Form::Blob))
            .await
            .expect("deletes what is not there");
        let findings = manager.maintenance().expect("is kept").survey().await.expect("answers");
        assert!(
            findings
                .iter()
                .any(|finding| finding.what == "account" && finding.answer.contains("flat")),
            "{findings:?}"
        );
    }

    #[tokio::test]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn a_connection_string_signs_and_a_wrong_key_is_told() {
        let mut config = config(AZURITE).await;
        let endpoint = config.endpoint.take().expect("was set");
        config.access_key = None;
        let text = format!("AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};");
        config.connection_string = Some(Secret::new(text));
        let manager = config.open().expect("opens");
        manager
            .handle_output(&context(), &Blob::from(vec![7; 10]).into_value())
            .await
            .expect("stores");

        config.connection_string = None;
        config.endpoint = Some(endpoint);
        config.access_key = Some(Secret::new("YS1zZWNyZXQtb2YtdGhlLXRlc3Q="));
        let manager = config.open().expect("opens");
        let refused = manager
            .load_input(&context().to_input(Form::Blob))
            .await
            .map(drop)
            .expect_err("is refused");
        assert!(
            matches!(refused.kind(), ErrorKind::Unauthenticated | ErrorKind::PermissionDenied),
            "{refused}"
        );
        assert!(!format!("{refused:?}").contains("YS1zZWNy"), "{refused:?}");
    }

    #[tokio::test]
    #[ignore = "needs emulators: cargo xtask test"]
    async fn a_missing_container_is_a_wrong_setting() {
        let mut config = config(AZURITE).await;
        config.container = "nothing-here".to_owned();
        let manager = config.open().expect("opens");
        let input = context().to_input(Form::Blob);
        let looked = manager.head(&input).await.map(drop).expect_err("there is no container");
        let stored = manager
            .handle_output(&context(), &Blob::from(vec![7; 10]).into_value())
            .await;
        for refused in [looked, stored.map(drop).expect_err("there is no container")] {
            assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
        }
    }
}
