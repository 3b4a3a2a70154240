//! What pictures must look like and what must never happen, over the developers' corpus.

mod alpha;
mod colour;
mod corpus;
mod header;
mod hostile;
mod metadata;
mod orientation;
mod output;
