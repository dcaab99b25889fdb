//! What hostile senders try, against the real app on loopback. After every attack a good call still gets its cards.
//!
//! What other modules hold already is not repeated here:
//!
//! | attack | where |
//! |---|---|
//! | forged, foreign, late, replayed, unsigned and oversized tokens; foreign keys; Host header and audience | `trust::forged`, `trust::replay` |
//! | key servers that are slow, huge, broken or redirect | `trust::keys_at_a_url` |
//! | callers without a token, whatever they send | `trust::endpoints` |
//! | 50 MB bodies, plain and in gzip; broken gzip; other media types | `web::bodies` |
//! | `Content-Length` with `Transfer-Encoding`; bytes that are no HTTP | `web::http` |
//! | names and ids in logs, metrics, rows | `web::canary` |
//! | wrong types within a chart; patients of others; missing members | `web::calls` |
//! | a full engine, a late model, a database that went away | `web::calls`, `web::operations` |
//! | FHIR servers that page without end, redirect, stall or send too much | `read_back` |
//! | forms of another site; a page without inline script | `demo::page` |
//! | any bytes at all, to each parser | `fuzz` |

mod bodies;
mod paths;
pub mod script;
mod slow;
mod unpacking;
mod wire;

use crate::web::app::TestApp;
use crate::web::charts::{call, one_bundle};

const CALL: &str = "/cds-services/early-detection";
const INSTANCE: &str = "5b1f0a3e-2f7c-4b3a-9d57-1f6f0f6f7c11";

/// A good call, which must get cards.
async fn still_answers(app: &TestApp) {
    let answer = app.post(CALL, call(INSTANCE, one_bundle()).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["cards"].as_array().is_some_and(|cards| !cards.is_empty()), "{}", answer.text());
}
