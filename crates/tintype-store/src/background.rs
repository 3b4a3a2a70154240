//! Work that nobody waits for, told from work that somebody does.

tokio::task_local! {
    static BACKGROUND: ();
}

/// Runs work that nobody waits for. What fails there is not held against what others ask of the store.
pub async fn in_background<T>(work: impl Future<Output = T>) -> T {
    BACKGROUND.scope((), work).await
}

pub(crate) fn is_here() -> bool {
    BACKGROUND.try_with(|()| ()).is_ok()
}
