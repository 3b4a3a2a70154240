//! Chooses the format of a negotiated response, once the image's size is known.
//!
//! A client's formats are, best first: AVIF, WebP, then JPEG, which every client accepts. Drawings and transparent
//! images use PNG instead of JPEG. Drawings are never encoded as AVIF, because WebP and PNG preserve every pixel in
//! fewer bytes.
//!
//! An animation is WebP if the client accepts WebP or AVIF, else GIF. It comes before a still image, which is sent
//! instead if the animation would take too long.
//!
//! A format that cannot hold an image of this size is never used. One that would cost too much now is replaced for a
//! minute ([`deferral`]), while the better response is made in the background.

use std::time::Duration;

use tintype_imaging::cost::ExpectedTimes;
use tintype_imaging::spec::Format;

use crate::url::Accepted;

/// Properties of an image that the choice depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nature {
    pub drawn: bool,
    pub transparent: bool,
}

/// Returns formats, best first; never empty.
pub(crate) fn in_order(accepted: Accepted, nature: Nature) -> impl Iterator<Item = Format> {
    let Nature { drawn, transparent } = nature;
    let last = match drawn || transparent {
        true => Format::Png,
        false => Format::Jpeg,
    };
    let avif = (accepted.avif && !drawn).then_some(Format::Avif);
    let webp = accepted.webp.then_some(Format::Webp);
    avif.into_iter().chain(webp).chain([last])
}

/// Returns the format of an animation.
pub(crate) fn moving(accepted: Accepted) -> Format {
    // Clients that show AVIF show WebP too, though some name only AVIF.
    match accepted.webp || accepted.avif {
        true => Format::Webp,
        false => Format::Gif,
    }
}

/// Why the best format is not sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferralReason {
    /// Encoding takes longer than the budget.
    Dear,
    /// Requests wait for a pixel thread, and another format takes half the time.
    Busy,
}

impl DeferralReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dear => "dear",
            Self::Busy => "busy",
        }
    }
}

/// Returns which format to send in place of the first, if that has not been made yet, and why. `wait` is the current
/// wait for a pixel thread.
pub(crate) fn deferral(
    costs: &[ExpectedTimes],
    budget: Duration,
    wait: Duration,
) -> Option<(usize, DeferralReason)> {
    let (best, others) = costs.split_first()?;
    let (reason, most) = if best.encode > budget {
        (DeferralReason::Dear, best.total())
    } else if wait > budget {
        (DeferralReason::Busy, best.total() / 2)
    } else {
        return None;
    };
    let others = || (1..).zip(others).filter(|(_, other)| other.total() < most);
    let within_budget = others().find(|(_, other)| other.encode <= budget);
    let chosen = within_budget.or_else(|| others().min_by_key(|(_, other)| other.total()));
    chosen.map(|(index, _)| (index, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHOTOGRAPH: Nature = Nature {
        drawn: false,
        transparent: false,
    };

    fn check(avif: bool, webp: bool, nature: Nature, expected: &[Format]) {
        let order: Vec<_> = in_order(Accepted { avif, webp }, nature).collect();
        assert_eq!(order, expected, "avif {avif}, webp {webp}, {nature:?}");
    }

    #[test]
    fn accepted_formats_come_best_first_and_end_with_one_that_every_client_takes() {
        use Format::{Avif, Jpeg, Png, Webp};
        check(true, true, PHOTOGRAPH, &[Avif, Webp, Jpeg]);
        check(true, false, PHOTOGRAPH, &[Avif, Jpeg]);
        check(false, true, PHOTOGRAPH, &[Webp, Jpeg]);
        check(false, false, PHOTOGRAPH, &[Jpeg]);
        let transparent = Nature {
            transparent: true,
            ..PHOTOGRAPH
        };
        check(true, true, transparent, &[Avif, Webp, Png]);
        check(false, false, transparent, &[Png]);
        let drawn = Nature {
            drawn: true,
            ..PHOTOGRAPH
        };
        check(true, true, drawn, &[Webp, Png]);
        check(true, false, drawn, &[Png]);
    }

    /// All values are in milliseconds: the budget, the wait, and per format the costs of decoding and encoding.
    fn decide(budget: u64, wait: u64, costs: &[(u64, u64)]) -> Option<(usize, DeferralReason)> {
        let costs: Vec<_> = costs
            .iter()
            .map(|&(decode, encode)| ExpectedTimes {
                decode: Duration::from_millis(decode),
                resize: Duration::ZERO,
                encode: Duration::from_millis(encode),
            })
            .collect();
        let (budget, wait) = (Duration::from_millis(budget), Duration::from_millis(wait));
        deferral(&costs, budget, wait)
    }

    #[test]
    fn a_format_within_its_budget_is_used_while_there_is_room() {
        assert_eq!(decide(200, 0, &[(100, 60), (100, 50), (100, 15)]), None);
        assert_eq!(decide(200, 0, &[(100, 500)]), None, "nothing else is taken");
        assert_eq!(decide(200, 0, &[]), None);
    }

    #[test]
    fn a_dear_format_deferral_to_the_next_within_the_budget_or_to_the_cheapest() {
        let dear = |index| Some((index, DeferralReason::Dear));
        assert_eq!(decide(200, 0, &[(40, 330), (40, 60), (40, 5)]), dear(1));
        assert_eq!(decide(200, 0, &[(40, 330), (40, 260), (40, 90)]), dear(2));
        assert_eq!(decide(200, 0, &[(40, 2000), (40, 900), (40, 300)]), dear(2));
        assert_eq!(
            decide(200, 0, &[(40, 330), (40, 340)]),
            None,
            "that is dearer"
        );
    }

    #[test]
    fn a_busy_pool_prefers_a_format_that_takes_half_the_time() {
        let busy = |index| Some((index, DeferralReason::Busy));
        assert_eq!(decide(200, 900, &[(20, 150), (20, 60)]), busy(1));
        assert_eq!(decide(200, 900, &[(20, 150), (20, 130), (20, 30)]), busy(2));
        let decoding_is_most = [(90, 30), (90, 5)];
        assert_eq!(decide(200, 900, &decoding_is_most), None);
    }
}
