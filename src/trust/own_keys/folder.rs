//! The folder on disk: `KID.pem` for each private key, and `signing`, a file that holds the name of the one that signs.

use super::OwnKeysError;
use super::ring::{KeyKind, OwnKey, Ring};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Names the key that signs.
const SIGNING: &str = "signing";

/// A folder of keys, as an operator changes it.
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    pub fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// For messages.
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Makes a key and publishes it; the first one of a folder also signs. Its name.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn make(&self, kind: KeyKind) -> Result<String, OwnKeysError> {
        let pem = kind.make()?;
        let key = OwnKey::read(pem.as_bytes())
            .ok_or_else(|| OwnKeysError::Crypto("a key that was made cannot be read".into()))?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .map_err(|error| file_error(&self.path, &error))?;
        self.write(&format!("{}.pem", key.kid), pem.as_bytes())?;
        if !self.path.join(SIGNING).exists() {
            self.let_sign(&key.kid)?;
        }
        Ok(key.kid)
    }

    /// Lets another key sign: the named one, or a new one of the kind that signs now. The old one stays published. The
    /// name of the one that signs now.
    ///
    /// # Errors
    /// When there are no keys yet, or none of this name.
    pub fn rotate(&self, to: Option<&str>) -> Result<String, OwnKeysError> {
        let ring = self.read()?;
        let kid = match to {
            Some(kid) => ring.find(kid)?.kid.clone(),
            None => self.make(ring.signer().map_or(KeyKind::Es384, |key| key.kind))?,
        };
        self.let_sign(&kid)?;
        Ok(kid)
    }

    /// Takes a key out for good.
    ///
    /// # Errors
    /// When there is none of this name, or it signs.
    pub fn retire(&self, kid: &str) -> Result<(), OwnKeysError> {
        let ring = self.read()?;
        let key = ring.find(kid)?;
        if key.signs {
            return Err(OwnKeysError::Signs(kid.to_owned()));
        }
        let path = self.path.join(format!("{}.pem", key.kid));
        fs::remove_file(&path).map_err(|error| file_error(&path, &error))
    }

    /// Every key, ordered by name.
    ///
    /// # Errors
    /// When the folder cannot be read, holds no key or a `.pem` that is none.
    pub fn keys(&self) -> Result<Vec<OwnKey>, OwnKeysError> {
        Ok(self.read()?.keys)
    }

    pub(super) fn read(&self) -> Result<Ring, OwnKeysError> {
        let entries = fs::read_dir(&self.path).map_err(|error| file_error(&self.path, &error))?;
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "pem")).collect();
        paths.sort();
        let signing = fs::read_to_string(self.path.join(SIGNING)).unwrap_or_default();
        let mut keys = Vec::new();
        for path in paths {
            let pem = fs::read(&path).map_err(|error| file_error(&path, &error))?;
            let read = OwnKey::read(&pem);
            let mut key = read.ok_or_else(|| OwnKeysError::NotAKey { path: path.display().to_string() })?;
            key.signs = key.kid == signing.trim();
            keys.push(key);
        }
        if keys.is_empty() { Err(OwnKeysError::Empty { folder: self.shown() }) } else { Ok(Ring { keys }) }
    }

    fn let_sign(&self, kid: &str) -> Result<(), OwnKeysError> {
        self.write(SIGNING, format!("{kid}\n").as_bytes())
    }

    /// Writes a file whole or not at all, for its owner alone.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OwnKeysError> {
        let (path, beside) = (self.path.join(name), self.path.join(format!(".{name}.new")));
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).and_then(
            |mut file| {
                file.write_all(bytes)?;
                file.sync_all()?;
                fs::rename(&beside, &path)
            },
        );
        written.map_err(|error| file_error(&path, &error))
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> OwnKeysError {
    OwnKeysError::File { path: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder() -> (tempfile::TempDir, KeyFolder) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = KeyFolder::new(&place.path().join("keys"));
        (place, folder)
    }

    fn states(folder: &KeyFolder) -> Vec<(String, bool)> {
        folder.keys().expect("keys").into_iter().map(|key| (key.kid, key.signs)).collect()
    }

    #[test]
    fn private_keys_are_for_their_owner_alone() {
        let (place, folder) = folder();
        let kid = folder.make(KeyKind::Es384).expect("a key");
        let mode = |name: &str| {
            let path = place.path().join("keys").join(name);
            fs::metadata(path).expect("there").permissions().mode() & 0o777
        };
        assert_eq!((mode(&format!("{kid}.pem")), mode("")), (0o600, 0o700));
    }

    #[test]
    fn the_first_key_signs_a_second_waits_and_rotation_keeps_the_old_one_published() {
        let (_place, folder) = folder();
        let first = folder.make(KeyKind::Es384).expect("a key");
        let second = folder.make(KeyKind::Es384).expect("a key");
        assert!(states(&folder).contains(&(first.clone(), true)) && states(&folder).contains(&(second.clone(), false)));
        assert_eq!(folder.rotate(Some(&second)).expect("rotated"), second);
        assert!(states(&folder).contains(&(first.clone(), false)) && states(&folder).contains(&(second.clone(), true)));
        let third = folder.rotate(None).expect("rotated");
        assert_eq!(states(&folder).len(), 3);
        assert!(states(&folder).contains(&(third.clone(), true)));
        assert!(matches!(folder.retire(&third), Err(OwnKeysError::Signs(_))));
        folder.retire(&first).expect("retired");
        assert!(states(&folder).iter().all(|(kid, _)| *kid != first));
        for nobody in [first.as_str(), "../signing", ""] {
            assert!(matches!(folder.retire(nobody), Err(OwnKeysError::Unknown(_))), "{nobody}");
            assert!(matches!(folder.rotate(Some(nobody)), Err(OwnKeysError::Unknown(_))), "{nobody}");
        }
    }

    #[test]
    fn a_folder_without_keys_or_with_something_else_is_refused_with_its_name() {
        let (place, folder) = folder();
        assert!(matches!(folder.keys(), Err(OwnKeysError::File { .. })));
        folder.make(KeyKind::Es384).expect("a key");
        fs::write(place.path().join("keys/odd.pem"), "nothing").expect("written");
        assert!(folder.keys().err().expect("refused").to_string().contains("odd.pem"));
    }
}
