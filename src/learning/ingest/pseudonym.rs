//! The salt of a dataset, and what is made of a patient id with it: a key, and a split.

use crate::learning::shard::Split;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

/// A salt shorter than this can be guessed.
const SHORTEST: usize = 16;

/// Turns patient ids into keys that cannot be turned back without it.
#[derive(Clone)]
pub struct Salt(Vec<u8>);

/// What stands in a dataset for a patient id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pseudonym {
    /// First 16 bytes of SHA-256(salt, id).
    pub key: [u8; 16],
    /// Uniform over 0 to 2^64: the next 8 bytes.
    draw: u64,
}

impl Salt {
    /// The salt in `file`, else the dataset's own, made at random when it has none yet.
    pub fn load(dataset: &Path, file: Option<&Path>) -> anyhow::Result<Self> {
        let own = dataset.join("salt");
        let path = file.unwrap_or(&own);
        if file.is_none() && !own.exists() {
            // Two random UUIDs: 244 random bits from the operating system.
            let text = format!("{}{}\n", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
            write_private(&own, text.as_bytes())?;
        }
        let text = std::fs::read(path).with_context(|| format!("salt `{}`", path.display()))?;
        let salt = text.trim_ascii();
        if salt.len() < SHORTEST {
            bail!("salt `{}` is shorter than {SHORTEST} bytes; make one with `openssl rand -hex 32`", path.display());
        }
        Ok(Self(salt.to_vec()))
    }

    /// The pseudonym of a patient id.
    pub fn pseudonym(&self, patient_id: &str) -> Pseudonym {
        let digest = Sha256::new().chain_update(&self.0).chain_update(patient_id).finalize();
        let mut key = [0; 16];
        let mut draw = [0; 8];
        key.copy_from_slice(&digest[..16]);
        draw.copy_from_slice(&digest[16..24]);
        Pseudonym { key, draw: u64::from_le_bytes(draw) }
    }

    /// A digest that tells whether two runs used the same salt, and nothing of the salt.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::new().chain_update("fingerprint").chain_update(&self.0).finalize().into()
    }
}

impl Pseudonym {
    /// 70 % train, 10 % each validation, calibration and test.
    pub fn split(&self) -> Split {
        match (self.draw as f64 / u64::MAX as f64 * 10.0) as u32 {
            0..=6 => Split::Train,
            7 => Split::Validation,
            8 => Split::Calibration,
            _ => Split::Test,
        }
    }
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("`{}`", path.display()))?;
    Ok(file.write_all(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_take_seven_one_one_one_tenths() {
        let salt = Salt(b"0123456789abcdef".to_vec());
        let mut counts = [0; 4];
        (0..10_000).for_each(|i| counts[salt.pseudonym(&format!("p{i}")).split() as usize] += 1);
        assert!((6_800..7_200).contains(&counts[0]), "{counts:?}");
        assert!(counts[1..].iter().all(|n| (850..1_150).contains(n)), "{counts:?}");
    }

    #[test]
    fn another_salt_gives_other_keys() {
        let (a, b) = (Salt(b"0123456789abcdef".to_vec()), Salt(b"0123456789abcdeg".to_vec()));
        assert_ne!(a.pseudonym("1").key, b.pseudonym("1").key);
        assert_eq!(a.pseudonym("1"), a.pseudonym("1"));
    }

    #[test]
    fn a_dataset_keeps_its_salt_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        let first = Salt::load(folder.path(), None).unwrap();
        assert_eq!(Salt::load(folder.path(), None).unwrap().0, first.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(folder.path().join("salt")).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
