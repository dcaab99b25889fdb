//! Answering now: the CDS Hooks words as types, the service definitions, prefetch, cards, and the spine that joins them;
//! and a chart assessed without a hook ([`assess`]), for our own API and for apps.

pub mod answer_hook;
pub mod app_link;
pub mod assess;
pub mod cards;
pub mod occasions;
pub mod prefetch;
pub mod protocol;
pub mod read_back;
pub mod repair;
pub mod service_definition;
