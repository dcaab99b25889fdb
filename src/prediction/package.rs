//! A model on disk: manifest, weights, vocabulary, outcomes, calibration, model card.
//!
//! Owns the layout of the folder and the proof that its parts belong together: the manifest names the SHA-256 of
//! every file, and a package whose files differ, or whose shapes do not fit, is refused. Computes no risk.

use super::answer::Abstention;
use super::calibration::{AgeSexTable, Line};
use super::false_alerts::FalseAlerts;
use super::interval::Spread;
use super::network::{Parameters, ReaderConfig};
use candle_core::{DType, Device};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of the package layout.
pub const PACKAGE_FORMAT: u32 = 2;
pub const MANIFEST: &str = "manifest.json";
pub const VOCABULARY: &str = "vocabulary.json";
pub const PHENOTYPES: &str = "phenotypes.toml";
pub const CALIBRATION: &str = "calibration.json";
pub const CARD: &str = "card.md";
pub const CARD_XML: &str = "card.xml";
pub const DISTANCE: &str = "distance.json";
/// What was fitted for pairs; absent where no pair is defined.
pub const OCCASIONS: &str = "occasions.json";
/// How the package came to be, for its cards.
pub const ORIGIN: &str = "origin.json";

/// Why a package cannot be used. Every message names the folder and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error("model package `{}`: `{file}` cannot be read: {why}; give the folder of a complete package", folder.display())]
    Unreadable { folder: PathBuf, file: String, why: String },
    #[error("model package `{}`: `{file}` is not the file that the manifest names; fetch or make the package again", folder.display())]
    Changed { folder: PathBuf, file: String },
    #[error("model package `{}`: format {found} is not known; this version reads format {PACKAGE_FORMAT}", folder.display())]
    Format { folder: PathBuf, found: u32 },
    #[error("model package `{}`: its parts do not fit: {why}", folder.display())]
    Misfit { folder: PathBuf, why: String },
}

/// `manifest.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// `prodrome-s`
    pub name: String,
    /// Readers of one history; their risks are averaged.
    pub readers: Vec<PackagedReader>,
    /// SHA-256 of the dataset that the weights were fitted on.
    pub data_sha256: String,
    pub limits: Limits,
    /// SHA-256 of every other file.
    pub files: BTreeMap<String, String>,
}

/// One reader of a package.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagedReader {
    /// Safetensors file of half-precision weights.
    pub file: String,
    /// How much its risks count in the average, beside the other readers' weights.
    pub weight: f64,
    pub reader: ReaderConfig,
}

/// Charts outside of these are answered but nothing is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub least_age_years: f64,
    pub most_age_years: f64,
    pub least_active_days: usize,
    pub least_history_days: i32,
    /// Largest share of events whose code the vocabulary does not know.
    pub most_unknown_share: f64,
    /// Distance from the calibration charts (`distance.json`) beyond which one in a hundred of them lies; absent in
    /// packages made before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_distance: Option<f64>,
}

/// What was fitted for one outcome within one horizon.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    pub phenotype: String,
    pub horizon_days: u32,
    /// On the calibration split, from the as-of day on.
    pub line: Line,
    /// On the training split.
    pub baseline: AgeSexTable,
    /// Calibrated risk above which 5 % of the calibration split's eligible index days lie.
    pub alert_threshold: f64,
    /// Why it is never shown, if so.
    pub silent: Option<Abstention>,
    /// How sure `line` is; absent in packages made before it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Thresholds that keep false alerts rare, one for each share promised.
    #[serde(default)]
    pub false_alerts: Vec<FalseAlerts>,
    /// What `silent` rests on; absent where validation has too few events to tell.
    pub skill: Option<Skill>,
}

/// What was fitted for one pair, on days of its occasion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedPair {
    /// Name of the pair in the phenotypes.
    pub pair: String,
    /// On the calibration split.
    pub line: Line,
    /// How sure `line` is.
    pub spread: Spread,
    /// On the training split.
    pub baseline: AgeSexTable,
    /// Why it is never shown, if so.
    pub silent: Option<Abstention>,
    /// What `silent` rests on; absent where validation has too few events to tell.
    pub skill: Option<Skill>,
}

/// Discrimination on the validation split, outcomes from the as-of day on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    pub events: usize,
    pub rows: usize,
    pub auroc: f64,
    pub baseline_auroc: f64,
    /// 95 % interval of the difference over draws of patients.
    pub difference: (f64, f64),
}

/// A package's files, proved to be those that the manifest names.
pub struct Package {
    pub manifest: Manifest,
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    /// First twelve digits of the manifest's SHA-256.
    pub fingerprint: String,
}

