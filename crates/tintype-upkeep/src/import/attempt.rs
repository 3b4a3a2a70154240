//! Retries what may succeed a moment later.

use std::time::Duration;

use super::fields::Raced;
use crate::client::Refused;

/// Attempts at one original, or at one page of a listing.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// Retries what may succeed a moment later.
pub(super) async fn attempt<T, F>(what: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match what().await {
            Err(error) if is_transient(&error) => {}
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    what().await
}

fn is_transient(error: &anyhow::Error) -> bool {
    use tintype_store::Error as Stored;
    error.chain().any(|cause| {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return refused.is_transient();
        }
        let stored = cause.downcast_ref::<Stored>();
        let is_away = stored.is_some_and(|error| {
            matches!(
                error,
                Stored::Unavailable { .. } | Stored::Precondition { .. }
            )
        });
        is_away || cause.is::<reqwest::Error>() || cause.is::<Raced>()
    })
}
