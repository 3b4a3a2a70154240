//! Checks for tokens that are well-formed and useless.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::access::TOKENS;
use super::super::problems::problem;
use super::super::reader::OptionReader;
use super::super::{Config, Problem, Scope};

impl OptionReader {
    pub(super) fn check_tokens(&mut self, config: &Config) {
        let tokens = &config.tokens;
        for (at, token) in tokens.iter().enumerate() {
            let id = &token.id;
            if let Some(twin) = tokens[..at].iter().find(|known| known.hash == token.hash) {
                let reason = format!("tokens {} and {id} have the same secret", twin.id);
                self.warn(&[TOKENS], reason, "make one with `tintype token new`");
            }
            if token.prefixes.iter().any(|prefix| prefix.starts_with('/')) {
                let reason =
                    format!("token {id} has a prefix that starts with a slash; no key does");
                self.warn(&[TOKENS], reason, "write photos/");
            }
            let signs = config.sites.iter().any(|site| !site.ticket_keys.is_empty());
            let is_dev = id.starts_with("dev");
            if token.scopes.contains(&Scope::Mint)
                && token.scopes.len() < Scope::ALL.len()
                && !signs
                && !is_dev
            {
                let reason = format!("token {id} may mint tickets, but there are no ticket_keys");
                self.warn(&[TOKENS], reason, "set ticket_keys, or leave mint out");
            }
        }
    }
}

/// Which tokens have expired. Checked again while the service runs.
pub(in super::super) fn expired(config: &Config, now: SystemTime) -> Option<Problem> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let is_expired = |expires: u64| expires <= now;
    let expired = config
        .tokens
        .iter()
        .filter(|token| token.expires.is_some_and(is_expired));
    let ids: Vec<_> = expired.map(|token| &*token.id).collect();
    let reason = match ids[..] {
        [] => return None,
        _ if ids.len() == config.tokens.len() => {
            "every token has expired, so nobody can upload".to_owned()
        }
        _ => format!("expired: {}", ids.join(", ")),
    };
    let fix = "make one with `tintype token new`, and remove the old one";
    Some(problem(&TOKENS.variable(), reason, fix))
}
