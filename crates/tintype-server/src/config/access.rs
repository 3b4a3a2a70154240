//! Access control: signatures for readers, tokens for API clients.

use super::Token;
use super::dev::{DEV_TOKEN, Dev};
use super::option::options;
use super::read::{Choices, list};
use super::reader::OptionReader;
use crate::url::{Originals, Unsigned};

options! {
    "Access";

    /// Keys that sign delivery URLs, 32 characters or more each. The first one signs, all are accepted, so that a
    /// new key can be put first and the old one removed later.
    SIGNING_KEYS = "signing_keys", "", secret, of_site;

    /// The same for upload tickets and receipts.
    TICKET_KEYS = "ticket_keys", "", secret, of_site;

    /// API tokens as `tintype token new` prints them, separated by commas or lines:
    /// id:sha256hex:scope+scope[:prefix+prefix[:expiry]]. `none` turns the API off.
    TOKENS = "tokens", "", secret;

    /// Which URLs need no signature: none, presets (a bare preset with dpr, v and an image format) or any. With
    /// signing keys the default is presets; without them the option is required.
    UNSIGNED = "unsigned", "", of_site;

    /// Who may have originals: public or signed. The default is public only if unsigned is any and there are no
    /// signing keys; otherwise it is signed, so that adopting a folder does not publish it.
    ORIGINALS = "originals", "", of_site;
}

pub(super) const UNSIGNED_WORDS: Choices<Unsigned> = Choices(&[
    ("none", Unsigned::None),
    ("presets", Unsigned::Presets),
    ("any", Unsigned::Any),
]);

pub(super) const ORIGINALS_WORDS: Choices<Originals> =
    Choices(&[("public", Originals::Public), ("signed", Originals::Signed)]);

/// Reads [`TOKENS`] and adds the token of `--dev`.
pub(super) fn tokens(reader: &mut OptionReader, dev: Option<&Dev>) -> Vec<Token> {
    match (reader.text(TOKENS).as_deref(), dev) {
        (Some("none"), _) => Vec::new(),
        (Some(text), _) => entries(reader, text),
        (None, Some(Dev { anywhere: None, .. })) => vec![Token::with_secret("dev", DEV_TOKEN)],
        (
            None,
            Some(Dev {
                anywhere: Some(secret),
                ..
            }),
        ) => vec![Token::with_secret("dev-anywhere", secret)],
        (None, None) => {
            let name = reader.name(TOKENS);
            if !reader.problems.has_error(&name) {
                let fix = "make one with `tintype token new`, or set `none` to turn the API off";
                let reason = "not set, so that nobody could upload";
                reader.problems.add(&name, reason, fix);
            }
            Vec::new()
        }
    }
}

fn entries(reader: &mut OptionReader, text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for part in list(text) {
        let (reason, fix) = match part.parse::<Token>() {
            Ok(token) if tokens.iter().any(|known| known.id == token.id) => (
                format!("token {} is set twice", token.id),
                "give each token its own id",
            ),
            Ok(token) if token.is_well_known() => (
                format!("token {} has the secret of --dev", token.id),
                "make one with `tintype token new`",
            ),
            Ok(token) => {
                tokens.push(token);
                continue;
            }
            Err(reason) => (reason, "`tintype token new` prints the whole entry"),
        };
        reader.refuse(&[TOKENS], reason, fix);
    }
    tokens
}
