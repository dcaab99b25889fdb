//! The rules of the house, read from the files themselves: arrows between folders point one way, each dependency
//! stays in its layers, every file is reachable and says what it owns, and the documents name what exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The layers, lowest first; a folder uses only folders of earlier lines.
const LAYERS: [&[&str]; 8] = [
    &["platform"],
    &["trust"],
    &["patient_record"],
    &["prediction"],
    &["governance"],
    &["learning", "decision_support"],
    &["web", "sandbox_ehr", "conform"],
    &["cli"],
];

/// Which folders may use a dependency. Where the command line stands, it only starts what a lower layer built.
const DEPENDENCIES: [(&str, &[&str]); 11] = [
    ("actix_web", &["web", "sandbox_ehr", "conform", "cli"]),
    ("awc", &["trust", "decision_support", "sandbox_ehr", "conform", "cli"]),
    ("jsonwebtoken", &["trust", "conform"]),
    ("rustls", &["web"]),
    ("maud", &["web", "sandbox_ehr"]),
    ("candle_core", &["prediction", "learning"]),
    ("fused_ops", &["prediction", "learning", "cli"]),
    ("sqlx", &["platform", "trust", "governance"]),
    ("moka", &["trust", "prediction"]),
    ("anyhow", &["learning", "cli"]),
    ("clap", &["cli"]),
];

/// Names that hide several owners.
const NAMELESS: [&str; 7] = ["utils", "util", "helpers", "common", "misc", "manager", "processor"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files with this ending below a folder of the repository.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    ["src", "tests", "crates"].into_iter().flat_map(|folder| files(folder, "rs")).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The code without comments that fill a line, and without the tests at a file's end.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source file");
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or("").to_owned();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The folder below `src` that a file belongs to; `None` for `lib.rs` and `main.rs`.
fn folder(path: &Path) -> Option<String> {
    let mut parts = path.strip_prefix(root().join("src")).ok()?.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().map(|_| first)
}

fn layer(folder: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&folder)).unwrap_or_else(|| panic!("`src/{folder}` has no layer"))
}

/// Words that follow `before` in the code, as far as they are identifiers.
fn words_after<'a>(code: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(before).filter_map(move |(at, _)| {
        let whole_word = code[..at].chars().next_back().is_none_or(|last| !last.is_alphanumeric() && last != '_');
        let rest = &code[at + before.len()..];
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        whole_word.then(|| &rest[..end])
    })
}

#[test]
fn a_folder_uses_only_folders_of_lower_layers() {
    let known: BTreeSet<&str> = LAYERS.iter().flat_map(|layer| layer.iter().copied()).collect();
    for path in files("src", "rs") {
        let Some(from) = folder(&path) else { continue };
        let code = code(&path);
        assert!(
            !code.contains("use crate::{"),
            "{}: one `use crate::` a folder, so that arrows can be seen",
            shown(&path)
        );
        for to in words_after(&code, "crate::").filter(|to| known.contains(to) && *to != from) {
            assert!(layer(to) < layer(&from), "{}: `{from}` must not use `{to}`", shown(&path));
        }
    }
}

#[test]
fn conformance_knows_the_server_only_from_outside() {
    for path in files("src/conform", "rs") {
        let code = code(&path);
        let inside = words_after(&code, "crate::").find(|to| !["conform", "platform"].contains(to));
        assert_eq!(inside, None, "{}: `conform` judges any server and knows none", shown(&path));
    }
}

#[test]
fn each_dependency_stays_in_its_layers() {
    for path in files("src", "rs") {
        let Some(from) = folder(&path) else { continue };
        let code = code(&path);
        for (dependency, folders) in DEPENDENCIES {
            let used = words_after(&code, dependency).any(str::is_empty) && code.contains(&format!("{dependency}::"));
            assert!(!used || folders.contains(&&*from), "{}: `{dependency}` belongs to {folders:?}", shown(&path));
        }
        assert!(!code.contains("fhirbolt::"), "{}: fhirbolt belongs to crates/fhir-fence", shown(&path));
    }
}

