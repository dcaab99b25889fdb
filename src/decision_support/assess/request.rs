//! What is asked of an operation: a FHIR Parameters resource, read by the names that the OperationDefinitions have.
//!
//! A parameter that is not known is refused, so that nobody believes in a limit that was never read.

use super::chart::ChartSource;
use crate::decision_support::protocol::is_fhir_id;
use crate::patient_record::moment;
use crate::patient_record::timeline::{SECONDS_PER_DAY, Second};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Phenotypes named at most.
const MOST_PHENOTYPES: usize = 200;
/// How far the caller's clock may be ahead, in seconds.
const SKEW: Second = 60;

/// What is asked of a chart.
#[derive(Clone, Debug, Default)]
pub struct AssessRequest {
    /// Nothing known later is read.
    pub as_of: Second,
    /// Names of outcomes; empty: all.
    pub phenotypes: Vec<String>,
}

impl AssessRequest {
    pub(super) fn asks(&self, phenotype: &str) -> bool {
        self.phenotypes.is_empty() || self.phenotypes.iter().any(|name| name == phenotype)
    }
}

/// What is wrong with the parameters. Holds no part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    #[error("the body must be a FHIR Parameters resource in JSON")]
    NotParameters,
    #[error("a parameter has a name that this operation does not know: see GET /fhir/metadata")]
    UnknownName,
    #[error("a parameter is there twice that may be there once")]
    Twice,
    #[error("`chart` must hold a Bundle as its resource")]
    Chart,
    #[error("`patient` must be a reference `Patient/ID`, or an id")]
    Patient,
    #[error("`as-of` must be a date, or a date and time with its offset, that is not in the future")]
    AsOf,
    #[error("`phenotype` must be a `valueCode`, and there are at most 200")]
    Phenotype,
    #[error("`encoding` must be the code base64 or decimal")]
    Encoding,
    #[error(
        "a `phenotype` is not known to the model of this server: GET /fhir/OperationDefinition/assess-risk lists them"
    )]
    UnknownPhenotype,
    #[error("say whose chart: send `chart`, or name a `patient` with a token that has leave to read")]
    NoChart,
}

impl ParameterError {
    /// The parameter to change.
    pub fn parameter(self) -> Option<&'static str> {
        match self {
            Self::NotParameters | Self::UnknownName | Self::Twice => None,
            Self::Chart | Self::NoChart => Some("chart"),
            Self::Patient => Some("patient"),
            Self::AsOf => Some("as-of"),
            Self::Encoding => Some("encoding"),
            Self::Phenotype | Self::UnknownPhenotype => Some("phenotype"),
        }
    }
}

/// A read Parameters resource.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// A Bundle.
    pub chart: Option<String>,
    /// Logical id.
    pub patient: Option<String>,
    pub request: AssessRequest,
    /// Of a state: decimals instead of base64.
    pub decimal: bool,
}

