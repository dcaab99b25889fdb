//! How our own server holds each item of the list: seen from outside in our runs, tested inside by a test that exists,
//! or nothing to judge, with the reason. Written down in `docs/reference/conformance-results.md`.

use prodrome::conform::{Item, Report, Verdict, terminal};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/reference/conformance-results.md";
/// The check whose verdict depends on the machine.
const TIMED: &str = "speed";

/// How one item is held.
enum Held {
    /// Passed in these runs, failed in none.
    Outside(Vec<String>),
    /// By these tests.
    Inside(Vec<String>),
    Nothing(String),
    /// Seen not to hold, for this reason.
    Unmet(String),
    Failed(String),
    Unproven,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The list as it stands in its file: a name in it that is wrong is found without building anew.
fn list() -> Vec<Item> {
    #[derive(Deserialize)]
    struct List {
        item: Vec<Item>,
    }
    let text = std::fs::read_to_string(root().join("src/conform/items.toml")).expect("the list");
    toml::from_str::<List>(&text).expect("a list of items").item
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ending) if ending == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    found
}

/// The module of a file, as the test runner names it: `it::web::cors`, `prodrome::trust::token::tests`.
fn module(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("inside").with_extension("");
    let mut parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).filter(|part| *part != "mod").collect();
    match parts.remove(0) {
        "src" => {
            parts.insert(0, "prodrome");
            if parts.last() != Some(&"tests") {
                parts.push("tests");
            }
        }
        _ => parts.retain(|part| *part != "tests"),
    }
    parts.join("::")
}

/// Every test of the repository, by its full name.
fn tests() -> Vec<String> {
    let mut tests = Vec::new();
    for path in ["src", "tests/it"].into_iter().flat_map(sources) {
        let (module, mut is_test) = (module(&path), false);
        for line in std::fs::read_to_string(&path).expect("a source file").lines().map(str::trim_start) {
            if line.starts_with("#[") && (line.contains("test]") || line.contains("::test(")) {
                is_test = true;
            } else if let Some((_, after)) = line.split_once("fn ").filter(|_| is_test) {
                tests.push(format!("{module}::{}", after.split('(').next().unwrap_or_default()));
                is_test = false;
            }
        }
    }
    tests.sort();
    tests
}

/// For each id the tests that hold it: those with the id in their names, and those that the list names.
fn inside(items: &[Item]) -> BTreeMap<&str, Vec<String>> {
    let tests = tests();
    let of = |item: &Item| {
        let mark = item.id.to_lowercase().replace('-', "_");
        let named = |test: &&String| test.rsplit("::").next().is_some_and(|name| name.contains(&mark));
        let mut found: Vec<String> = tests.iter().filter(named).cloned().collect();
        for test in &item.tests {
            assert!(tests.contains(test), "{} names the test `{test}`, which does not exist", item.id);
            found.push(test.clone());
        }
        found
    };
    items.iter().map(|item| (&*item.id, of(item))).collect()
}

fn held(item: &Item, inside: &[String], runs: &[(&str, Report)]) -> Held {
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for (name, report) in runs.iter().filter(|_| item.outside.as_deref() != Some(TIMED)) {
        match report.verdict(&item.id) {
            Some(Verdict::Passed { .. }) => passed.push((*name).to_owned()),
            Some(Verdict::Failed { failures, .. }) => failed.push(format!("{name}: {failures:?}")),
            _ => {}
        }
    }
    match (&*failed, &item.absent) {
        ([_, ..], _) => item.unmet.clone().map_or_else(|| Held::Failed(failed.join("; ")), Held::Unmet),
        _ if !passed.is_empty() => Held::Outside(passed),
        _ if !inside.is_empty() => Held::Inside(inside.to_vec()),
        (_, Some(why)) => Held::Nothing(why.clone()),
        _ => Held::Unproven,
    }
}

/// Compares the page with what the runs show.
pub fn compare(runs: &[(&str, Report)]) {
    let items = list();
    let inside = inside(&items);
    let held: Vec<Held> = items.iter().map(|item| held(item, &inside[&*item.id], runs)).collect();
    let open = |(item, held): (&Item, &Held)| match held {
        Held::Failed(told) => Some(format!("{} failed: {told}", item.id)),
        Held::Unproven => Some(format!("{} is neither seen nor tested nor explained: {}", item.id, item.requirement)),
        _ => None,
    };
    let open: Vec<String> = items.iter().zip(&held).filter_map(open).collect();
    let reports =
        || runs.iter().map(|(name, report)| format!("{name}\n{}\n", terminal(report, true))).collect::<String>();
    assert!(open.is_empty(), "{}\n\n{}", open.join("\n"), reports());
    let page = page(&items, &held);
    let known = std::fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    if page != known {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-results.md");
        std::fs::write(&new, page).expect("written");
        panic!("what holds has changed: look at it, then `cp {} {PAGE}`", new.display());
    }
}

fn page(items: &[Item], held: &[Held]) -> String {
    let count = |of: fn(&Held) -> bool| held.iter().filter(|held| of(held)).count();
    let mut page = format!(
        "# How our own server holds each item\n\nMade by the test `it::conform::ours`; do not edit. {} items: {} passed \
         from outside, {} tested inside, {} with nothing to judge, {} not met. The runs: development, production (signed calls, \
         signed discovery), and the address of 3.0. What is asked: `docs/reference/conformance.md`.\n\n\
         | id | level | requirement | held |\n|---|---|---|---|\n",
        items.len(),
        count(|held| matches!(held, Held::Outside(_))),
        count(|held| matches!(held, Held::Inside(_))),
        count(|held| matches!(held, Held::Nothing(_))),
        count(|held| matches!(held, Held::Unmet(_))),
    );
    for (item, held) in items.iter().zip(held) {
        let told = match held {
            Held::Outside(runs) => format!("passed from outside: {}", runs.join(", ")),
            Held::Inside(tests) => format!("tested inside by `{}`", tests.join("`, `")),
            Held::Nothing(why) => format!("nothing to judge: {why}"),
            Held::Unmet(why) => format!("not met: {why}"),
            Held::Failed(_) | Held::Unproven => unreachable!("the page is made once nothing is open"),
        };
        page += &format!("| {} | {} | {} | {told} |\n", item.id, item.level.as_str(), item.requirement);
    }
    page
}

#[test]
fn every_test_that_the_list_names_exists() {
    let items = list();
    let inside = inside(&items);
    assert!(
        inside["CH-266"].iter().any(|test| test.starts_with("it::trust::forged::ch_266")),
        "{:?}",
        inside["CH-266"]
    );
}
