//! `tintype`: the service and its tools in one program.
//!
//! Exit codes: 0 success; 1 failure; 2 not started, because the command line or the configuration is wrong.

mod allocator;
mod commands;
mod failure;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Serves thumbnails and originals, and accepts uploads.
///
/// Configured by TINTYPE_* variables over config/tintype.toml over defaults.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  not begun: the command line or the configuration is wrong";

#[derive(Subcommand)]
enum Command {
    Serve(commands::serve::Arguments),
    Healthcheck(commands::healthcheck::Arguments),
    Render(commands::render::Arguments),
    Config(commands::config::Arguments),
    Url(commands::url::Arguments),
    Sign(commands::sign::Arguments),
    CheckUrls(commands::check_urls::Arguments),
    Docs(commands::docs::Arguments),
    Token(commands::token::Arguments),
    Import(Box<commands::import::Arguments>),
    Verify(commands::verify::Arguments),
    Sweep(commands::sweep::Arguments),
    Index(commands::index::Arguments),
    Warm(commands::warm::Arguments),
    Purge(commands::purge::Arguments),
    #[command(hide = true)]
    DecodeAv1(commands::decode_av1::Arguments),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Command::Serve(_) | Command::Index(_) | Command::Warm(_) = command {
        allocator::set_up();
    }
    if cfg!(target_os = "linux") {
        commands::decode_av1::set_up();
    }
    let result = match command {
        Command::Serve(arguments) => arguments.run(),
        Command::Healthcheck(arguments) => arguments.run(),
        Command::Render(arguments) => arguments.run(),
        Command::Config(arguments) => arguments.run(),
        Command::Url(arguments) => arguments.run(),
        Command::Sign(arguments) => arguments.run(),
        Command::CheckUrls(arguments) => arguments.run(),
        Command::Docs(arguments) => arguments.run(),
        Command::Token(arguments) => arguments.run(),
        Command::Import(arguments) => arguments.run(),
        Command::Verify(arguments) => arguments.run(),
        Command::Sweep(arguments) => arguments.run(),
        Command::Index(arguments) => arguments.run(),
        Command::Warm(arguments) => arguments.run(),
        Command::Purge(arguments) => arguments.run(),
        Command::DecodeAv1(arguments) => arguments.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
