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
mod commands; // upkeep: verify, sweep, index, warm, purge
mod commands_bucket; // the same on S3
mod commands_import; // originals from elsewhere
mod crash; // killed in the midst of uploads
mod delivery; // addresses and headers of variants and originals
mod docs; // the reference: where it is, and that nothing is missing
mod fallback; // production's originals in staging
mod formats; // which format a browser gets, and when
mod hostile; // files and requests made to hurt
mod invalidation; // what caches in front are told, and when
mod logs; // what is said on standard output
mod management; // records, list, batch, copy, move, delete, state
mod memory; // what an upload costs
mod mezzanine; // the sizes of a page share one read and one decode
mod monitoring; // metrics, alarms and the dashboard
mod nginx; // proxies that write addresses anew, and our configuration for it
mod odd_files; // what is told of a file that cannot be rendered, and how often it is tried
mod old_urls; // addresses of the servers that were here before
mod operations; // start, stop, health, logs, configuration
mod overload; // past the limits
mod packed; // what another program has stored in a content coding
mod quick_start; // what the README promises
mod read_only; // looking without touching
mod readers; // those who read slowly, or not at all
mod rendering; // sizes, formats and orientation of real pictures
mod replicas; // several servers on one store
mod sick_bucket; // one that is away, throttled, or refuses
mod sick_folder; // a folder that is ill, or that others write to
mod sites; // several projects on one service
mod telemetry; // traces and metrics, at a collector of our own
mod uploads; // the bytes: create, replace, rename, refuse, abort
mod varnish; // a real one in front, with our VCL