impl Package {
    /// Reads a folder and proves every file.
    pub fn open(folder: &Path) -> Result<Self, PackageError> {
        let read = |file: &str| {
            std::fs::read(folder.join(file)).map_err(|error| PackageError::Unreadable {
                folder: folder.to_owned(),
                file: file.to_owned(),
                why: error.to_string(),
            })
        };
        let bytes = read(MANIFEST)?;
        let manifest: Manifest = parse(folder, MANIFEST, &bytes)?;
        if manifest.format != PACKAGE_FORMAT {
            return Err(PackageError::Format { folder: folder.to_owned(), found: manifest.format });
        }
        let mut files = BTreeMap::new();
        for (file, sha256) in &manifest.files {
            if Path::new(file).components().count() != 1 {
                return Err(PackageError::Misfit {
                    folder: folder.to_owned(),
                    why: format!("`{file}` is no file name"),
                });
            }
            let content = read(file)?;
            if digest(&content) != *sha256 {
                return Err(PackageError::Changed { folder: folder.to_owned(), file: file.clone() });
            }
            files.insert(file.clone(), content);
        }
        let fingerprint = digest(&bytes)[..12].to_owned();
        Ok(Self { manifest, folder: folder.to_owned(), files, fingerprint })
    }

    /// Every part by its file name.
    pub fn parts(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    fn file(&self, name: &str) -> Result<&[u8], PackageError> {
        self.files.get(name).map(Vec::as_slice).ok_or_else(|| self.misfit(format!("the manifest lacks `{name}`")))
    }

    /// A part as text.
    pub fn text(&self, name: &str) -> Result<&str, PackageError> {
        std::str::from_utf8(self.file(name)?).map_err(|_| self.misfit(format!("`{name}` is not text")))
    }

    /// A part as JSON.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, PackageError> {
        parse(&self.folder, name, self.file(name)?)
    }

    /// Weights of one reader, widened to single precision.
    pub fn parameters(&self, name: &str) -> Result<Parameters, PackageError> {
        widened(self.file(name)?).map_err(|error| self.misfit(format!("`{name}`: {error}")))
    }

    /// An error about parts that do not fit.
    pub fn misfit(&self, why: impl Into<String>) -> PackageError {
        PackageError::Misfit { folder: self.folder.clone(), why: why.into() }
    }
}

fn parse<T: DeserializeOwned>(folder: &Path, file: &str, bytes: &[u8]) -> Result<T, PackageError> {
    serde_json::from_slice(bytes)
        .map_err(|error| PackageError::Misfit { folder: folder.to_owned(), why: format!("`{file}`: {error}") })
}

/// SHA-256 in lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a package: every part, then the manifest that names their hashes.
pub fn write(folder: &Path, mut manifest: Manifest, parts: BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    manifest.files = parts.iter().map(|(file, bytes)| (file.clone(), digest(bytes))).collect();
    for (file, bytes) in &parts {
        std::fs::write(folder.join(file), bytes)?;
    }
    std::fs::write(folder.join(MANIFEST), serde_json::to_string_pretty(&manifest)? + "\n")
}

/// Weights from the bytes of [`half_precision`], in single precision.
pub fn widened(bytes: &[u8]) -> candle_core::Result<Parameters> {
    let single = |tensor: candle_core::Tensor| match tensor.dtype() {
        DType::F16 => tensor.to_dtype(DType::F32),
        _ => Ok(tensor),
    };
    let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
    tensors.into_iter().map(|(name, tensor)| Ok((name, single(tensor)?))).collect()
}

/// Weights as a package keeps them: numbers in half precision, counts and columns as they are.
pub fn half_precision(parameters: &Parameters) -> candle_core::Result<Vec<u8>> {
    let kept = parameters
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), Kept::of(tensor)?)))
        .collect::<candle_core::Result<Vec<_>>>()?;
    safetensors::serialize(kept, None).map_err(candle_core::Error::wrap)
}

/// A tensor as safetensors wants it.
struct Kept {
    dtype: safetensors::Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Kept {
    fn of(tensor: &candle_core::Tensor) -> candle_core::Result<Self> {
        let shape = tensor.dims().to_vec();
        if tensor.dtype() == DType::F32 {
            let numbers: Vec<half::f16> = tensor.to_dtype(DType::F16)?.flatten_all()?.to_vec1()?;
            let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            return Ok(Self { dtype: safetensors::Dtype::F16, shape, bytes });
        }
        let whole: Vec<u32> = tensor.flatten_all()?.to_vec1()?;
        let short: Option<Vec<u16>> = whole.iter().map(|&x| u16::try_from(x).ok()).collect();
        Ok(match short {
            Some(short) => {
                let bytes = short.iter().flat_map(|x| x.to_le_bytes()).collect();
                Self { dtype: safetensors::Dtype::U16, shape, bytes }
            }
            None => {
                let bytes = whole.iter().flat_map(|x| x.to_le_bytes()).collect();
                Self { dtype: safetensors::Dtype::U32, shape, bytes }
            }
        })
    }
}

impl safetensors::View for Kept {
    fn dtype(&self) -> safetensors::Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.bytes.as_slice().into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
