//! The frame of the page: head, table of contents, style and scripts, and the policy under which it may be served.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::html::escape;
use super::page::{Chapter, Page};
use super::playground::PlaygroundData;

const STYLE: &str = concat!(
    include_str!("assets/page.css"),
    include_str!("assets/playground.css")
);
const FIND: &str = include_str!("assets/find.js");
const PLAYGROUND: &str = concat!(
    include_str!("assets/spec.js"),
    include_str!("assets/drawn.js"),
    include_str!("assets/service.js"),
    include_str!("assets/stage.js"),
    include_str!("assets/playground.js"),
);

/// A tintype in its case.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect width='16' height='16' rx='3' fill='%23934b1c'/%3E\
    %3Cellipse cx='8' cy='8' rx='4' ry='5' fill='%23fbf8f2'/%3E%3C/svg%3E";

/// The page and its content security policy.
pub struct Document {
    pub html: String,
    /// The value of `Content-Security-Policy`: nothing from elsewhere, and no scripts but ours.
    pub policy: String,
}

pub(super) fn around(page: Page, live: Option<&PlaygroundData>) -> Document {
    let (body, chapters) = page.finish();
    // In separate blocks, so that their names do not collide.
    let playground = live.map(|_| format!("{{\n{PLAYGROUND}}}\n"));
    let script = format!("{{\n{FIND}}}\n{}", playground.unwrap_or_default());
    let service = live.map(|live| {
        let json = live.json();
        format!("<script type=\"application/json\" id=\"service\">{json}</script>\n")
    });
    let html = include_str!("assets/page.html")
        .replace("%ICON%", &escape(ICON))
        .replace("%VERSION%", env!("CARGO_PKG_VERSION"))
        .replace("%CONTENTS%", &contents(&chapters))
        .replace("%STYLE%", STYLE)
        .replace("%SERVICE%", &service.unwrap_or_default())
        .replace("%SCRIPT%", &script)
        .replace("%BODY%", &body);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src 'self' blob: data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(&script),
    );
    Document { html, policy }
}

/// The hash by which the policy allows a text of the page.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

fn contents(chapters: &[Chapter]) -> String {
    let chapters = chapters.iter().map(|chapter| {
        let parts = chapter.parts.iter().map(|(id, title)| link(id, title));
        let parts: String = parts.collect();
        let parts = match parts.is_empty() {
            true => parts,
            false => format!("<ol>{parts}</ol>"),
        };
        let link = link(&chapter.id, &chapter.title);
        link.replace("</li>", &format!("{parts}</li>"))
    });
    format!("<ol>{}</ol>", chapters.collect::<String>())
}

fn link(id: &str, title: &str) -> String {
    format!("<li><a href=\"#{id}\">{}</a></li>", escape(title))
}
