//! The reference, as one page: every item of an address, every call of the API, every code, option, metric and field of
//! the log, with a playground where the page is served by a service that has one to play with.
//!
//! It is written when it is asked for, from the tables that the code itself goes by, so it cannot say anything else. What
//! those tables do not hold is prose, and lies beside this file. The page needs nothing from anywhere: it can be kept
//! as a file.

mod api;
mod errors;
mod formats;
mod html;
mod log;
mod markdown;
mod metrics;
mod options;
mod page;
mod playground;
pub mod route;
mod shell;
mod sizing;
mod urls;

#[cfg(test)]
mod tests;

use page::Page;
pub use playground::Live;
pub use shell::Document;

/// The page; with `live` the playground works, on the service that serves it.
pub fn document(live: Option<&Live>) -> Document {
    let mut page = Page::default();
    page.section("start", "Start");
    page.prose(include_str!("prose/start.md"));
    playground::write(&mut page, live);
    urls::write(&mut page);
    formats::write(&mut page);
    api::write(&mut page);
    errors::write(&mut page);
    options::write(&mut page);
    sizing::write(&mut page);
    metrics::write(&mut page);
    log::write(&mut page);
    shell::around(page, live)
}
