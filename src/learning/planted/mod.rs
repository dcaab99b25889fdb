//! A world whose hazards are known: invented patients, diseases, laboratory values and drugs, written as a FHIR export,
//! with the true probability of every outcome beside it.
//!
//! [`world`] names what exists; [`shown`] is what a record shows of a patient; [`hazards`] says how fast what happens,
//! as a function of that alone; [`forward`] lets time pass. [`life`] is one patient from first visit to the end,
//! [`truth`] the future of one day many times over, [`rows`] the days that are asked about with their labels,
//! [`fhir`] the export, [`plant`] all of it in order. [`asked`] is a model's answers about those days, [`scores`] those of
//! others; [`held`] is one of them held against the truth, [`judge`] all of it, [`report`] writes that down.
//!
//! Nothing here is medicine. Since no hazard depends on anything that the record does not show, the probability given
//! the record is exactly the one computed, and nothing that reads the record can rank patients better.

pub mod asked;
pub mod chance;
pub mod fhir;
pub mod forward;
pub mod hazards;
pub mod held;
pub mod judge;
pub mod life;
pub mod plant;
pub mod report;
pub mod rows;
pub mod scores;
pub mod shown;
pub mod truth;
pub mod world;

#[cfg(test)]
mod tests;
