//! Who may have what by URL alone: signatures, expiry, and what needs neither.

use tintype_imaging::spec::{Decimal, Request};

use super::{DeliveryPath, FormatItem, SigningKey, SpecUrl, verify};

/// What is delivered without a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    None,
    /// A bare preset, with `dpr`, `v` and an image `f`: as many pictures as the presets allow.
    Presets,
    Any,
}

/// Who may have the original itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Originals {
    Public,
    Signed,
}

/// How a request came to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Signed,
    Unsigned,
}

/// Why a request is refused. Decided before any store is touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("url is not signed")]
    Missing,
    #[error("signature is not of this url")]
    Invalid,
    #[error("url has expired")]
    Expired,
    #[error("an unsigned dpr is one of 1, 1.5, 2 and 3")]
    Dpr,
}

/// The pixel densities of screens that exist. Each more would be another copy in every cache.
const UNSIGNED_DPR: [Decimal; 4] = [
    Decimal::ONE,
    Decimal::from_millionths(1_500_000),
    Decimal::from_millionths(2_000_000),
    Decimal::from_millionths(3_000_000),
];

/// `now` in Unix seconds. A signature that is there must be right, also where none is needed, so
/// that a mistake in signing shows before signatures are required. Without keys there is nothing
/// to compare it with, and it is refused.
pub fn authorise(
    path: &DeliveryPath,
    keys: &[SigningKey],
    unsigned: Unsigned,
    originals: Originals,
    now: u64,
) -> Result<Access, Denied> {
    let access = match &path.spec.signature {
        Some(signature) if verify(keys, &path.signed_text, signature) => Access::Signed,
        Some(_) => return Err(Denied::Invalid),
        None => Access::Unsigned,
    };
    authorise_spec(&path.spec, access, unsigned, originals, now)?;
    Ok(access)
}

/// The same where it is known whether the request was signed.
pub fn authorise_spec(
    spec: &SpecUrl,
    access: Access,
    unsigned: Unsigned,
    originals: Originals,
    now: u64,
) -> Result<(), Denied> {
    if access == Access::Unsigned {
        allowed_unsigned(spec, unsigned, originals)?;
    }
    match spec.expires {
        Some(expires) if expires <= now => Err(Denied::Expired),
        _ => Ok(()),
    }
}

fn allowed_unsigned(
    spec: &SpecUrl,
    unsigned: Unsigned,
    originals: Originals,
) -> Result<(), Denied> {
    let format = spec.format.unwrap_or_default();
    let is_allowed = match unsigned {
        Unsigned::None => false,
        Unsigned::Presets => is_bare_preset(spec) && format.is_image(),
        Unsigned::Any => format != FormatItem::Original || originals == Originals::Public,
    };
    if !is_allowed {
        return Err(Denied::Missing);
    }
    match spec.request.dpr {
        Some(dpr) if !UNSIGNED_DPR.contains(&dpr) => Err(Denied::Dpr),
        _ => Ok(()),
    }
}

fn is_bare_preset(spec: &SpecUrl) -> bool {
    let only_dpr = Request {
        dpr: spec.request.dpr,
        ..Request::default()
    };
    spec.preset.is_some()
        && spec.request == only_dpr
        && spec.expires.is_none()
        && spec.download.is_none()
}
