//! Making a model: ingest an export into shards, train on them, package, evaluate.

pub mod calibration;
pub mod card;
pub mod evaluate;
pub mod export;
pub mod ingest;
pub mod judged;
pub mod life;
pub mod lint;
pub mod members;
pub mod package;
pub mod pairs;
pub mod planted;
pub mod probe;
pub mod shard;
#[cfg(test)]
mod toy;
pub mod train;
pub mod truncate;
