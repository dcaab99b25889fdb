//! What carries everything else: settings, telemetry, the database, the clock, the terminal, secrets that expire. Knows nothing of medicine.

pub mod clock;
pub mod database;
pub mod expiring;
pub mod settings;
pub mod telemetry;
pub mod terminal;
