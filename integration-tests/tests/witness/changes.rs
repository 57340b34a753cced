//! What others do to values that larder wrote.

use crate::{blob, input, is_gone, output};
use larder::{AssetValue, Blob, ErrorKind, Form, IoManager, Precondition};

/// Code in Python, after a vendor's `put` and `get`.
pub(crate) struct Scripts<'s> {
    /// Copies `small.bin` and `large.bin` to `small copy.bin` and `large copy.bin`.
    pub(crate) copy: &'s str,
    /// Takes the metadata from `small.bin`.
    pub(crate) strip: &'s str,
    /// Deletes `large.bin`.
    pub(crate) delete: &'s str,
}

/// Copies, replaces and deletes by a vendor's client; `run` gives what the code printed.
pub(crate) async fn are_seen(manager: &dyn IoManager, run: impl Fn(&str) -> String, scripts: Scripts<'_>) {
    let large = vec![7; 9 << 20];
    for (stem, bytes) in [("small", vec![7; 10]), ("large", large.clone())] {
        let stored = manager
            .handle_output(&output(stem), &Blob::from(bytes).into_value())
            .await;
        stored.expect("stores");
    }
    // Copies bring the receipt with them, or the way to it.
    run(scripts.copy);
    for (stem, bytes) in [("small copy", vec![7; 10]), ("large copy", large)] {
        let verified = manager
            .load_input(&input(stem, Form::Blob).verified())
            .await
            .expect("loads");
        assert_eq!(Vec::<u8>::from_value(verified).await.expect("is bytes"), bytes);
        let head = manager
            .head(&input(stem, Form::Blob))
            .await
            .expect("can tell")
            .expect("is there");
        assert_eq!(
            (head.location.to_string(), head.bytes),
            (format!("{stem}.bin"), bytes.len() as u64)
        );
    }
    // Without its receipt it is a value that somebody else wrote.
    run(scripts.strip);
    assert_eq!(blob(manager, "small").await, [7; 10]);
    run("put('large.bin', b'replaced')");
    assert_eq!(blob(manager, "large").await, b"replaced");

    let head = manager
        .head(&input("large", Form::Blob))
        .await
        .expect("can tell")
        .expect("is there");
    run("put('large.bin', b'replaced again')");
    let mut context = output("large");
    context.precondition = Precondition::Unchanged(head.version);
    for size in [10, 9 << 20] {
        let late = manager
            .handle_output(&context, &Blob::from(vec![8; size]).into_value())
            .await;
        assert_eq!(late.map(drop).expect_err("is late").kind(), ErrorKind::Conflict);
    }
    let head = manager
        .head(&input("large", Form::Blob))
        .await
        .expect("can tell")
        .expect("is there");
    context.precondition = Precondition::Unchanged(head.version);
    let stored = manager
        .handle_output(&context, &Blob::from(vec![8; 9 << 20]).into_value())
        .await;
    stored.expect("stores");
    assert_eq!(run("print(get('large.bin') == b'\\x08' * (9 << 20))"), "True");
    run(scripts.delete);
    is_gone(manager, "large").await;
}
