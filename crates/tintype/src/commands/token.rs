//! `tintype token`: API tokens.

use clap::{Args, Subcommand};
use serde_json::json;
use tintype_server::config::{Scope, Token, random_secret, units};

use super::{answer, unix_now};
use crate::failure::Failure;

/// Make tokens for the API.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
}

/// Make a token.
///
/// Prints the token for the client, once, and the entry for TINTYPE_TOKENS on the server, which only has a hash.
/// Nothing is stored.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype token new --id web --scopes read+list+write+delete+purge
  tintype token new --id magazine --scopes read+write --prefix magazine/ --expires 90d

Scopes: read, list, write, replace, delete, purge, mint, takedown")]
struct New {
    /// Name in logs and in the configuration: a-z, 0-9 and -
    #[arg(long)]
    id: String,
    /// Its scopes, joined by +
    #[arg(long, alias = "scope", value_delimiter = '+', required = true)]
    scopes: Vec<Scope>,
    /// Only keys that start with this; may be repeated [default: every key]
    #[arg(long = "prefix")]
    prefixes: Vec<String>,
    /// When it expires: a time from now, such as 90d, or Unix seconds [default: never]
    #[arg(long, value_parser = expiry)]
    expires: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Command::New(new) = self.command;
        let secret = random_secret()?;
        let mut token = Token::with_secret(&new.id, &secret);
        token.scopes = new.scopes.into_iter().collect();
        token.prefixes = new.prefixes;
        token.expires = new.expires;
        let entry = token.to_string();
        // Parsing the entry checks the rules for ids and prefixes, which are defined there.
        entry.parse::<Token>().map_err(Failure::Usage)?;
        let bearer = format!("tt_{}_{secret}", new.id);
        if new.json {
            return answer(&json!({ "token": bearer, "entry": entry }).to_string());
        }
        answer(&format!(
            "for the client, shown once:\n  {bearer}\nfor TINTYPE_TOKENS on the server:\n  {entry}\n"
        ))
    }
}

fn expiry(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => Ok(unix_now() + units::duration(text)?.as_secs()),
    }
}
