//! Delivery below a path: if the public URL of a site is `https://example.org/media`, the proxy in front may pass
//! `/media/t/…` on, or strip its own path.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request, Uri};
use tower::Service;

use crate::config::Sites;

/// Strips the path of a site's public URL from request paths.
#[derive(Clone)]
pub(super) struct BasePath<S> {
    inner: S,
    bases: Arc<[String]>,
}

impl<S> BasePath<S> {
    pub(super) fn new(inner: S, sites: &Sites) -> Self {
        let mut bases: Vec<_> = sites
            .iter()
            .map(|site| site.base_path().to_owned())
            .collect();
        bases.retain(|base| !base.is_empty());
        bases.sort();
        bases.dedup();
        Self {
            inner,
            bases: bases.into(),
        }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for BasePath<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(uri) = self
            .bases
            .iter()
            .find_map(|base| without(base, request.uri()))
        {
            *request.uri_mut() = uri;
        }
        self.inner.call(request)
    }
}

/// `None` if it is not a delivery URL below the base.
fn without(base: &str, uri: &Uri) -> Option<Uri> {
    let asked = uri.path_and_query()?.as_str();
    let rest = asked.strip_prefix(base)?;
    if !rest.starts_with("/t/") && !rest.starts_with("/o/") {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_delivery_is_below_the_base() {
        let rest = |uri: &str| without("/media", &uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(
            rest("/media/t/a.jpg/w_1?x=1").as_deref(),
            Some("/t/a.jpg/w_1?x=1")
        );
        assert_eq!(
            rest("http://h/media/o/a%20b").as_deref(),
            Some("http://h/o/a%20b")
        );
        for other in [
            "/t/a.jpg/w_1",
            "/media",
            "/media/api/v1/files/a",
            "/mediat/a",
            "/x/media/t/a/w_1",
            "*",
        ] {
            assert_eq!(rest(other), None, "{other}");
        }
    }
}
