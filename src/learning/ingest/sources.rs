//! Which files an export consists of. Owns the search, the formats told by file names, and the split that a
//! folder's name may decide. Reads no content.

use crate::learning::shard::Split;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders nested deeper than this are a loop of links.
const DEEPEST: usize = 32;

/// What a file holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `.ndjson`: one resource a line.
    Lines,
    /// `.json`: a Bundle or a single resource.
    Document,
}

/// How a file is compressed, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// One file of the export.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: PathBuf,
    pub content: Content,
    pub compression: Compression,
    /// Size on disk.
    pub bytes: u64,
    /// The split that a folder named train, validation, calibration or test on the way to it decides.
    pub folder_split: Option<Split>,
}

impl SourceFile {
    /// What a message may call it. A bundle's file name often holds its patient's name, so only its folder is said.
    pub fn say(&self) -> String {
        match self.content {
            Content::Lines => self.path.display().to_string(),
            Content::Document => format!("a bundle in {}", self.path.parent().unwrap_or(Path::new(".")).display()),
        }
    }
}

/// Finds every file below the sources, ordered by path so that a second run sees the same order.
pub fn find(sources: &[PathBuf]) -> anyhow::Result<Vec<SourceFile>> {
    let mut found = BTreeMap::new();
    for source in sources {
        let full = source.canonicalize().with_context(|| format!("source `{}`", source.display()))?;
        walk(&full, 0, &mut found)?;
    }
    if found.is_empty() {
        bail!("no `*.ndjson` or `*.json` (also `.gz`, `.zst`) below the sources given");
    }
    Ok(found.into_values().collect())
}

fn walk(path: &Path, depth: usize, found: &mut BTreeMap<PathBuf, SourceFile>) -> anyhow::Result<()> {
    if depth > DEEPEST {
        bail!("`{}` lies more than {DEEPEST} folders deep: a loop of links?", path.display());
    }
    let meta = std::fs::metadata(path).with_context(|| format!("`{}`", path.display()))?;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).with_context(|| format!("`{}`", path.display()))? {
            walk(&entry?.path(), depth + 1, found)?;
        }
    } else if let Some((content, compression)) = format_of(path) {
        found.entry(path.to_owned()).or_insert_with(|| SourceFile {
            path: path.to_owned(),
            content,
            compression,
            bytes: meta.len(),
            folder_split: folder_split(path),
        });
    }
    Ok(())
}

/// Content and compression by name; `None` for files that are not ours to read.
pub fn format_of(path: &Path) -> Option<(Content, Compression)> {
    let name = path.file_name()?.to_str()?;
    let (stem, compression) = match name {
        name if name.ends_with(".gz") => (name.strip_suffix(".gz")?, Compression::Gzip),
        name if name.ends_with(".zst") => (name.strip_suffix(".zst")?, Compression::Zstd),
        name => (name, Compression::None),
    };
    match Path::new(stem).extension()?.to_str()? {
        "ndjson" => Some((Content::Lines, compression)),
        "json" => Some((Content::Document, compression)),
        _ => None,
    }
}

/// The split named by the folder nearest to the file.
fn folder_split(path: &Path) -> Option<Split> {
    let folders = path.parent()?.components().rev();
    folders
        .filter_map(|part| part.as_os_str().to_str())
        .find_map(|name| Split::ALL.into_iter().find(|s| s.as_str() == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_format() {
        let of = |name: &str| format_of(Path::new(name));
        assert_eq!(of("a/Patient.ndjson"), Some((Content::Lines, Compression::None)));
        assert_eq!(of("Patient.ndjson.gz"), Some((Content::Lines, Compression::Gzip)));
        assert_eq!(of("x.json.zst"), Some((Content::Document, Compression::Zstd)));
        assert_eq!(of("notes.txt"), None);
        assert_eq!(of("Patient.ndjson.zst.part"), None);
    }

    #[test]
    fn the_folder_nearest_to_the_file_decides_its_split() {
        assert_eq!(folder_split(Path::new("/home/train/export/test/xa/Patient.ndjson")), Some(Split::Test));
        assert_eq!(folder_split(Path::new("/export/xa/train.ndjson")), None);
    }
}
