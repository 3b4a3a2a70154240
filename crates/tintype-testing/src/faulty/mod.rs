//! S3 in memory, with scripted faults.
//!
//! Without faults it keeps AWS's guarantees for the operations that the store uses: conditions are decided
//! atomically, checksums verified, parts assembled as named. It ignores signatures, which [`crate::S3sFs`]
//! verifies, and does not accept bodies framed as `aws-chunked`.

mod bucket;
mod content;
mod fault;
mod operation;
mod read;
mod response;
mod write;
mod xml;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::environment;
use crate::loopback::Loopback;
use bucket::{Bucket, Stored};
use content::Content;
use fault::Script;
use operation::Call;
use response::{Body, Refusal, S3Response};

pub use bucket::Conditions;
pub use fault::{Fault, Rule};
pub use operation::Operation;

pub struct Faulty {
    loopback: Loopback,
    shared: Arc<FaultyState>,
}

#[derive(Default)]
struct FaultyState {
    bucket: Mutex<Bucket>,
    script: Mutex<Script>,
    asked: Mutex<BTreeMap<Operation, u64>>,
    discards: AtomicBool,
    received: AtomicU64,
    sent: Arc<AtomicU64>,
}

impl Faulty {
    pub fn start() -> Self {
        let shared = Arc::<FaultyState>::default();
        let serving = shared.clone();
        let loopback = Loopback::start(|listener| accept(listener, serving));
        Self { loopback, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.loopback.address()
    }

    pub fn endpoint(&self) -> String {
        self.loopback.endpoint()
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.endpoint())
    }

    // Faults.

    /// Takes effect with the next request. If several rules apply, the first one is used.
    pub fn script(&self, rule: impl Into<Rule>) {
        lock(&self.shared.script).add(rule.into());
    }

    /// Removes all rules.
    pub fn heal(&self) {
        *lock(&self.shared.script) = Script::default();
    }

    pub fn conditions(&self, conditions: Conditions) {
        lock(&self.shared.bucket).conditions = conditions;
    }

    /// Reports the bucket as not versioned; by default it is versioned.
    pub fn unversioned(&self) {
        lock(&self.shared.bucket).unversioned = true;
    }

    /// Drops bodies above 1 MiB, which are then read as zeros: large bodies take no memory here. Such bodies are
    /// not verified.
    pub fn discard(&self) {
        self.shared.discards.store(true, Ordering::Relaxed);
    }

    // Observations.

    pub fn count(&self, operation: Operation) -> u64 {
        let asked = lock(&self.shared.asked);
        asked.get(&operation).copied().unwrap_or_default()
    }

    /// Requests by operation, since the start or the last call; without the periodic requests by which a service
    /// checks takedowns.
    pub fn take_counts(&self) -> BTreeMap<Operation, u64> {
        std::mem::take(&mut *lock(&self.shared.asked))
    }

    /// Total size of request bodies.
    pub fn received_bytes(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// The keys in the bucket.
    pub fn keys(&self) -> Vec<String> {
        let bucket = lock(&self.shared.bucket);
        bucket.objects.keys().cloned().collect()
    }

    pub fn object(&self, key: &str) -> Option<Bytes> {
        match &lock(&self.shared.bucket).objects.get(key)?.content {
            Content::Kept(bytes) => Some(bytes.clone()),
            Content::Zeros(len) => panic!("{len} bytes of {key} were discarded"),
        }
    }

    /// A header that an object was written with; empty if there was none.
    pub fn header(&self, key: &str, name: &str) -> String {
        let bucket = lock(&self.shared.bucket);
        let stored = bucket.objects.get(key);
        let headers = &stored.unwrap_or_else(|| panic!("no object {key}")).headers;
        headers.get(name).map_or_else(String::new, |value| {
            value.to_str().unwrap_or_default().to_owned()
        })
    }

    /// Stores an object without a request.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let object = Stored::new(Content::Kept(bytes.into()), HeaderMap::new());
        lock(&self.shared.bucket)
            .objects
            .insert(key.to_owned(), object);
    }

    /// Stores an object with a content coding.
    pub fn put_packed(&self, key: &str, bytes: &[u8], encoding: &'static str) {
        self.put(key, Bytes::copy_from_slice(bytes));
        let encoding = HeaderValue::from_static(encoding);
        self.change(key, |stored| {
            stored.headers.insert(CONTENT_ENCODING, encoding);
        });
    }

    /// Removes an object without a request.
    pub fn remove(&self, key: &str) {
        let removed = lock(&self.shared.bucket).objects.remove(key);
        assert!(removed.is_some(), "no object {key}");
    }

