//! Every item of the conformance list that is a client's: the tests that show it, by their names, or why none does. Written
//! down in `docs/reference/twin-conformance.md`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/reference/twin-conformance.md";

#[derive(Deserialize)]
struct List {
    item: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    level: String,
    text: String,
    nothing: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list() -> Vec<Item> {
    let text = std::fs::read_to_string(root().join("tests/it/twin/items.toml")).expect("the list");
    toml::from_str::<List>(&text).expect("a list of items").item
}

/// Items to the tests that name them: `fn ch_119_120_…` shows CH-119 and CH-120.
fn shown() -> BTreeMap<String, Vec<String>> {
    let mut shown = BTreeMap::<String, Vec<String>>::new();
    let folders = [
        ("tests/it/twin", "it::twin"),
        ("src/sandbox_ehr/hook_call", "prodrome::sandbox_ehr::hook_call"),
        ("src/sandbox_ehr/prefetch", "prodrome::sandbox_ehr::prefetch"),
    ];
    for (folder, module) in folders {
        let files =
            std::fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<PathBuf> = files
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("table.rs"))
            .collect();
        files.sort();
        for path in files {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let file = path.file_stem().and_then(|name| name.to_str()).expect("a name");
            for name in text.split("fn ch_").skip(1).filter_map(|rest| rest.split('(').next()) {
                for number in
                    name.split('_').take_while(|part| part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit()))
                {
                    shown.entry(format!("CH-{number}")).or_default().push(format!("`{module}::{file}::ch_{name}`"));
                }
            }
        }
    }
    shown
}

#[test]
fn every_item_of_a_client_is_shown_by_a_test_or_has_a_reason() {
    let (list, mut shown) = (list(), shown());
    assert_eq!(list.len(), 121);
    let mut rows = String::new();
    let mut counts = (0, 0);
    for Item { id, level, text, nothing } in &list {
        let how = match (shown.remove(id), nothing) {
            (Some(tests), None) => {
                counts.0 += 1;
                tests.join(", ")
            }
            (None, Some(why)) => {
                counts.1 += 1;
                assert_ne!(level, "SHALL", "{id}");
                format!("not applicable: {why}")
            }
            (Some(_), Some(_)) => panic!("{id} has both a test and a reason why there is none"),
            (None, None) => panic!("{id} ({level}) has neither a test nor a reason: {text}"),
        };
        writeln!(rows, "| {id} | {level} | {text} | {how} |").expect("written");
    }
    assert!(shown.is_empty(), "these are no items of a client: {shown:?}");
    let page = format!(
        "# How the EHR twin holds each item of a CDS client\n\nMade by the test `it::twin::table`; do not edit. {} items, \
         in the plain profile: {} shown by tests, {} not applicable. The twin: `docs/guides/sandbox-ehr.md`.\n\n\
         | id | level | requirement | shown |\n|---|---|---|---|\n{rows}",
        list.len(),
        counts.0,
        counts.1
    );
    let kept = std::fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    if kept != page {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("twin-conformance.md");
        std::fs::write(&new, page).expect("written");
        panic!("{PAGE} is not what the tests are: `cp {} {PAGE}`", new.display());
    }
}
