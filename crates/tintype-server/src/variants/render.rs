//! Renders a variant from its original.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use tintype_imaging::render::{self, Rendered};
use tintype_imaging::spec::Resolved;
use tintype_imaging::{cost, memory};
use tintype_store::{ETag, Key, Object, in_background};
use tokio::runtime::Handle;

use super::gathering::RenderResult;
use super::mezzanine::Mezzanine;
use super::{Fetched, RenderTimings, Variants};
use crate::error::{Code, Error};
use crate::originals::coding;
use crate::records::StoredRecord;
use crate::records::record::{Encoding, Record};
use crate::workers::{Cost, JobContext, JobKind, Priority};

/// Renders wait for others if their decode takes this long, and most of their time: what each takes by itself delays
/// the others.
const GATHERED_FROM: Duration = Duration::from_millis(20);

/// Renders a variant, from the mezzanine where that is good enough for it.
pub(super) async fn render_variant(
    variants: &Arc<Variants>,
    key: &Key,
    stored: &Arc<StoredRecord>,
    resolved: Resolved,
    priority: Priority,
    deadline: Instant,
) -> RenderResult {
    let Some(mezzanine) = mezzanine(variants, &stored.record, &resolved) else {
        return render_original(variants, key, stored, resolved, priority, deadline).await;
    };
    let fetched = variants.fetch_mezzanine(key, stored, mezzanine.resolved.clone());
    let Fetched { variant, work, .. } = fetched.await?;
    // The cost of the whole image, whatever the crop.
    let whole = Resolved::whole(mezzanine.resolved.size, resolved.output(), resolved.format);
    let cost = cost(&mezzanine.source(variant.bytes.len()), &whole);
    let (shared, of) = (variants.clone(), mezzanine.of);
    let job = move |shift: &mut JobContext| {
        let (bytes, limits) = (&variant.bytes, &shared.imaging);
        let rendered = render::render_copy(bytes, of, &resolved, limits, shift.deadline);
        Ok(vec![rendered.map_err(Error::from)])
    };
    let (rendered, own) = only(run(variants, cost, job, priority, deadline).await?)?;
    Ok((rendered, own.after(work)))
}

fn mezzanine(variants: &Variants, record: &Record, resolved: &Resolved) -> Option<Mezzanine> {
    let mezzanine =
        Mezzanine::of(record, resolved).filter(|_| variants.config.pictures.mezzanine)?;
    // A mezzanine that needs more memory than all jobs may have is not made.
    let fits = |cost: Cost| cost.bytes <= variants.pool.limits().bytes;
    let cost = cost_of(record, &mezzanine.resolved);
    cost.is_some_and(fits).then_some(mezzanine)
}

async fn render_original(
    variants: &Arc<Variants>,
    key: &Key,
    stored: &Arc<StoredRecord>,
    resolved: Resolved,
    priority: Priority,
    deadline: Instant,
) -> RenderResult {
    let source = source(&stored.record);
    let source = source.ok_or_else(|| Error::new(Code::UnsupportedFormat))?;
    let expected = cost::expect(&source, &resolved);
    let own = expected.resize + expected.encode;
    let is_gathered = priority == Priority::Request
        && cost::is_shared(&source, &resolved)
        && expected.decode >= own.max(GATHERED_FROM);
    if !is_gathered {
        let wanted = vec![resolved];
        return only(
            render_all(variants, key, (stored, &source), wanted, priority, deadline).await,
        );
    }
    let original = (key.clone(), stored.record.etag.clone());
    let (shared, key, stored) = (variants.clone(), key.clone(), stored.clone());
    let make = move |wanted: Vec<Resolved>| async move {
        // Each may fit into memory though all together do not.
        let fits = memory::render_all(&source, &wanted) <= shared.pool.limits().bytes;
        let groups = match fits {
            true => vec![wanted],
            false => wanted.into_iter().map(|one| vec![one]).collect(),
        };
        let groups = groups
            .into_iter()
            .map(|group| render_all(&shared, &key, (&stored, &source), group, priority, deadline));
        join_all(groups).await.concat()
    };
    variants
        .gatherings
        .join(original, (resolved, own), make)
        .await
}

