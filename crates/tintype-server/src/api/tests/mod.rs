//! Tests of the API through its router, over a store in memory.

mod conflict;
mod form;
mod idempotency;
mod many;
mod permission;
mod placing;
mod reading;
mod state;
mod upload;

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tintype_store::StoreUrl;
use tower::ServiceExt;

use crate::app::App;
use crate::config::granted::Granted;
use crate::config::{Config, Dev, Scope, Token};
use crate::telemetry::metrics::Metrics;

const SPOOL_BYTES: u64 = 64 * 1024 * 1024;

/// A separate service for each test. The token `dev` may do everything.
pub(super) struct Api {
    pub(super) app: Arc<App>,
    _spool: TempDir,
}

pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Api {
    pub(super) async fn new() -> Self {
        let spool = tempfile::tempdir().unwrap();
        Self {
            app: app(spool.path()).await,
            _spool: spool,
        }
    }

    pub(super) async fn put(
        &self,
        key: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> ApiResponse {
        self.send(
            Method::PUT,
            &format!("/api/v1/files/{key}"),
            headers,
            body.to_vec(),
        )
        .await
    }

    pub(super) async fn get(&self, path: &str) -> ApiResponse {
        self.send(Method::GET, &format!("/api/v1/{path}"), &[], Body::empty())
            .await
    }

    pub(super) async fn delete(&self, key: &str, headers: &[(&str, &str)]) -> ApiResponse {
        self.send(
            Method::DELETE,
            &format!("/api/v1/files/{key}"),
            headers,
            Body::empty(),
        )
        .await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        json: Value,
    ) -> ApiResponse {
        self.send(
            Method::POST,
            &format!("/api/v1/{path}"),
            headers,
            json.to_string(),
        )
        .await
    }

    pub(super) async fn patch(
        &self,
        key: &str,
        headers: &[(&str, &str)],
        json: Value,
    ) -> ApiResponse {
        self.send(
            Method::PATCH,
            &format!("/api/v1/records/{key}"),
            headers,
            json.to_string(),
        )
        .await
    }

    pub(super) async fn record(&self, key: &str) -> Value {
        self.get(&format!("records/{key}")).await.expect(200)
    }

    /// Sends a request with the token `dev`, unless `headers` has another.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> ApiResponse {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", "Bearer dev");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let router = super::router(&self.app).with_state(self.app.clone());
        ApiResponse::of(router.oneshot(request).await.unwrap()).await
    }
}

impl ApiResponse {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// The JSON body of a response that must have this status.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.headers["cache-control"], "private, no-store");
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Asserts a problem with this status and code.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Beside `dev` there are `desk`, which may read, list and write below `desk/`, and `old`, which has expired.
async fn app(spool: &Path) -> Arc<App> {
    let desk = Token {
        scopes: [Scope::Read, Scope::List, Scope::Write].into(),
        prefixes: vec!["desk/".to_owned()],
        ..Token::with_secret("desk", "secret")
    };
    let old = Token {
        expires: Some(1),
        ..Token::with_secret("old", "secret")
    };
    let environment = [
        ("TINTYPE_SPOOL_BYTES", SPOOL_BYTES.to_string()),
        ("TINTYPE_MAX_UPLOAD_BYTES", "32MiB".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let loaded = Config::load(environment, "no such file".as_ref(), Some(&Dev::default()));
    let mut config = loaded.unwrap().config;
    config.stores.store = StoreUrl::Memory;
    config.uploads.spool_dir = Some(spool.to_owned());
    config.tokens.extend([desk, old]);
    let metrics = Arc::new(Metrics::new("test", []));
    App::open(Arc::new(config), &Granted::detect(None), metrics, None)
        .await
        .unwrap()
}
