//! From an original to the bytes of a variant.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tintype_imaging::render::{self, Rendered};
use tintype_imaging::spec::Resolved;
use tintype_imaging::{cost, memory};
use tintype_store::{ETag, Key, Object, in_background};
use tokio::runtime::Handle;

use super::mezzanine::Mezzanine;
use super::{Fetched, Variants, Work};
use crate::error::{Code, Error};
use crate::originals::coding;
use crate::records::StoredRecord;
use crate::records::record::{Encoding, Record};
use crate::workers::{Cost, Kind, Priority, Shift};

/// Renders a variant, by way of the mezzanine where that is good enough for it.
pub(super) async fn render_variant(
    variants: &Arc<Variants>,
    key: &Key,
    stored: &Arc<StoredRecord>,
    resolved: Resolved,
    priority: Priority,
    deadline: Instant,
) -> Result<(Rendered, Work), Error> {
    let Some(mezzanine) = mezzanine(variants, &stored.record, &resolved) else {
        let record = &stored.record;
        return render_original(variants, key, record, resolved, priority, deadline).await;
    };
    let fetched = variants.fetch_mezzanine(key, stored, mezzanine.resolved.clone());
    let Fetched { variant, work, .. } = fetched.await?;
    // All of it at most, whatever the crop.
    let whole = Resolved::whole(mezzanine.resolved.size, resolved.output(), resolved.format);
    let cost = cost(&mezzanine.source(variant.bytes.len()), &whole);
    let (shared, of) = (variants.clone(), mezzanine.of);
    let job = move |shift: &mut Shift| {
        let (bytes, limits) = (&variant.bytes, &shared.imaging);
        let rendered = render::render_copy(bytes, of, &resolved, limits, shift.deadline);
        rendered.map_err(Error::from)
    };
    let (rendered, own) = run(variants, cost, job, priority, deadline).await?;
    Ok((rendered, own.after(work)))
}

fn mezzanine(variants: &Variants, record: &Record, resolved: &Resolved) -> Option<Mezzanine> {
    let mezzanine =
        Mezzanine::of(record, resolved).filter(|_| variants.config.pictures.mezzanine)?;
    // One that takes more memory than there is for all jobs is not made.
    let fits = |cost: Cost| cost.bytes <= variants.pool.limits().bytes;
    let cost = cost_of(record, &mezzanine.resolved);
    cost.is_some_and(fits).then_some(mezzanine)
}

async fn render_original(
    variants: &Arc<Variants>,
    key: &Key,
    record: &Record,
    resolved: Resolved,
    priority: Priority,
    deadline: Instant,
) -> Result<(Rendered, Work), Error> {
    let cost = cost_of(record, &resolved).ok_or_else(|| Error::new(Code::UnsupportedFormat))?;
    let runtime = Handle::current();
    let (shared, key, etag) = (variants.clone(), key.clone(), record.etag.clone());
    let (encoding, unpacked) = (record.encoding.clone(), record.decoded_size());
    let job = move |shift: &mut Shift| {
        let deadline = shift.deadline;
        // Read inside the worker, so that queued jobs hold no bytes; the budget already covers them.
        let reading = read_original(&shared, &key, &etag, encoding.as_ref(), unpacked, deadline);
        let bytes = shift.fetch(|| match priority {
            Priority::Request => runtime.block_on(reading),
            Priority::Background => runtime.block_on(in_background(reading)),
        })?;
        let rendered = render::render(&bytes, &resolved, &shared.imaging, deadline);
        let rendered = rendered.map_err(Error::from);
        rendered.inspect_err(|error| shared.metrics.decode_rejected(error))
    };
    run(variants, cost, job, priority, deadline).await
}

/// Renders on a pixel thread.
async fn run(
    variants: &Variants,
    cost: Cost,
    job: impl FnOnce(&mut Shift) -> Result<Rendered, Error> + Send + 'static,
    priority: Priority,
    deadline: Instant,
) -> Result<(Rendered, Work), Error> {
    let done = variants.pool.run(priority, deadline, cost, job).await?;
    let rendered = done.result?;
    let work = Work {
        queued: done.queued,
        waited: done.waited,
        fetched: done.fetched,
        timings: rendered.timings,
    };
    if priority == Priority::Request {
        variants.metrics.queue_waited(work.waited);
    }
    variants.metrics.stage("fetch", work.fetched);
    variants.metrics.stage("decode", work.timings.decode);
    variants.metrics.stage("resize", work.timings.resize);
    variants.metrics.stage("encode", work.timings.encode);
    Ok((rendered, work))
}

/// `None`: of this original nothing can be rendered.
pub(super) fn cost_of(record: &Record, resolved: &Resolved) -> Option<Cost> {
    let source = record.image.as_ref()?.source(record.decoded_size())?;
    Some(cost(&source, resolved))
}

fn cost(source: &cost::Source, resolved: &Resolved) -> Cost {
    Cost {
        kind: match resolved.animated {
            true => Kind::Animation,
            false => Kind::Render(resolved.format),
        },
        time: cost::expect(source, resolved).total(),
        bytes: memory::render(source, resolved),
    }
}

pub(super) fn expected(record: &Record, resolved: &Resolved) -> Option<cost::Expected> {
    let source = record.image.as_ref()?.source(record.decoded_size())?;
    Some(cost::expect(&source, resolved))
}

async fn read_original(
    variants: &Variants,
    key: &Key,
    etag: &ETag,
    encoding: Option<&Encoding>,
    unpacked: u64,
    deadline: Instant,
) -> Result<Bytes, Error> {
    let reading = async {
        let object = Object::Original(key.clone());
        let got = variants.store.get(&object, None, Some(etag)).await?;
        let got = got.ok_or_else(|| Error::no_original(key))?;
        let limit = variants.imaging.max_file_bytes;
        let bytes = got.body.into_bytes(limit).await?;
        match encoding.filter(|encoding| encoding.is_gzip()) {
            None => Ok(bytes),
            // No more than was claimed for it.
            Some(_) => match coding::decode(bytes, unpacked).await {
                Ok(decoded) => Ok(decoded.bytes),
                Err(error) => Err(Error::new(Code::CorruptImage).cause(error)),
            },
        }
    };
    match tokio::time::timeout_at(deadline.into(), reading).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(Code::DeadlineExceeded)),
    }
}