/// Renders from one read and, where it can be shared, one decode. Returns one result each.
async fn render_all(
    variants: &Arc<Variants>,
    key: &Key,
    (stored, source): (&Arc<StoredRecord>, &cost::SourceImage),
    wanted: Vec<Resolved>,
    priority: Priority,
    deadline: Instant,
) -> Vec<RenderResult> {
    let record = &stored.record;
    let cost = cost_of_all(source, &wanted);
    let count = wanted.len();
    let runtime = Handle::current();
    let (shared, key, etag) = (variants.clone(), key.clone(), record.etag.clone());
    let (encoding, unpacked) = (record.encoding.clone(), record.decoded_size());
    let job = move |shift: &mut JobContext| {
        let deadline = shift.deadline;
        // Read inside the worker, so that queued jobs hold no bytes; the budget already covers them.
        let reading = read_original(&shared, &key, &etag, encoding.as_ref(), unpacked, deadline);
        let bytes = shift.fetch(|| match priority {
            Priority::Request => runtime.block_on(reading),
            Priority::Background => runtime.block_on(in_background(reading)),
        })?;
        let rendered = match wanted.as_slice() {
            [one] => vec![render::render(&bytes, one, &shared.imaging, deadline)],
            several => render::render_all(&bytes, several, &shared.imaging, deadline),
        };
        let rendered = rendered.into_iter().map(|rendered| {
            let rendered = rendered.map_err(Error::from);
            rendered.inspect_err(|error| shared.metrics.decode_rejected(error))
        });
        let rendered: Vec<_> = rendered.collect();
        // A job that failed says nothing about what others of its kind take.
        match <[_; 1]>::try_from(rendered) {
            Ok([one]) => one.map(|one| vec![Ok(one)]),
            Err(several) => Ok(several),
        }
    };
    run(variants, cost, job, priority, deadline)
        .await
        .unwrap_or_else(|error| vec![Err(error); count])
}

fn only(mut made: Vec<RenderResult>) -> RenderResult {
    made.pop()
        .unwrap_or_else(|| Err(Error::new(Code::Internal).cause("a render has no result")))
}

/// Renders on a pixel thread.
async fn run(
    variants: &Variants,
    cost: Cost,
    job: impl FnOnce(&mut JobContext) -> Result<Vec<Result<Rendered, Error>>, Error> + Send + 'static,
    priority: Priority,
    deadline: Instant,
) -> Result<Vec<RenderResult>, Error> {
    let done = variants.pool.run(priority, deadline, cost, job).await?;
    if priority == Priority::Request {
        variants.metrics.queue_waited(done.waited);
    }
    let made = done.result?;
    variants.metrics.stage("fetch", done.fetched);
    let made = made.into_iter().map(|rendered| {
        let rendered = rendered?;
        let timings = rendered.timings;
        // Only one of those that share a decode is charged for it.
        if timings.decode > Duration::ZERO {
            variants.metrics.stage("decode", timings.decode);
        }
        variants.metrics.stage("resize", timings.resize);
        variants.metrics.stage("encode", timings.encode);
        let work = RenderTimings {
            queued: done.queued,
            waited: done.waited,
            fetched: done.fetched,
            timings,
        };
        Ok((rendered, work))
    });
    Ok(made.collect())
}

/// `None` if nothing can be rendered from this original.
fn source(record: &Record) -> Option<cost::SourceImage> {
    record.image.as_ref()?.source(record.decoded_size())
}

pub(super) fn cost_of(record: &Record, resolved: &Resolved) -> Option<Cost> {
    Some(cost(&source(record)?, resolved))
}

fn cost(source: &cost::SourceImage, resolved: &Resolved) -> Cost {
    Cost {
        kind: match resolved.animated {
            true => JobKind::Animation,
            false => JobKind::Render(resolved.format),
        },
        time: cost::expect(source, resolved).total(),
        bytes: memory::render(source, resolved),
    }
}

fn cost_of_all(source: &cost::SourceImage, wanted: &[Resolved]) -> Cost {
    match wanted {
        [one] => cost(source, one),
        several => Cost {
            kind: JobKind::Render(several[0].format),
            time: cost::expect_all(source, several).total(),
            bytes: memory::render_all(source, several),
        },
    }
}

pub(super) fn expected(record: &Record, resolved: &Resolved) -> Option<cost::ExpectedTimes> {
    Some(cost::expect(&source(record)?, resolved))
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
            // Limited to what was claimed for it.
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
