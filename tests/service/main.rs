//! tintype as its users meet it: the real binary, through its sockets and its command line.
//!
//! Each module starts with the policy that it guards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    unreachable_pub,
    reason = "modules of one test binary share what they need"
)]

mod corpus;
mod harness;
mod picture;

mod animation; // what moves, where, and how much of it
mod bucket; // what S3 is asked, and what happens without it
mod caching; // how often work is done, and when it is forgotten
mod cloudfront; // invalidations, against moto
mod commands; // maintenance: verify, sweep, index, warm, purge
mod commands_bucket; // the same on S3
mod commands_import; // originals from elsewhere
mod crash; // killed during uploads
mod delivery; // URLs and headers of variants and originals
mod docs; // the reference: where it is, and that it is complete
mod fallback; // production's originals in staging
mod formats; // which format a browser gets, and when
mod gathering; // sizes of one original, requested together
mod hostile; // malicious files and requests
mod invalidation; // what downstream caches are told, and when
mod logs; // standard output
mod management; // records, list, batch, copy, move, delete, state
mod memory; // memory of uploads and renderings
mod mezzanine; // the sizes of a page share one read and one decode
mod monitoring; // metrics, alarms and the dashboard
mod nginx; // proxies that rewrite URLs, and our configuration
mod odd_files; // reports about files that cannot be rendered, and retries
mod old_urls; // URLs of former servers
mod operations; // start, stop, health, logs, configuration
mod overload; // beyond the limits
mod packed; // objects stored with a content coding by other programs
mod quick_start; // the README's promises
mod read_only; // a service that may not write
mod readers; // slow and stalled readers
mod rendering; // sizes, formats and orientation of real images
mod replicas; // several servers on one store
mod rights; // who made a picture, as the file says and as editors do
mod sick_bucket; // one that is away, throttled, or refuses
mod sick_folder; // a folder that is ill, or that others write to
mod sites; // several projects on one service
mod telemetry; // traces and metrics, at our own collector
mod uploads; // the bytes: create, replace, rename, refuse, abort
mod varnish; // a real Varnish with our VCL
