//! What goes wrong, when, and how often.

use std::time::Duration;

use super::operation::{Call, Operation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused with a status and one of S3's codes; nothing is done.
    Refuse(u16, &'static str),
    /// Refused inside a 200, as S3 may do for slow operations; nothing is done.
    RefuseInside200(&'static str),
    /// A response from a server that is not S3.
    NotS3,
    /// The connection ends before anything is done.
    Cut,
    /// Nothing is done, and no response ever comes.
    Stall,
    /// The result is that of the time of the request, but the response is late.
    Late(Duration),
    /// Done, but the connection ends without a response.
    LoseAnswer,
    /// The response's body ends after so many bytes, below its declared length.
    CutBody(u64),
    /// The response's body stalls after so many bytes, and the connection stays open.
    StallBody(u64),
    /// One byte of the response's body is changed.
    AlterBody,
    /// The response has the ETag of other bytes.
    WrongETag,
    /// The response has the checksum of other bytes.
    WrongChecksum,
    /// The last byte is not stored, and the response does not show it.
    StoreShort,
}

impl Fault {
    pub const ACCESS_DENIED: Self = Self::Refuse(403, "AccessDenied");
    pub const CLOCK_SKEWED: Self = Self::Refuse(403, "RequestTimeTooSkewed");
    /// Two concurrent conditional writes of one name. No server that is available for tests responds like this.
    pub const CONFLICT: Self = Self::Refuse(409, "ConditionalRequestConflict");
    pub const INTERNAL: Self = Self::Refuse(500, "InternalError");
    pub const SLOW_DOWN: Self = Self::Refuse(503, "SlowDown");
    pub const WRONG_KEY: Self = Self::Refuse(403, "InvalidAccessKeyId");
    pub const WRONG_REGION: Self = Self::Refuse(301, "PermanentRedirect");
    pub const WRONG_REGION_SIGNED: Self = Self::Refuse(400, "AuthorizationHeaderMalformed");
    pub const WRONG_SECRET: Self = Self::Refuse(403, "SignatureDoesNotMatch");

    /// Only for one operation.
    pub fn on(self, operation: Operation) -> Rule {
        Rule::from(self).on(operation)
    }

    /// Only for names that contain this.
    pub fn of(self, name: &str) -> Rule {
        Rule::from(self).of(name)
    }

    pub fn times(self, times: u64) -> Rule {
        Rule::from(self).times(times)
    }
}

/// When a fault happens: always, unless restricted.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    operation: Option<Operation>,
    name: String,
    left: u64,
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            operation: None,
            name: String::new(),
            left: u64::MAX,
        }
    }
}

impl Rule {
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    pub fn of(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub fn times(mut self, times: u64) -> Self {
        self.left = times;
        self
    }

    fn applies(&self, call: &Call) -> bool {
        self.left > 0
            && self.operation.is_none_or(|only| only == call.operation)
            && call.key.contains(&self.name)
    }
}

/// The active rules; the first one that applies is used.
#[derive(Default)]
pub(super) struct Script(Vec<Rule>);

impl Script {
    pub(super) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(super) fn take(&mut self, call: &Call) -> Option<Fault> {
        let rule = self.0.iter_mut().find(|rule| rule.applies(call))?;
        rule.left -= 1;
        Some(rule.fault)
    }
}
