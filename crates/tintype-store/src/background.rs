//! Marks background work, so that its failures are told apart from those of requests.

tokio::task_local! {
    static BACKGROUND: ();
}

/// Runs work that no request waits for. Its failures do not count against the store's health.
pub async fn in_background<T>(work: impl Future<Output = T>) -> T {
    BACKGROUND.scope((), work).await
}

pub(crate) fn is_here() -> bool {
    BACKGROUND.try_with(|()| ()).is_ok()
}
