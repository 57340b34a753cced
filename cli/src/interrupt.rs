//! Ctrl-C.

/// Ends when the user presses Ctrl-C; never where that cannot be heard.
pub(crate) async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
