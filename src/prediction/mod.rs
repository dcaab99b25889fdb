//! A timeline in, calibrated risks with their reasons out.
//!
//! [`vocabulary`] writes a timeline in the model's words; [`network`] is the transformer over active days
//! and the trait that every reader of a history fulfils; [`package`] is a model on disk, refused when its
//! parts do not match; [`model`] joins them into answers; [`engine`] batches questions on threads of its
//! own, and [`predictor`] is the one door that the rest of the program knocks at.

pub mod answer;
pub mod calibration;
pub mod distance;
pub mod engine;
pub mod false_alerts;
pub mod interval;
pub mod listed_code;
pub mod model;
pub mod network;
pub mod occasion;
mod order_name;
pub mod package;
pub mod pairs;
pub mod phenotype;
pub mod predictor;
pub mod vocabulary;
