//! What carries everything else: settings, telemetry, the database, the clock. Knows nothing of medicine.
