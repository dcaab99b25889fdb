//! Runs questions on threads of its own, never on the async runtime.
//!
//! [`admission`] says who may wait, [`batch`] who runs together, [`worker`] runs them. The first two are plain
//! data: no threads, no clock, no model.

mod admission;
mod batch;
mod worker;

pub use worker::{Engine, EngineSize};

/// Why a question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("too many questions are waiting")]
    Full,
    #[error("the answer would have come after its deadline")]
    TooLate,
    #[error("the model failed on this question")]
    Failed,
    #[error("the engine is stopping")]
    Stopping,
}
