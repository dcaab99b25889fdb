//! Prefetch templates: one for each resource type that the timeline reads, or those of a definition.

/// What one key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefetchKey {
    pub key: String,
    /// A relative FHIR query with `{{tokens}}`.
    pub template: String,
    /// Without it the service cannot answer (412).
    pub required: bool,
}

/// Why a template cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`{{{{` and `}}}}` do not pair up")]
    Braces,
    #[error("it must be relative, `Type/id` or `Type?search`")]
    NotRelative,
    #[error("it repeats the search parameter `{0}`, which clients merge into a value that servers refuse")]
    Repeats(String),
}

/// Key, resource type and search parameter of each query; the Patient is read by its id.
const SEARCHES: [(&str, &str, &str); 16] = [
    ("conditions", "Condition", "patient"),
    ("observations", "Observation", "patient"),
    ("encounters", "Encounter", "patient"),
    ("medicationRequests", "MedicationRequest", "patient"),
    ("medicationStatements", "MedicationStatement", "patient"),
    ("medicationAdministrations", "MedicationAdministration", "patient"),
    ("procedures", "Procedure", "patient"),
    ("immunizations", "Immunization", "patient"),
    ("allergies", "AllergyIntolerance", "patient"),
    ("diagnosticReports", "DiagnosticReport", "patient"),
    ("serviceRequests", "ServiceRequest", "patient"),
    ("carePlans", "CarePlan", "patient"),
    ("documentReferences", "DocumentReference", "patient"),
    ("imagingStudies", "ImagingStudy", "patient"),
    ("devices", "Device", "patient"),
    ("familyHistory", "FamilyMemberHistory", "patient"),
];

/// The templates of a definition that names none: everything that the timeline reads, the Patient required.
/// Only `{{context.patientId}}`, the one token that every client can fill.
pub fn standard() -> Vec<PrefetchKey> {
    let patient = ("patient".to_owned(), "Patient/{{context.patientId}}".to_owned(), true);
    let searches = SEARCHES.iter().map(|(key, resource_type, parameter)| {
        ((*key).to_owned(), format!("{resource_type}?{parameter}={{{{context.patientId}}}}"), false)
    });
    std::iter::once(patient)
        .chain(searches)
        .map(|(key, template, required)| PrefetchKey { key, template, required })
        .collect()
}

impl PrefetchKey {
    /// Checks the template.
    pub fn check(&self) -> Result<(), TemplateError> {
        let mut rest = self.template.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let token = rest.get(at..).and_then(|from| from.strip_prefix("{{")).ok_or(TemplateError::Braces)?;
            let (inside, after) = token.split_once("}}").ok_or(TemplateError::Braces)?;
            if inside.trim().is_empty() || inside.contains('{') {
                return Err(TemplateError::Braces);
            }
            rest = after;
        }
        if self.template.trim().is_empty() || self.template.starts_with('/') || self.template.contains("://") {
            return Err(TemplateError::NotRelative);
        }
        match repeated_parameter(&self.template) {
            Some(name) => Err(TemplateError::Repeats(name)),
            None => Ok(()),
        }
    }

    /// The resource type asked for; `None` where a token stands for the whole reference.
    pub fn resource_type(&self) -> Option<&str> {
        let end = self.template.find(['/', '?', '{']).unwrap_or(self.template.len());
        self.template.get(..end).filter(|name| !name.is_empty())
    }

    /// What the query leaves out: `_count` as the newest so many, and the days that `date=ge{{today() - N days}}` (or
    /// another date parameter) looks back. `None` where it leaves out nothing.
    pub fn limits(&self) -> (Option<usize>, Option<i32>) {
        let query = self.template.split_once('?').map_or("", |(_, query)| query);
        let values = || query.split('&').filter_map(|pair| pair.split_once('='));
        let count = values().find(|(name, _)| *name == "_count").and_then(|(_, value)| value.trim().parse().ok());
        let days = values().find_map(|(_, value)| {
            let (_, back) = value.strip_prefix("ge{{")?.strip_suffix("}}")?.split_once("today()")?;
            let mut words = back.split_whitespace();
            let (sign, many, unit) = (words.next()?, words.next()?.parse::<i32>().ok()?, words.next()?);
            let days = match unit.trim_end_matches('s') {
                "day" => 1,
                "week" => 7,
                "month" => 30,
                "year" => 365,
                _ => return None,
            };
            (sign == "-").then(|| many.saturating_mul(days))
        });
        (count, days)
    }

    /// Whether every client of version 2.0 can fill it: first-level context members and user ids only.
    pub fn is_simple(&self) -> bool {
        self.template.split("{{").skip(1).all(|part| {
            let token = part.split("}}").next().unwrap_or_default().trim();
            let name = token.strip_prefix("context.").unwrap_or(token);
            (name != token || token.starts_with("user"))
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }
}

fn repeated_parameter(template: &str) -> Option<String> {
    let (_, query) = template.split_once('?')?;
    let mut seen = Vec::new();
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        if seen.contains(&name) {
            return Some(name.to_owned());
        }
        seen.push(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::chart::ChartReader;
    use crate::patient_record::timeline::SkipReason;

    #[test]
    fn nothing_is_asked_for_that_the_timeline_does_not_read() {
        for (_, resource_type, _) in SEARCHES {
            let mut reader = ChartReader::new();
            let resource = format!(r#"{{"resourceType":"{resource_type}","id":"a"}}"#);
            reader.take_json(resource.as_bytes()).expect("a resource");
            let (_, skipped) = reader.finish();
            assert!(skipped.total() > 0, "a {resource_type} of nobody is counted");
            assert!(skipped.0.keys().all(|(_, reason)| *reason != SkipReason::TypeNotRead), "{resource_type}");
        }
    }

    fn key(template: &str) -> PrefetchKey {
        PrefetchKey { key: "k".into(), template: template.into(), required: false }
    }

    #[test]
    fn every_standard_template_can_be_filled_by_every_client() {
        let all = standard();
        assert!(all.iter().all(|key| key.is_simple() && key.check().is_ok() && key.resource_type().is_some()));
        assert_eq!(all.iter().filter(|key| key.required).count(), 1);
    }

    #[test]
    fn a_template_that_clients_cannot_use_is_refused() {
        assert_eq!(key("Patient/{{context.patientId}").check(), Err(TemplateError::Braces));
        assert_eq!(key("Patient/{{}}").check(), Err(TemplateError::Braces));
        assert_eq!(key("Patient/}}").check(), Err(TemplateError::Braces));
        assert_eq!(key("https://ehr/Patient").check(), Err(TemplateError::NotRelative));
        assert_eq!(
            key("Observation?date=ge{{today()}}&date=le{{today()}}").check(),
            Err(TemplateError::Repeats("date".into()))
        );
    }

    #[test]
    fn what_a_query_leaves_out_is_read_from_it() {
        let limited = key("Observation?patient={{context.patientId}}&_count=50&date=ge{{today() - 2 years}}");
        assert_eq!(limited.limits(), (Some(50), Some(730)));
        assert!(standard().iter().all(|key| key.limits() == (None, None)));
    }

    #[test]
    fn templates_beyond_version_2_are_told_apart() {
        assert!(key("Practitioner?_id={{ userPractitionerId }}").is_simple());
        assert!(key("{{context.userId}}").is_simple());
        assert!(!key("Observation?date=ge{{today() - 90 days}}").is_simple());
        assert!(!key("X?_id={{context.draftOrders.entry.resource.id}}").is_simple());
        assert!(!key("X?_id={{%patient.id}}").is_simple());
    }
}
