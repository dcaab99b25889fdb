//! The patient whose chart is sent: a small synthetic one, or a FHIR Bundle of the user's. Answers prefetch
//! templates and the mock EHR's FHIR searches from it. A token or parameter that it does not know leaves a key out;
//! it never guesses.

use jiff::civil::Date;
use serde_json::{Value, json};

const SYNTHETIC: &str = include_str!("patient.json");

/// Why a chart cannot be used. Never names what is in it.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    #[error("the chart is no FHIR Bundle of resources in JSON")]
    NotABundle,
    #[error("the chart holds {0} patients: name one with `--patient ID`")]
    WhichPatient(usize),
    #[error("the chart holds no Patient with the id of `--patient`")]
    NoSuchPatient,
}

/// Resources and whose they are.
#[derive(Clone)]
pub struct Chart {
    pub patient: String,
    pub resources: Vec<Value>,
}

/// What tokens stand for.
pub(crate) struct Tokens<'a> {
    pub context: &'a Value,
    pub today: Date,
}

impl Chart {
    /// Reads a Bundle; `patient` chooses where it holds several.
    pub fn read(bundle: &[u8], patient: Option<&str>) -> Result<Self, ChartError> {
        let bundle: Value = serde_json::from_slice(bundle).map_err(|_| ChartError::NotABundle)?;
        let entries = bundle["entry"].as_array().filter(|_| bundle["resourceType"] == "Bundle");
        let entries = entries.ok_or(ChartError::NotABundle)?.iter().map(|entry| entry["resource"].clone());
        let resources: Vec<Value> = entries.filter(|resource| resource["resourceType"].is_string()).collect();
        let patients = resources.iter().filter(|resource| resource["resourceType"] == "Patient");
        let ids: Vec<&str> = patients.filter_map(|patient| patient["id"].as_str()).collect();
        let patient = match (patient, &*ids) {
            (Some(wanted), _) if ids.contains(&wanted) => wanted.to_owned(),
            (Some(_), _) => return Err(ChartError::NoSuchPatient),
            (None, [only]) => (*only).to_owned(),
            (None, several) => return Err(ChartError::WhichPatient(several.len())),
        };
        Ok(Self { patient, resources })
    }

    /// The synthetic patient.
    pub fn synthetic() -> Result<Self, ChartError> {
        Self::read(SYNTHETIC.as_bytes(), None)
    }

    /// The same chart of somebody with another id.
    pub fn of_another(&self, id: &str) -> Self {
        let (old, new) = (format!("Patient/{}", self.patient), format!("Patient/{id}"));
        let mut other = self.clone();
        for resource in &mut other.resources {
            each_text(resource, &mut |name, text| {
                if name == "reference" && *text == old {
                    text.clone_from(&new);
                }
            });
            if resource["resourceType"] == "Patient" && resource["id"] == *self.patient {
                resource["id"] = id.into();
            }
        }
        other.patient = id.to_owned();
        other
    }

    /// The same chart with something added to every text that people read.
    pub fn with_words(&self, added: &str) -> Self {
        let mut other = self.clone();
        for resource in &mut other.resources {
            each_text(resource, &mut |name, text| {
                if matches!(name, "text" | "display" | "family" | "description") {
                    text.push_str(added);
                }
            });
        }
        other
    }

    /// The Patient alone, without the elements that are named.
    pub fn patient_without(&self, elements: &[&str]) -> Self {
        let is_patient = |resource: &&Value| resource["resourceType"] == "Patient" && resource["id"] == *self.patient;
        let mut resources: Vec<Value> = self.resources.iter().filter(is_patient).cloned().collect();
        for members in resources.iter_mut().filter_map(Value::as_object_mut) {
            members.retain(|name, _| !elements.contains(&&**name));
        }
        Self { patient: self.patient.clone(), resources }
    }

    /// What a template finds: a resource, null, or a searchset. `None`: this EHR cannot fill it.
    pub(crate) fn prefetch(&self, template: &str, tokens: &Tokens<'_>) -> Option<Value> {
        self.answer(&fill(template, tokens)?)
    }

    /// What a FHIR read or search finds.
    pub(crate) fn answer(&self, query: &str) -> Option<Value> {
        match query.split_once('?') {
            None => {
                let (kind, id) = query.split_once('/')?;
                let found = self.resources.iter().find(|found| found["resourceType"] == kind && found["id"] == id);
                Some(found.cloned().unwrap_or(Value::Null))
            }
            Some((kind, parameters)) => {
                let found = self.search(kind, parameters)?;
                let entry: Vec<Value> = found.iter().map(|found| json!({ "resource": found })).collect();
                let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": entry.len()});
                if !entry.is_empty() {
                    bundle["entry"] = entry.into();
                }
                Some(bundle)
            }
        }
    }

    fn search(&self, kind: &str, parameters: &str) -> Option<Vec<&Value>> {
        let mut found: Vec<&Value> = self.resources.iter().filter(|found| found["resourceType"] == kind).collect();
        for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "patient" | "subject" | "beneficiary" => found.retain(|one| is_about(one, value)),
                "_id" => found.retain(|one| value.split(',').any(|id| one["id"] == *id)),
                "code" | "category" => found.retain(|one| has_token(&one[name], value)),
                "status" => found.retain(|one| value.split(',').any(|status| one["status"] == *status)),
                "date" => found.retain(|one| on_day(one, value)),
                "_sort" => {
                    found.sort_by_key(|one| date_of(one).to_owned());
                    if value.starts_with('-') {
                        found.reverse();
                    }
                }
                "_count" | "_maxresults" => found.truncate(value.parse().ok()?),
                "_include" => {}
                _ => return None,
            }
        }
        Some(found)
    }
}

