//! The reference as a single page: every URL item, API call, error code, option, metric and log field, with a
//! playground if a development service serves the page.
//!
//! It is generated on request from the tables that the code itself uses, so it cannot disagree with the code. What
//! those tables do not hold is prose beside this file. The page loads nothing from elsewhere, so it can be saved as
//! a file.

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
pub use playground::PlaygroundData;
pub use shell::Document;

/// Generates the page; with `live` the playground works, using the service that serves it.
pub fn document(live: Option<&PlaygroundData>) -> Document {
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