/// A call, a token, a form with a secret: each is meant for the address that it is sent to, and for no other.
#[test]
fn no_http_client_follows_redirections() {
    let mut clients = 0;
    for path in files("src", "rs") {
        let code = code(&path);
        if !code.contains("awc") {
            continue;
        }
        let built = words_after(&code, "Client::").filter(|made| ["builder", "default", "new"].contains(made)).count();
        let staying = words_after(&code, ".").filter(|made| *made == "disable_redirects").count();
        assert_eq!(built, staying, "{}: build clients with `disable_redirects`", shown(&path));
        clients += built;
    }
    assert!(clients >= 7, "{clients}: where are the others?");
}

#[test]
fn every_source_file_is_reachable_from_the_top() {
    for path in sources() {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let parent = path.parent().expect("a folder");
        if ["lib", "main"].contains(&name) || ["tests", "examples"].iter().any(|crates| parent.ends_with(crates)) {
            continue; // a crate root: Cargo finds it
        }
        let (module, declared_in) = match name {
            "mod" => {
                (parent.file_name().and_then(|name| name.to_str()).expect("a name"), parent.parent().expect("a folder"))
            }
            name => (name, parent),
        };
        let declares = |file: &str| {
            std::fs::read_to_string(declared_in.join(file)).is_ok_and(|text| {
                text.lines().any(|line| {
                    let line = line.trim_start();
                    line.ends_with(&format!("mod {module};")) && !line.starts_with("//")
                })
            })
        };
        let reachable = ["mod.rs", "lib.rs", "main.rs"].into_iter().any(declares);
        assert!(reachable, "{}: nothing declares it, so nothing compiles it", shown(&path));
    }
}

#[test]
fn every_module_opens_by_saying_what_it_owns() {
    for path in sources().into_iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(&path).expect("a source file");
        assert!(text.starts_with("//!"), "{}: open with `//!`: what it owns, what it refuses to do", shown(&path));
    }
}

#[test]
fn no_file_has_a_name_that_hides_several_owners() {
    for path in sources() {
        let names =
            path.strip_prefix(root()).expect("inside").components().filter_map(|part| part.as_os_str().to_str());
        for name in names.map(|name| name.trim_end_matches(".rs")) {
            assert!(!NAMELESS.contains(&name), "{}: name it after what it owns", shown(&path));
        }
    }
}

/// Paths in backticks that begin with a folder or file of the repository.
fn named_paths(text: &str) -> Vec<String> {
    let tops = [
        "src/",
        "tests/",
        "docs/",
        "config/",
        "crates/",
        "profiles/",
        "cds-services/",
        "migrations/",
        "scripts/",
        "demo/",
    ];
    let mut named: Vec<String> = Vec::new();
    let mut inside_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside_block = !inside_block;
        }
        let quoted = line.split('`').skip(1).step_by(2);
        let paths = quoted.filter(|quoted| !inside_block && tops.iter().any(|top| quoted.starts_with(top)));
        let plain = |path: &&str| !path.contains(['*', '{', ' ', '<']) && !path.contains("ID");
        named.extend(paths.filter(plain).map(str::to_owned));
    }
    named
}

#[test]
fn the_documents_name_only_paths_that_exist() {
    let tops = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let folders = ["docs", "profiles", "migrations", "cds-services", "scripts", "demo"];
    let documents = folders.into_iter().flat_map(|folder| files(folder, "md")).chain(tops);
    for path in documents {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for named in named_paths(&text) {
            assert!(root().join(&named).exists(), "{} names `{named}`, which does not exist", shown(&path));
        }
    }
}

#[test]
fn the_map_names_every_folder_of_the_source() {
    let map = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the map");
    for folder in LAYERS.iter().flat_map(|layer| layer.iter()) {
        assert!(root().join("src").join(folder).is_dir(), "`src/{folder}` is gone");
        assert!(map.contains(&format!("`src/{folder}`")), "docs/ARCHITECTURE.md does not tell of `src/{folder}`");
    }
}
