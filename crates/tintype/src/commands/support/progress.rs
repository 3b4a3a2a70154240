//! A progress bar for people. Shown only on a terminal.

use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `quiet`: the output is lines for programs, and nothing else.
    pub(crate) fn new(quiet: bool) -> Self {
        let target = match !quiet && std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template(
            "{bar:24} {human_pos} of {human_len}, {rate}, {elapsed}  {wide_msg}",
        );
        let style = style.expect("the template is constant and valid");
        bar.set_style(
            style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                // The library's own format has four decimals.
                let _ = write!(text, "{:.0}/s", state.per_sec());
            }),
        );
        Self { bar }
    }

    /// Adds more work.
    pub(crate) fn found(&self, more: u64) {
        self.bar.inc_length(more);
    }

    pub(crate) fn did(&self, what: &str) {
        self.bar.inc(1);
        self.bar.set_message(what.to_owned());
    }

    /// Prints without disturbing the bar.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.bar.length() {
            // Nothing has begun: otherwise an empty bar would be drawn afterwards.
            Some(0) => print(),
            _ => self.bar.suspend(print),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
