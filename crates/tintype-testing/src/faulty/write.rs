//! Operations that change the bucket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use md5::{Digest, Md5};
use sha2::Sha256;

use super::bucket::{Bucket, Stored, quoted};
use super::content::Content;
use super::operation::{Call, decoded};
use super::response::{Refusal, S3Response};
use super::xml;

type S3Result = Result<S3Response, Refusal>;

pub(super) fn put(
    bucket: &mut Bucket,
    call: &Call,
    headers: &HeaderMap,
    content: Content,
) -> S3Result {
    let checksum = verified(headers, &content)?;
    bucket.allows(&call.key, headers)?;
    let mut object = Stored::new(content, own(headers));
    object.checksum = checksum;
    let answer = written(&object);
    bucket.objects.insert(call.key.clone(), object);
    Ok(answer)
}

pub(super) fn delete(bucket: &mut Bucket, call: &Call, headers: &HeaderMap) -> S3Result {
    bucket.allows(&call.key, headers)?;
    bucket.objects.remove(&call.key);
    Ok(S3Response::new(204))
}

pub(super) fn delete_many(bucket: &mut Bucket, content: &Content) -> S3Result {
    for key in xml::all(&text(content), "Key") {
        bucket.objects.remove(&xml::unescaped(key));
    }
    Ok(S3Response::xml(200, "<DeleteResult></DeleteResult>".into()))
}

pub(super) fn copy(bucket: &mut Bucket, call: &Call, headers: &HeaderMap) -> S3Result {
    let source = source(bucket, headers)?;
    bucket.allows(&call.key, headers)?;
    let replaces = header(headers, "x-amz-metadata-directive") == "REPLACE";
    let own = if replaces {
        own(headers)
    } else {
        source.headers
    };
    let object = Stored::new(source.content, own);
    let etag = xml::element("ETag", quoted(&object.etag));
    bucket.objects.insert(call.key.clone(), object);
    Ok(S3Response::xml(
        200,
        format!("<CopyObjectResult>{etag}</CopyObjectResult>"),
    ))
}

pub(super) fn create_upload(bucket: &mut Bucket, call: &Call, headers: &HeaderMap) -> S3Result {
    let id = bucket.begin(&call.key, own(headers));
    let text = xml::element("Key", &call.key) + &xml::element("UploadId", id);
    Ok(S3Response::xml(
        200,
        format!("<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>"),
    ))
}

pub(super) fn put_part(
    bucket: &mut Bucket,
    call: &Call,
    headers: &HeaderMap,
    content: Content,
) -> S3Result {
    let checksum = verified(headers, &content)?;
    let mut part = Stored::new(content, HeaderMap::new());
    part.checksum = checksum;
    let answer = written(&part);
    keep_part(bucket, call, part)?;
    Ok(answer)
}

pub(super) fn copy_part(bucket: &mut Bucket, call: &Call, headers: &HeaderMap) -> S3Result {
    let source = source(bucket, headers)?.content;
    let range = header(headers, "x-amz-copy-source-range");
    let content = match range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    {
        None => source,
        Some((start, last)) => {
            let (start, last): (u64, u64) = (start.parse().unwrap(), last.parse().unwrap());
            if last >= source.len() {
                return Err(Refusal(416, "InvalidRange"));
            }
            source.slice(start, last + 1)
        }
    };
    let part = Stored::new(content, HeaderMap::new());
    let etag = xml::element("ETag", quoted(&part.etag));
    keep_part(bucket, call, part)?;
    Ok(S3Response::xml(
        200,
        format!("<CopyPartResult>{etag}</CopyPartResult>"),
    ))
}

