//! Responses in S3's format, and what a fault makes of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};

use super::content::Content;
use super::fault::Fault;
use super::xml;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) struct S3Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// For `HEAD`: has a length and sends no body.
    pub(super) head_only: bool,
}

/// A status and an error code of S3.
#[derive(Clone, Copy)]
pub(super) struct Refusal(pub(super) u16, pub(super) &'static str);

impl S3Response {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            content: Content::from(String::new()),
            head_only: false,
        }
    }

    pub(super) fn xml(status: u16, text: String) -> Self {
        let mut answer = Self::new(status).with("content-type", "application/xml");
        answer.content = Content::from(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}"
        ));
        answer
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        let message = match code {
            "AuthorizationHeaderMalformed" => "the region 'elsewhere' is expected",
            _ => "as the test has it",
        };
        let text = xml::element("Code", code) + &xml::element("Message", message);
        Self::xml(status, format!("<Error>{text}</Error>"))
    }

    /// A page from an ordinary web server.
    pub(super) fn page() -> Self {
        let mut answer = Self::new(200).with("content-type", "text/html");
        answer.content = Content::from("<!doctype html><p>It works!".to_owned());
        answer
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.insert(name, value);
        self
    }

    /// Applies a fault to a correct response.
    pub(super) fn spoilt(mut self, fault: Fault) -> Self {
        match fault {
            Fault::AlterBody => self.content = self.content.altered(),
            Fault::WrongETag if self.headers.contains_key("etag") => {
                self = self.with("etag", "\"0123456789abcdef0123456789abcdef\"");
            }
            Fault::WrongChecksum => {
                for (name, value) in &mut self.headers {
                    if name.as_str().starts_with("x-amz-checksum-") {
                        // The checksum of four zero bytes, which nothing that is sent has.
                        *value = HeaderValue::from_static("AAAAAA==");
                    }
                }
            }
            _ => {}
        }
        self
    }

    /// Sends the response, counting its bytes in `sent`.
    pub(super) fn send(self, fault: Option<Fault>, sent: Arc<AtomicU64>) -> Response<Body> {
        let len = self.content.len();
        let (end, stalls) = match fault {
            Some(Fault::CutBody(end)) => (end, false),
            Some(Fault::StallBody(end)) => (end, true),
            _ => (u64::MAX, false),
        };
        let content = match self.head_only {
            true => Content::from(String::new()),
            false => self.content,
        };
        let chunks = stream::unfold((content, 0), move |(content, at)| {
            let sent = sent.clone();
            async move {
                if at >= end && at < content.len() {
                    if stalls {
                        std::future::pending::<()>().await;
                    }
                    let cut = io::Error::other("cut on purpose");
                    return Some((Err(cut), (content, u64::MAX)));
                }
                let mut chunk = content.chunk(at);
                chunk.truncate(usize::try_from(end.saturating_sub(at)).unwrap());
                if chunk.is_empty() {
                    return None;
                }
                let at = at + chunk.len() as u64;
                sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Some((Ok(Frame::data(chunk)), (content, at)))
            }
        });
        let mut response = Response::new(StreamBody::new(chunks).boxed_unsync());
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = self.headers;
        if self.status != 204 && self.status != 304 {
            response.headers_mut().insert("content-length", len.into());
        }
        response
    }
}
