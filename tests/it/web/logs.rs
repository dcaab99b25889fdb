//! Everything that this test binary logs, at the finest level, through the real subscriber.

use prodrome::platform::settings::{LogFormat, Telemetry};
use prodrome::platform::telemetry::logging;
use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on everything logged is kept.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let settings = Telemetry { format: LogFormat::Json, filter: "trace".into() };
        tracing::subscriber::set_global_default(logging::subscriber(&settings, || Keep)).expect("the only subscriber");
    });
}

/// Everything kept so far.
pub fn read() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}