pub(super) fn complete(
    bucket: &mut Bucket,
    call: &Call,
    headers: &HeaderMap,
    content: &Content,
) -> S3Result {
    let text = text(content);
    let field = |part, name| xml::all(part, name).first().copied().unwrap_or_default();
    let named: Vec<_> = xml::all(&text, "Part")
        .into_iter()
        .map(|part| {
            let etag = xml::unescaped(field(part, "ETag"));
            let number = field(part, "PartNumber").parse().unwrap();
            (number, etag.trim_matches('"').to_owned())
        })
        .collect();
    let object = bucket.complete(&call.key, call.parameter("uploadId"), &named, headers)?;
    let text = xml::element("Key", &call.key) + &xml::element("ETag", quoted(&object.etag));
    Ok(S3Response::xml(
        200,
        format!("<CompleteMultipartUploadResult>{text}</CompleteMultipartUploadResult>"),
    ))
}

pub(super) fn abort(bucket: &mut Bucket, call: &Call) -> S3Result {
    bucket.upload(&call.key, call.parameter("uploadId"))?;
    bucket.uploads.remove(call.parameter("uploadId"));
    Ok(S3Response::new(204))
}

fn keep_part(bucket: &mut Bucket, call: &Call, part: Stored) -> Result<(), Refusal> {
    let number = call.parameter("partNumber").parse().unwrap();
    let upload = bucket.upload(&call.key, call.parameter("uploadId"))?;
    upload.parts.insert(number, part);
    Ok(())
}

fn written(object: &Stored) -> S3Response {
    let answer = S3Response::new(200).with("etag", &quoted(&object.etag));
    match &object.checksum {
        Some((name, value)) => answer.with(name, value),
        None => answer,
    }
}

/// Verifies the checksum that was sent with the bytes.
fn verified(
    headers: &HeaderMap,
    content: &Content,
) -> Result<Option<(&'static str, String)>, Refusal> {
    let streaming = header(headers, "x-amz-content-sha256").starts_with("STREAMING-");
    if streaming || header(headers, "content-encoding").contains("aws-chunked") {
        // Framed bodies are for clients that know a checksum only at the end.
        return Err(Refusal(501, "NotImplemented"));
    }
    type Sum = fn(&[u8]) -> Vec<u8>;
    const CRC32: &str = "x-amz-checksum-crc32";
    const SHA256: &str = "x-amz-checksum-sha256";
    let sums: [(&'static str, Sum); 3] = [
        (CRC32, |bytes| crc32fast::hash(bytes).to_be_bytes().into()),
        (SHA256, |bytes| Sha256::digest(bytes).to_vec()),
        ("content-md5", |bytes| Md5::digest(bytes).to_vec()),
    ];
    let mut kept = None;
    for (name, sum) in sums {
        let sent = header(headers, name);
        if sent.is_empty() {
            continue;
        }
        if let Content::Kept(bytes) = content
            && STANDARD.encode(sum(bytes)) != sent
        {
            return Err(Refusal(400, "BadDigest"));
        }
        if name != "content-md5" {
            kept = Some((name, sent.to_owned()));
        }
    }
    Ok(kept)
}

fn source(bucket: &Bucket, headers: &HeaderMap) -> Result<Stored, Refusal> {
    let name = decoded(header(headers, "x-amz-copy-source"));
    let key = name
        .trim_start_matches('/')
        .split_once('/')
        .map(|(_, key)| key);
    let object = key.and_then(|key| bucket.objects.get(key));
    let object = object.ok_or(Refusal(404, "NoSuchKey"))?;
    let wanted = header(headers, "x-amz-copy-source-if-match");
    if !wanted.is_empty() && wanted != quoted(&object.etag) {
        return Err(Refusal(412, "PreconditionFailed"));
    }
    Ok(object.clone())
}

/// The headers of a write that are stored with the object.
fn own(headers: &HeaderMap) -> HeaderMap {
    let stays = |name: &str| {
        name.starts_with("x-amz-meta-")
            || name.starts_with("x-amz-server-side-encryption")
            || name == "x-amz-storage-class"
            || name == "content-type"
            || name == "content-encoding"
    };
    let own = headers.iter().filter(|(name, _)| stays(name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).map(HeaderValue::to_str);
    value.map_or("", Result::unwrap)
}

fn text(content: &Content) -> String {
    match content {
        Content::Kept(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Content::Zeros(_) => String::new(),
    }
}
