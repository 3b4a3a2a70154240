//! Why an original cannot be rendered, or why facts about it are missing; and when it is probed again.
//!
//! If the bytes are the reason, it is found once: the same renderer would fail on them again, at the same cost. If
//! the machine may be the reason (it was busy, or is too small), it is tried again after growing pauses, and
//! finally left alone.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tintype_imaging::EPOCH;

use crate::error::{Code, Error};

/// Failed attempts after which an original is left alone: over an hour.
const MAX_TRIES: u32 = 6;

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Ratio of each pause to the one before.
const GROWTH: u32 = 8;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureReason {
    /// The error code of requests for its variants.
    pub code: String,
    pub detail: String,
    /// Further members of that error, such as the limit and its name.
    #[serde(flatten)]
    pub members: Map<String, Value>,
    /// Epoch of the renderer that found it; a later one tries again.
    pub epoch: u32,
    /// Failed attempts so far.
    pub tries: u32,
    /// When the next attempt is. Absent if this renderer makes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
}

impl FailureReason {
    /// The bytes are the reason.
    pub fn lasting(error: &Error) -> Self {
        Self {
            code: error.code().as_str().to_owned(),
            detail: error.public_detail().to_owned(),
            members: error.members().clone(),
            epoch: EPOCH,
            tries: 1,
            again: None,
        }
    }

    /// Something else is the reason, and may improve. `before` is the reason of the last attempt at the same bytes.
    pub fn passing(error: &Error, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.epoch == EPOCH);
        let tries = before.map_or(0, |before| before.tries).saturating_add(1);
        let pause = FIRST_PAUSE * GROWTH.saturating_pow(tries.min(MAX_TRIES) - 1);
        let again = (tries < MAX_TRIES).then(|| Timestamp::now() + pause);
        Self {
            tries,
            again,
            ..Self::lasting(error)
        }
    }

    /// Whether a renderer found it that knew less than this one.
    pub fn is_outdated(&self) -> bool {
        self.epoch < EPOCH
    }

    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }

    /// The error for requests for its variants.
    pub fn refusal(&self) -> Error {
        // A later release may have codes that this one does not know.
        let code = Code::named(&self.code).unwrap_or(Code::UnsupportedFormat);
        let error = Error::new(code).detail(self.detail.clone());
        self.members.iter().fold(error, |error, (name, value)| {
            error.member(name, value.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let error = Error::new(Code::DeadlineExceeded);
        let (mut reason, mut pauses) = (None, Vec::new());
        loop {
            let next = FailureReason::passing(&error, reason.as_ref());
            let Some(again) = next.again else { break };
            pauses.push(again.duration_since(Timestamp::now()).as_secs_f64().round());
            reason = Some(next);
        }
        assert_eq!(pauses, [1.0, 8.0, 64.0, 512.0, 4096.0]);
    }

    #[test]
    fn a_refusal_survives_its_record() {
        let error = Error::new(Code::TooComplex)
            .detail("number of frames is 7, limit is 5")
            .member("limit", 5)
            .member("limit_of", "number of frames");
        let json = serde_json::to_string(&FailureReason::lasting(&error)).unwrap();
        let reason: FailureReason = serde_json::from_str(&json).unwrap();
        assert_eq!(reason.refusal().problem(None), error.problem(None));
        assert_eq!(reason.again, None);
    }
}
