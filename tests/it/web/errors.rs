//! The page of errors is the table of errors.

use prodrome::web::error_table::markdown;
use std::path::Path;

#[test]
fn errors_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/errors.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, markdown()).expect("written");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == markdown(), "run `WRITE_DOCS=1 cargo test --test it errors_reference`");
}
