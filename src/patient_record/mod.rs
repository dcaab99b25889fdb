//! FHIR in, an ordered patient timeline out.
//!
//! [`chart`] is the door: bytes of Bundles, NDJSON or single resources become [`timeline::Timeline`]s.
//! [`fhir`] reads resources of any release by borrowed fields and is the only place that knows that
//! R4, R4B and R5 differ; [`terminology`] names code systems and canonicalises units; [`timeline`]
//! owns events, their order and what is never read because it comes from the record's future.
//! Nothing here knows of models or cards. What cannot be read is counted with its reason, never absent.

pub mod chart;
pub mod fhir;
pub mod moment;
pub mod terminology;
pub mod timeline;