impl Asked {
    /// The chart that was sent, if one was.
    pub fn sent(&mut self) -> Option<ChartSource> {
        let patient = self.patient.clone();
        self.chart.take().map(|bundle| ChartSource::Sent { bundle, patient })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    resource_type: Cow<'a, str>,
    #[serde(borrow, default)]
    parameter: Vec<Parameter<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameter<'a> {
    name: Cow<'a, str>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    value_reference: Option<Reference>,
    value_id: Option<String>,
    value_string: Option<String>,
    value_code: Option<String>,
    value_date: Option<String>,
    value_date_time: Option<String>,
    value_instant: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    reference: Option<String>,
}

/// Reads the parameters of either operation: with `phenotypes` of `$assess-risk`, else of `$embed`.
///
/// # Errors
/// What to change.
pub fn read_parameters(body: &[u8], phenotypes: bool, now: Timestamp) -> Result<Asked, ParameterError> {
    let text = std::str::from_utf8(body).map_err(|_| ParameterError::NotParameters)?;
    let parameters: Parameters<'_> = serde_json::from_str(text).map_err(|_| ParameterError::NotParameters)?;
    if parameters.resource_type != "Parameters" {
        return Err(ParameterError::NotParameters);
    }
    let mut asked =
        Asked { request: AssessRequest { as_of: now.as_second(), ..AssessRequest::default() }, ..Asked::default() };
    let mut dated = false;
    for parameter in parameters.parameter {
        match &*parameter.name {
            "chart" => once(&mut asked.chart, parameter.bundle()?)?,
            "patient" => once(&mut asked.patient, parameter.patient()?)?,
            "as-of" if dated => return Err(ParameterError::Twice),
            "as-of" => {
                asked.request.as_of = parameter.moment(now)?;
                dated = true;
            }
            "phenotype" if phenotypes && asked.request.phenotypes.len() < MOST_PHENOTYPES => {
                asked.request.phenotypes.push(parameter.value_code.ok_or(ParameterError::Phenotype)?);
            }
            "phenotype" if phenotypes => return Err(ParameterError::Phenotype),
            "encoding" if !phenotypes => match parameter.value_code.as_deref() {
                Some("base64") => asked.decimal = false,
                Some("decimal") => asked.decimal = true,
                _ => return Err(ParameterError::Encoding),
            },
            _ => return Err(ParameterError::UnknownName),
        }
    }
    Ok(asked)
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ParameterError> {
    if place.replace(value).is_some() { Err(ParameterError::Twice) } else { Ok(()) }
}

impl Parameter<'_> {
    fn bundle(&self) -> Result<String, ParameterError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed<'a> {
            #[serde(borrow)]
            resource_type: Cow<'a, str>,
        }
        let resource = self.resource.ok_or(ParameterError::Chart)?.get();
        match serde_json::from_str::<Typed<'_>>(resource) {
            Ok(typed) if typed.resource_type == "Bundle" => Ok(resource.to_owned()),
            _ => Err(ParameterError::Chart),
        }
    }

    fn patient(&self) -> Result<String, ParameterError> {
        let reference = self.value_reference.as_ref().and_then(|one| one.reference.as_deref());
        let text = reference.or(self.value_id.as_deref()).or(self.value_string.as_deref());
        let text = text.ok_or(ParameterError::Patient)?;
        let id = text.strip_prefix("Patient/").unwrap_or(text);
        if is_fhir_id(id) { Ok(id.to_owned()) } else { Err(ParameterError::Patient) }
    }

    /// Today's date means now; nothing later can have been known.
    fn moment(&self, now: Timestamp) -> Result<Second, ParameterError> {
        let text = self.value_date_time.as_ref().or(self.value_instant.as_ref()).or(self.value_date.as_ref());
        let text = text.ok_or(ParameterError::AsOf)?;
        let (moment, now) = (moment::parse(text).map_err(|_| ParameterError::AsOf)?, now.as_second());
        let is_date = !text.contains('T');
        let begun = if is_date { moment - SECONDS_PER_DAY + 1 } else { moment - SKEW };
        if begun > now { Err(ParameterError::AsOf) } else { Ok(moment.min(now)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(parameters: Value) -> Result<Asked, ParameterError> {
        let now = "2026-03-04T10:00:00Z".parse().expect("a time");
        read_parameters(
            json!({"resourceType": "Parameters", "parameter": parameters}).to_string().as_bytes(),
            true,
            now,
        )
    }

    fn as_of(name: &str, value: &str) -> Result<String, ParameterError> {
        read(json!([{"name": "as-of", name: value}])).map(|asked| moment::write(asked.request.as_of))
    }

    #[test]
    fn a_moment_is_a_date_or_an_instant_and_never_in_the_future() {
        assert_eq!(as_of("valueDate", "2026-03-03").as_deref(), Ok("2026-03-03T23:59:59Z"));
        assert_eq!(as_of("valueDate", "2026-03-04").as_deref(), Ok("2026-03-04T10:00:00Z"));
        assert_eq!(as_of("valueDateTime", "2019-03-04T10:00:00+01:00").as_deref(), Ok("2019-03-04T09:00:00Z"));
        for (name, value) in [
            ("valueDate", "2026-03-05"),
            ("valueInstant", "2026-03-04T10:02:00Z"),
            ("valueDateTime", "2026"),
            ("valueDateTime", "2026-03-04T10:00:00"),
            ("valueString", "2026-03-03"),
        ] {
            assert_eq!(as_of(name, value), Err(ParameterError::AsOf), "{value}");
        }
        assert_eq!(read(json!([])).map(|asked| asked.request.as_of), Ok(1_772_618_400));
    }

    #[test]
    fn each_fault_is_told_apart() {
        let bundle = json!({"resourceType": "Bundle"});
        for (parameters, error) in [
            (json!([{"name": "color", "valueCode": "x"}]), ParameterError::UnknownName),
            (json!([{"name": "chart"}]), ParameterError::Chart),
            (json!([{"name": "chart", "resource": {"resourceType": "Patient"}}]), ParameterError::Chart),
            (
                json!([{"name": "chart", "resource": bundle}, {"name": "chart", "resource": bundle}]),
                ParameterError::Twice,
            ),
            (json!([{"name": "patient", "valueReference": {"reference": "Group/1"}}]), ParameterError::Patient),
            (
                json!([{"name": "patient", "valueReference": {"reference": "https://x/Patient/1"}}]),
                ParameterError::Patient,
            ),
            (json!([{"name": "patient", "valueId": "../x"}]), ParameterError::Patient),
            (json!([{"name": "phenotype"}]), ParameterError::Phenotype),
            (json!([{"name": "phenotype", "valueString": "ckd"}]), ParameterError::Phenotype),
            (json!([{"name": 7}]), ParameterError::NotParameters),
            (json!({}), ParameterError::NotParameters),
        ] {
            assert_eq!(read(parameters.clone()).map(drop), Err(error), "{parameters}");
        }
        let now = Timestamp::UNIX_EPOCH;
        let embed = br#"{"resourceType": "Parameters", "parameter": [{"name": "phenotype", "valueCode": "ckd"}]}"#;
        assert_eq!(read_parameters(embed, false, now).map(drop), Err(ParameterError::UnknownName));
        assert_eq!(read_parameters(b"\xff", true, now).map(drop), Err(ParameterError::NotParameters));
    }
}