    /// Changes the bytes of an object but nothing else.
    pub fn rot(&self, key: &str, bytes: impl Into<Bytes>) {
        self.change(key, |stored| stored.content = Content::Kept(bytes.into()));
    }

    /// Makes an object older.
    pub fn age(&self, key: &str, by: Duration) {
        self.change(key, |stored| stored.modified -= by);
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Stored)) {
        let mut bucket = lock(&self.shared.bucket);
        let stored = bucket.objects.get_mut(key);
        change(stored.unwrap_or_else(|| panic!("no object {key}")));
    }

    /// Multipart uploads that are neither complete nor aborted.
    pub fn unfinished_uploads(&self) -> usize {
        lock(&self.shared.bucket).uploads.len()
    }
}

async fn accept(listener: TcpListener, shared: Arc<FaultyState>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, shared.clone()));
    }
}

async fn serve(stream: TcpStream, shared: Arc<FaultyState>) {
    let service = service_fn(|request| shared.answer(request));
    let http = hyper::server::conn::http1::Builder::new();
    // Ends in an error wherever a fault cuts it off.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

/// Ends the connection without a response.
type Cut = Box<dyn std::error::Error + Send + Sync>;

impl FaultyState {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (parts, body) = request.into_parts();
        let call = Call::read(&parts);
        // Sent periodically, so their number is not predictable.
        let is_look_at_blocks =
            call.operation == Operation::HeadObject && call.key.ends_with(".tintype/blocks.json");
        if !is_look_at_blocks {
            *lock(&self.asked).entry(call.operation).or_default() += 1;
        }
        let fault = lock(&self.script).take(&call);
        match fault {
            Some(Fault::Cut) => return Err("cut on purpose".into()),
            Some(Fault::Stall) => return std::future::pending().await,
            _ => {}
        }
        // Read in any case: a client that is still sending might never see a response.
        let content = Content::receive(body, self.discards.load(Ordering::Relaxed)).await?;
        self.received.fetch_add(content.len(), Ordering::Relaxed);
        let mut answer = match fault {
            Some(Fault::Refuse(status, code)) => S3Response::error(status, code),
            Some(Fault::RefuseInside200(code)) => S3Response::error(200, code),
            Some(Fault::NotS3) => S3Response::page(),
            Some(fault) => self.perform_badly(fault, &call, &parts, content).await?,
            None => self.perform(&call, &parts, content),
        };
        answer.head_only = call.operation == Operation::HeadObject;
        Ok(answer.send(fault, self.sent.clone()))
    }

    async fn perform_badly(
        &self,
        fault: Fault,
        call: &Call,
        parts: &Parts,
        content: Content,
    ) -> Result<S3Response, Cut> {
        let answer = self.perform(call, parts, content);
        if let Fault::Late(time) = fault {
            tokio::time::sleep(time).await;
        }
        if fault == Fault::StoreShort {
            lock(&self.bucket).shorten(&call.key);
        }
        match fault {
            Fault::LoseAnswer => Err("cut on purpose".into()),
            fault => Ok(answer.spoilt(fault)),
        }
    }

    fn perform(&self, call: &Call, parts: &Parts, content: Content) -> S3Response {
        if call.is_elsewhere() {
            return S3Response::error(404, "NoSuchBucket");
        }
        let headers = &parts.headers;
        let bucket = &mut *lock(&self.bucket);
        let outcome = match call.operation {
            Operation::AbortMultipartUpload => write::abort(bucket, call),
            Operation::CompleteMultipartUpload => write::complete(bucket, call, headers, &content),
            Operation::CopyObject => write::copy(bucket, call, headers),
            Operation::CreateMultipartUpload => write::create_upload(bucket, call, headers),
            Operation::DeleteObject => write::delete(bucket, call, headers),
            Operation::DeleteObjects => write::delete_many(bucket, &content),
            Operation::GetBucketVersioning => read::versioning(bucket),
            Operation::GetObject | Operation::HeadObject => read::get(bucket, call, headers),
            Operation::ListMultipartUploads => read::uploads(bucket, call),
            Operation::ListObjectsV2 => read::list(bucket, call),
            Operation::PutObject => write::put(bucket, call, headers, content),
            Operation::UploadPart => write::put_part(bucket, call, headers, content),
            Operation::UploadPartCopy => write::copy_part(bucket, call, headers),
            Operation::Unknown => Err(Refusal(501, "NotImplemented")),
        };
        outcome.unwrap_or_else(|Refusal(status, code)| S3Response::error(status, code))
    }
}

/// Also works after a test that panicked with the lock held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
