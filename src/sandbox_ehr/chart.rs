//! The patients that the sandbox EHR knows: one compressed NDJSON file each, read when the page starts.
//!
//! Keeps every resource as its own text, since that text is what a hook call sends.

use super::facts::{Facts, date};
use jiff::civil::Date;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why the patients cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ChartsError {
    #[error("no patients in `{0}`: it should hold files named *.ndjson.zst or *.ndjson, one patient each")]
    Empty(PathBuf),
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable { file: PathBuf, reason: String },
    #[error("`{file}`, line {line} is not a FHIR resource: {reason}")]
    NotFhir { file: PathBuf, line: usize, reason: String },
    #[error("`{file}` holds {found} Patient resources; it should hold one")]
    NotOnePatient { file: PathBuf, found: usize },
}

/// One resource: its type, its text, and what was read of it.
#[derive(Debug)]
pub struct Resource {
    pub resource_type: Box<str>,
    pub id: Box<str>,
    pub body: Box<RawValue>,
    pub facts: Facts,
}

impl Resource {
    /// A resource that is in no file; `None` where it lacks type or id.
    pub fn of(resource: &Value) -> Option<Self> {
        Some(Self {
            resource_type: resource["resourceType"].as_str()?.into(),
            id: resource["id"].as_str()?.into(),
            body: serde_json::value::to_raw_value(resource).ok()?,
            facts: Facts::read(resource),
        })
    }
}

/// One patient's whole record.
#[derive(Debug)]
pub struct Chart {
    pub id: Box<str>,
    pub name: String,
    pub sex: Box<str>,
    pub birth: Option<Date>,
    pub deceased: Option<Date>,
    /// In the order of the file; the Patient is among them.
    pub resources: Vec<Resource>,
}

/// The largest patient file that is read, decompressed.
const LARGEST_FILE: u64 = 256 << 20;

/// Reads every patient file of a folder, ordered by patient name.
pub fn read_folder(folder: &Path) -> Result<Vec<Chart>, ChartsError> {
    let unreadable =
        |reason: std::io::Error| ChartsError::Unreadable { file: folder.into(), reason: reason.to_string() };
    let mut charts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".ndjson.zst") || name.ends_with(".ndjson") {
            charts.push(read_file(&path)?);
        }
    }
    if charts.is_empty() {
        return Err(ChartsError::Empty(folder.into()));
    }
    charts.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(charts)
}

fn read_file(path: &Path) -> Result<Chart, ChartsError> {
    let text = decompressed(path)
        .map_err(|reason| ChartsError::Unreadable { file: path.into(), reason: reason.to_string() })?;
    let mut resources = Vec::new();
    let mut patients = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let not_fhir =
            |reason: &str| ChartsError::NotFhir { file: path.into(), line: number + 1, reason: reason.to_owned() };
        let parsed: Value = serde_json::from_str(line).map_err(|error| not_fhir(&error.to_string()))?;
        let field = |name: &str| parsed[name].as_str().filter(|text| !text.is_empty());
        let resource_type = field("resourceType").ok_or_else(|| not_fhir("`resourceType` is missing"))?;
        let id = field("id").ok_or_else(|| not_fhir("`id` is missing"))?;
        let body = RawValue::from_string(line.to_owned()).map_err(|error| not_fhir(&error.to_string()))?;
        let (resource_type, id): (Box<str>, Box<str>) = (resource_type.into(), id.into());
        if &*resource_type == "Patient" {
            patients.push(parsed.clone());
        }
        resources.push(Resource { resource_type, id, body, facts: Facts::read(&parsed) });
    }
    match patients.as_slice() {
        [patient] => Ok(Chart::of(patient, resources)),
        _ => Err(ChartsError::NotOnePatient { file: path.into(), found: patients.len() }),
    }
}

fn decompressed(path: &Path) -> std::io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "zst") {
        let mut decoder = zstd::Decoder::new(file)?;
        decoder.window_log_max(27)?;
        decoder.take(LARGEST_FILE).read_to_string(&mut text)?;
    } else {
        file.take(LARGEST_FILE).read_to_string(&mut text)?;
    }
    Ok(text)
}

impl Chart {
    fn of(patient: &Value, resources: Vec<Resource>) -> Self {
        let name = &patient["name"][0];
        let mut words: Vec<&str> = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        words.extend(name["family"].as_str());
        let day = |field: &str| patient[field].as_str().and_then(|text| date(text.get(..10).unwrap_or(text)));
        Self {
            id: patient["id"].as_str().unwrap_or_default().into(),
            name: plain_name(&words.join(" ")),
            sex: patient["gender"].as_str().unwrap_or("unknown").into(),
            birth: day("birthDate"),
            deceased: day("deceasedDateTime"),
            resources,
        }
    }

    /// The resources of one type, in the order of the file.
    pub fn of_type<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| &*resource.resource_type == resource_type)
    }

    /// Whether one can look at the chart as it was on this day: it lies between birth and yesterday.
    pub fn reaches_back_to(&self, day: Date, today: Date) -> bool {
        day < today && self.birth.is_none_or(|birth| birth <= day)
    }

    /// Full years lived on `day`, or at death where that came first.
    pub fn age_on(&self, day: Date) -> Option<i32> {
        let birth = self.birth?;
        let day = self.deceased.map_or(day, |death| death.min(day));
        let had_birthday = (day.month(), day.day()) >= (birth.month(), birth.day());
        Some(i32::from(day.year() - birth.year()) - i32::from(!had_birthday))
    }
}

/// Synthea's names end in digits, so that nobody takes them for real; the banner says it better.
fn plain_name(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
