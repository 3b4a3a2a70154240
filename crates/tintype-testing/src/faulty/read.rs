//! Operations that only read.

use std::time::SystemTime;

use http::HeaderMap;

use super::bucket::{Bucket, Stored, quoted};
use super::operation::Call;
use super::response::{Refusal, S3Response};
use super::xml;

type S3Result = Result<S3Response, Refusal>;

pub(super) fn get(bucket: &Bucket, call: &Call, headers: &HeaderMap) -> S3Result {
    let object = bucket.objects.get(&call.key);
    let object = object.ok_or(Refusal(404, "NoSuchKey"))?;
    let etag = quoted(&object.etag);
    let is = |name: &str| headers.get(name).is_some_and(|value| *value == *etag);
    if headers.contains_key("if-match") && !is("if-match") {
        return Err(Refusal(412, "PreconditionFailed"));
    }
    if is("if-none-match") {
        return Ok(S3Response::new(304));
    }
    let mut answer = S3Response::new(200);
    answer.headers = object.headers.clone();
    let modified = httpdate::fmt_http_date(object.modified);
    answer = answer.with("etag", &etag).with("last-modified", &modified);
    answer = answer.with("accept-ranges", "bytes");
    match headers.get("range") {
        Some(range) => part(object, range.to_str().unwrap(), answer),
        None => {
            if let Some((name, value)) = &object.checksum
                && headers.contains_key("x-amz-checksum-mode")
            {
                answer = answer.with(name, value);
            }
            answer.content = object.content.clone();
            Ok(answer)
        }
    }
}

fn part(object: &Stored, range: &str, mut answer: S3Response) -> S3Result {
    let size = object.content.len();
    let (start, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let (start, end) = match (start.parse::<u64>(), last.parse::<u64>()) {
        (Ok(start), Ok(last)) => (start, size.min(last.saturating_add(1))),
        (Ok(start), Err(_)) => (start, size),
        (Err(_), Ok(suffix)) => (size.saturating_sub(suffix), size),
        (Err(_), Err(_)) => (0, 0),
    };
    if start >= end {
        let all = format!("bytes */{size}");
        return Ok(S3Response::error(416, "InvalidRange").with("content-range", &all));
    }
    answer.status = 206;
    answer.content = object.content.slice(start, end);
    Ok(answer.with(
        "content-range",
        &format!("bytes {start}-{}/{size}", end - 1),
    ))
}

pub(super) fn list(bucket: &Bucket, call: &Call) -> S3Result {
    let (prefix, delimiter) = (call.parameter("prefix"), call.parameter("delimiter"));
    let encoded = call.parameter("encoding-type") == "url";
    let most: usize = call.parameter("max-keys").parse().unwrap_or(1_000);
    // Both are names after which the page begins.
    let after = match call.parameter("continuation-token") {
        "" => call.parameter("start-after"),
        token => token,
    };
    let (mut entries, mut folders) = (String::new(), Vec::<String>::new());
    let (mut count, mut truncated, mut last) = (0, false, String::new());
    for (key, object) in bucket
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix))
    {
        let rest = &key[prefix.len()..];
        let folder = match delimiter {
            "" => None,
            delimiter => rest.find(delimiter).map(|at| &key[..prefix.len() + at + 1]),
        };
        let name = folder.unwrap_or(key);
        if name <= after || key.as_str() <= after || folders.last().is_some_and(|last| last == name)
        {
            continue;
        }
        if count == most {
            truncated = true;
            break;
        }
        count += 1;
        name.clone_into(&mut last);
        match folder {
            Some(folder) => folders.push(folder.to_owned()),
            None => entries.push_str(&entry(key, object, encoded)),
        }
    }
    let mut text = xml::element("IsTruncated", truncated) + &xml::element("KeyCount", count);
    if truncated {
        text.push_str(&xml::element("NextContinuationToken", last));
    }
    if encoded {
        text.push_str(&xml::element("EncodingType", "url"));
    }
    text.push_str(&entries);
    for folder in folders {
        let prefix = xml::name("Prefix", &folder, encoded);
        text.push_str(&format!("<CommonPrefixes>{prefix}</CommonPrefixes>"));
    }
    Ok(S3Response::xml(
        200,
        format!("<ListBucketResult>{text}</ListBucketResult>"),
    ))
}

fn entry(key: &str, object: &Stored, encoded: bool) -> String {
    let text = [
        xml::name("Key", key, encoded),
        xml::element("LastModified", timestamp(object.modified)),
        xml::element("ETag", quoted(&object.etag)),
        xml::element("Size", object.content.len()),
    ];
    format!("<Contents>{}</Contents>", text.concat())
}

pub(super) fn uploads(bucket: &Bucket, call: &Call) -> S3Result {
    let prefix = call.parameter("prefix");
    let uploads = bucket.uploads.iter();
    let uploads = uploads.filter(|(_, upload)| upload.key.starts_with(prefix));
    let text: String = uploads
        .map(|(id, upload)| {
            let text = [
                xml::element("Key", &upload.key),
                xml::element("UploadId", id),
                xml::element("Initiated", timestamp(upload.begun)),
            ];
            format!("<Upload>{}</Upload>", text.concat())
        })
        .collect();
    let text = xml::element("IsTruncated", false) + &text;
    Ok(S3Response::xml(
        200,
        format!("<ListMultipartUploadsResult>{text}</ListMultipartUploadsResult>"),
    ))
}

pub(super) fn versioning(bucket: &Bucket) -> S3Result {
    let status = match bucket.unversioned {
        true => String::new(),
        false => xml::element("Status", "Enabled"),
    };
    let text = format!("<VersioningConfiguration>{status}</VersioningConfiguration>");
    Ok(S3Response::xml(200, text))
}

/// In XML format, in whole seconds: `2026-11-23T01:02:03Z`.
fn timestamp(time: SystemTime) -> String {
    let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    jiff::Timestamp::from_second(time.as_secs().try_into().unwrap())
        .unwrap()
        .to_string()
}