/// The query that a template becomes.
fn fill(template: &str, tokens: &Tokens<'_>) -> Option<String> {
    let (mut query, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("{{") {
        let (token, after) = after.split_once("}}")?;
        query += before;
        query += &value_of(token.trim(), tokens)?;
        rest = after;
    }
    Some(query + rest)
}

fn value_of(token: &str, tokens: &Tokens<'_>) -> Option<String> {
    let token = token.trim_start_matches('%');
    if let Some(member) = token.strip_prefix("context.") {
        return tokens.context[member].as_str().map(str::to_owned);
    }
    if let Some(shift) = token.strip_prefix("today()") {
        let shift: String = shift.split_whitespace().collect();
        let days = shift.trim_end_matches('s').trim_end_matches("day");
        let days: i64 = if days.is_empty() { 0 } else { days.parse().ok()? };
        return Some(tokens.today.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?.to_string());
    }
    let kind = token.strip_prefix("user")?.strip_suffix("Id")?;
    tokens.context["userId"].as_str()?.strip_prefix(kind)?.strip_prefix('/').map(str::to_owned)
}

fn is_about(resource: &Value, value: &str) -> bool {
    let id = value.strip_prefix("Patient/").unwrap_or(value);
    let of = |member: &str| resource[member]["reference"].as_str().and_then(|text| text.strip_prefix("Patient/"));
    ["subject", "patient", "beneficiary"].into_iter().any(|member| of(member) == Some(id))
}

/// Whether a CodeableConcept, or one of several, has one of the tokens `system|code`.
fn has_token(concept: &Value, value: &str) -> bool {
    let concepts = concept.as_array().map_or(std::slice::from_ref(concept), Vec::as_slice);
    let mut codings = concepts.iter().flat_map(|concept| concept["coding"].as_array().into_iter().flatten());
    codings.any(|coding| {
        value.split(',').any(|wanted| match wanted.split_once('|') {
            Some((system, code)) => coding["system"] == *system && coding["code"] == *code,
            None => coding["code"] == *wanted,
        })
    })
}

fn date_of(resource: &Value) -> &str {
    let members =
        ["effectiveDateTime", "performedDateTime", "authoredOn", "onsetDateTime", "occurrenceDateTime", "date"];
    let date = members.iter().find_map(|member| resource[*member].as_str());
    date.or_else(|| resource["period"]["start"].as_str()).unwrap_or_default()
}

/// Days compare as text, since ISO dates do.
fn on_day(resource: &Value, value: &str) -> bool {
    let day = date_of(resource).get(..10).unwrap_or_default();
    match value.split_at_checked(2) {
        Some(("ge", bound)) => day >= bound,
        Some(("gt", bound)) => day > bound,
        Some(("le", bound)) => day <= bound && !day.is_empty(),
        Some(("lt", bound)) => day < bound && !day.is_empty(),
        _ => day == value,
    }
}

/// Every text below a value, with the name of its member.
fn each_text(value: &mut Value, change: &mut impl FnMut(&str, &mut String)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) => change(name, text),
                    other => each_text(other, change),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str) -> Option<usize> {
        let context = json!({"patientId": "conform-1", "userId": "Practitioner/conform"});
        let tokens = Tokens { context: &context, today: jiff::civil::date(2026, 5, 4) };
        let found = Chart::synthetic().expect("the synthetic chart").prefetch(template, &tokens)?;
        Some(found["total"].as_u64().map_or(usize::from(!found.is_null()), |total| total as usize))
    }

    #[test]
    fn templates_find_what_the_chart_holds() {
        assert_eq!(found("Patient/{{context.patientId}}"), Some(1));
        assert_eq!(found("Patient/{{context.userId}}"), Some(0));
        assert_eq!(found("Condition?patient={{context.patientId}}"), Some(3));
        assert_eq!(found("Condition?patient=Patient/somebody"), Some(0));
        assert_eq!(found("Observation?patient=conform-1&code=http://loinc.org|4548-4"), Some(2));
        assert_eq!(found("Observation?patient=conform-1&date=ge{{today() - 800 days}}"), Some(2));
        assert_eq!(found("Observation?patient=conform-1&_sort=-date&_count=1"), Some(1));
        assert_eq!(found("Practitioner?_id={{userPractitionerId}}"), Some(0));
    }

    #[test]
    fn what_cannot_be_filled_is_left_out() {
        assert_eq!(found("X?_id={{%patient.id}}"), None);
        assert_eq!(found("Observation?patient=conform-1&_has:Group:member:_id=1"), None);
        assert_eq!(found("Practitioner?_id={{userPatientId}}"), None);
    }

    #[test]
    fn a_chart_of_several_patients_asks_for_one() {
        let two = br#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a"}},
                       {"resource":{"resourceType":"Patient","id":"b"}}]}"#;
        assert!(matches!(Chart::read(two, None), Err(ChartError::WhichPatient(2))));
        assert!(matches!(Chart::read(two, Some("c")), Err(ChartError::NoSuchPatient)));
        assert_eq!(Chart::read(two, Some("b")).expect("chosen").patient, "b");
        assert!(matches!(Chart::read(b"[]", None), Err(ChartError::NotABundle)));
    }

    #[test]
    fn somebody_else_with_the_same_chart_shares_no_reference() {
        let other = Chart::synthetic().expect("a chart").of_another("conform-2");
        let text = serde_json::to_string(&other.resources).expect("JSON");
        assert!(text.contains("Patient/conform-2") && !text.contains("conform-1"));
    }
}
