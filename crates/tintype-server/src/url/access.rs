//! Which URLs are allowed: signatures, expiry, and what needs no signature.

use tintype_imaging::spec::{Decimal, Request};

use super::{DeliveryPath, FormatItem, SigningKey, SpecUrl, verify};

/// Which variants are delivered without a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    None,
    /// A bare preset, with `dpr`, `v` and an image `f`: no more variants than the presets allow.
    Presets,
    Any,
}

/// Who may download originals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Originals {
    Public,
    Signed,
}

/// Why a request was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Signed,
    Unsigned,
}

/// Why a request is refused. Decided before any store is touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("the URL is not signed")]
    Missing,
    #[error("the signature does not match this URL")]
    Invalid,
    #[error("url has expired")]
    Expired,
    #[error("an unsigned dpr must be 1, 1.5, 2 or 3")]
    Dpr,
}

/// Pixel densities of real screens. Each further value would be one more copy in every cache.
const UNSIGNED_DPR: [Decimal; 4] = [
    Decimal::ONE,
    Decimal::from_millionths(1_500_000),
    Decimal::from_millionths(2_000_000),
    Decimal::from_millionths(3_000_000),
];

/// Checks signature and expiry. `now` is in Unix seconds.
///
/// A signature must be right even where none is required, so that mistakes in signing show before signatures become
/// mandatory. Without keys it cannot be checked, and is refused.
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

/// Checks a request of which it is already known whether it was signed.
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
