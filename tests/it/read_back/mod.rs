//! Reading back: `servers` reads from FHIR servers on loopback that behave as badly as real ones; `given` makes whole hook
//! calls with a token of the EHR's against the sandbox EHR; `backend` with tokens of our own. Names that begin with `ch_`
//! carry the number of a conformance requirement of CDS Hooks as this project lists them.

mod backend;
mod given;
mod keys;
pub mod sandbox;
mod servers;
