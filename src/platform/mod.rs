//! What carries everything else: settings, telemetry, the database, the clock. Knows nothing of medicine.

pub mod clock;
pub mod database;
pub mod settings;
pub mod telemetry;
