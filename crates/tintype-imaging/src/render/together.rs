//! Renders several variants of one original from one decode, which is most of the work for a large photograph.

use std::io::Cursor;
use std::time::Instant;

use super::shrink::Shrink;
use super::{Plan, Rendered, render};
use crate::Error;
use crate::decode::{self, Band, Needed};
use crate::limits::Limits;
use crate::probe::{self, Container};
use crate::spec::Resolved;

/// Renders each variant to the same bytes as [`render`] does.
pub fn render_all(
    bytes: &[u8],
    resolved: &[Resolved],
    limits: &Limits,
    deadline: Instant,
) -> Vec<Result<Rendered, Error>> {
    let together = together(bytes, resolved, limits, deadline).unwrap_or_default();
    let mut together = together.into_iter();
    let each = resolved.iter().map(|resolved| match together.next() {
        Some(Some(rendered)) => rendered,
        _ => render(bytes, resolved, limits, deadline),
    });
    each.collect()
}

/// The variants that could share a decode, by index. `None` if fewer than two can, or if anything fails: each is then
/// rendered, or fails, alone.
fn together(
    bytes: &[u8],
    resolved: &[Resolved],
    limits: &Limits,
    deadline: Instant,
) -> Option<Vec<Option<Result<Rendered, Error>>>> {
    let container = probe::container(Cursor::new(bytes), limits, deadline).ok()?;
    let header = &container.header;
    let plans = resolved.iter().map(|resolved| {
        if resolved.look.is_some() || resolved.animated {
            return None;
        }
        let plan = Plan::new(bytes, &container, header.upright(), resolved).ok()?;
        let Needed { part, target, .. } = plan.stored.needed();
        decode::is_shared(header.format, header.channels(), (part, target)).then_some(plan)
    });
    let plans: Vec<Option<Plan>> = plans.collect();
    let shared: Vec<&Plan> = plans.iter().flatten().collect();
    if shared.len() < 2 {
        return None;
    }
    let start = Instant::now();
    let shrinks = open(bytes, &container, &shared, limits, deadline)?;
    let resizing = shrinks.iter().map(Shrink::spent).sum();
    let mut decode = start.elapsed().saturating_sub(resizing);
    let mut shrinks = shrinks.into_iter();
    let each = resolved.iter().zip(&plans).map(|(resolved, plan)| {
        let (plan, shrink) = (plan.as_ref()?, shrinks.next()?);
        let finish = || {
            let shrunk = shrink.finish()?;
            // Counted once.
            let decode = std::mem::take(&mut decode);
            plan.finish(
                bytes,
                &container,
                resolved,
                (shrunk, decode),
                limits,
                deadline,
            )
        };
        Some(finish())
    });
    Some(each.collect())
}

/// `None` if decoding fails or finds damage, after which a decode for one scale may read the file differently.
fn open<'a>(
    bytes: &[u8],
    container: &'a Container,
    plans: &[&'a Plan],
    limits: &Limits,
    deadline: Instant,
) -> Option<Vec<Shrink<'a>>> {
    let shrinks = plans.iter();
    let shrinks = shrinks.map(|plan| Shrink::new(container, &plan.stored, deadline));
    let mut shrinks: Vec<Shrink<'_>> = shrinks.collect();
    let needed = plans.iter().map(|plan| plan.stored.needed());
    let needed: Vec<Needed> = needed.collect();
    let mut take = |index: usize, band: Band<'_>| shrinks[index].take(band);
    let decoded = decode::decode_all(bytes, container, &needed, limits, deadline, &mut take);
    matches!(decoded, Ok(false)).then_some(shrinks)
}
