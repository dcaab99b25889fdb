//! The published prefetch templates against the grammar of tokens and the subset of searches.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::call::{LIBRARY, Offer};
use crate::conform::verdict::Findings;

pub(super) const CHECK: Check = Check {
    name: "templates",
    items: &["CH-038", "CH-039", "CH-088", "CH-089", "CH-090", "CH-091", "CH-092", "CH-127"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const USER_TOKENS: [&str; 4] = ["userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"];
/// Parameters of no element that the subset permits.
const CONTROLS: [&str; 4] = ["_id", "_count", "_maxresults", "_sort"];
/// The resource types of FHIR R4, and those that R5 added, which templates may name.
const TYPES: &str = include_str!("../resource_types.txt");

async fn run(bench: &Bench, findings: &mut Findings) {
    for offer in &bench.offers {
        dependencies(offer, findings);
        for (key, template) in &offer.templates {
            let request = format!("discovery: {}, prefetch.{key}", offer.name());
            form(&request, template, findings);
            tokens(&request, template, findings);
        }
    }
    findings.unseen("CH-038", "no template names another");
    findings.unseen("CH-127", "no template uses ofType");
    findings.unseen("CH-088", "no template is published");
}

/// What stands inside the braces; `None` where they do not match.
fn inside_braces(template: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (token, after) = after.split_once("}}")?;
        if before.contains("}}") {
            return None;
        }
        found.push(token.trim());
        rest = after;
    }
    (!rest.contains("}}")).then_some(found)
}

fn form(request: &str, template: &str, findings: &mut Findings) {
    let path = template.split('?').next().unwrap_or_default();
    let whole_token = template.starts_with("{{") && template.ends_with("}}");
    let relative = !path.contains("://") && !template.starts_with('/') && !path.contains('$');
    let typed = path.starts_with(|first: char| first.is_ascii_uppercase());
    let target = template.contains('?') || path.split('/').count() == 2;
    let good = relative && (whole_token || (typed && target));
    findings.judge("CH-090", request, good, "a relative read or search", "another form");
    let Some((_, query)) = template.split_once('?') else { return };
    let old_sort = query.contains("sort:desc") || query.contains("sort:asc");
    findings.judge("CH-092", request, !old_sort, "_sort=-date", "a sort of the old form");
    let odd = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).find(|name| !is_common(name));
    let told = format!("`{}`", odd.unwrap_or_default());
    findings.judge("CH-091", request, odd.is_none(), "plain parameters, `:in`, _count, _sort", told);
}

fn is_common(parameter: &str) -> bool {
    let (name, modifier) = parameter.split_once(':').unwrap_or((parameter, "in"));
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    modifier == "in" && (CONTROLS.contains(&name) || plain(name))
}

fn tokens(request: &str, template: &str, findings: &mut Findings) {
    let Some(tokens) = inside_braces(template) else {
        findings.judge("CH-088", request, false, "pairs of double braces", "braces that do not match");
        return;
    };
    for token in tokens {
        let bare = is_identifier(token) && !USER_TOKENS.contains(&token);
        let is_field = bare && LIBRARY.iter().any(|(_, _, members)| members.contains(&token)) || token == "encounterId";
        findings.judge("CH-089", request, !is_field, "`context.` before a field", "a bare field");
        let known = USER_TOKENS.contains(&token) || token.split('|').all(|path| is_path(path.trim()));
        findings.judge("CH-088", request, known, "a path, a user token or the FHIRPath subset", "another expression");
        for argument in token.split("ofType(").skip(1).filter_map(|rest| rest.split(')').next()) {
            let is_type = TYPES.split_whitespace().any(|known| known == argument);
            findings.judge("CH-127", request, is_type, "a FHIR resource type", "another name");
        }
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `context.x.y`, `%key.x`, `today() - 90 days`, with ofType, resolve and extension as steps.
fn is_path(path: &str) -> bool {
    if let Some(shift) = path.trim_start_matches('%').strip_prefix("today()") {
        let shift = shift.trim();
        let number =
            shift.trim_start_matches(['+', '-']).trim().trim_end_matches("days").trim_end_matches("day").trim();
        return shift.is_empty() || (shift.starts_with(['+', '-']) && number.parse::<u32>().is_ok());
    }
    let mut steps = steps(path).into_iter();
    let root = steps.next().unwrap_or_default();
    let rooted = root == "context"
        || root
            .strip_prefix('%')
            .is_some_and(|key| is_identifier(key) || (key.len() > 2 && key.starts_with('`') && key.ends_with('`')));
    let mut count = 0;
    let stepwise = steps.all(|step| {
        count += 1;
        is_identifier(step)
            || step == "resolve()"
            || step.strip_prefix("ofType(").is_some_and(|rest| rest.strip_suffix(')').is_some_and(is_identifier))
            || (step.starts_with("extension('") && step.ends_with("')"))
    });
    rooted && stepwise && count > 0
}

/// Splits at dots outside parentheses and back-ticks.
fn steps(path: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut found) = (0_i32, false, 0, Vec::new());
    for (at, letter) in path.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            '`' => quoted = !quoted,
            '.' if depth == 0 && !quoted => {
                found.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&path[start..]);
    found
}

/// Keys that a template names with `%`.
fn named_keys(template: &str) -> Vec<String> {
    let tokens = inside_braces(template).unwrap_or_default();
    let roots = tokens.iter().flat_map(|token| token.split('|')).filter_map(|path| {
        let root = steps(path.trim()).into_iter().next()?.strip_prefix('%')?;
        let key = root.split("()").next()?.trim_matches('`');
        (!matches!(key, "context" | "today")).then(|| key.to_owned())
    });
    roots.collect()
}

fn dependencies(offer: &Offer, findings: &mut Findings) {
    let request = format!("discovery: {}", offer.name());
    let names: Vec<&str> = offer.templates.iter().map(|(key, _)| &**key).collect();
    let edges: Vec<Vec<usize>> = offer
        .templates
        .iter()
        .map(|(_, template)| {
            named_keys(template).iter().filter_map(|key| names.iter().position(|name| name == key)).collect()
        })
        .collect();
    for (at, on) in edges.iter().enumerate() {
        for &other in on {
            findings.judge("CH-038", &request, other < at, "what it depends on before it", "after it");
        }
    }
    let circles = (0..names.len()).any(|start| reaches(start, start, &edges, &mut vec![false; names.len()]));
    findings.judge("CH-039", &request, !circles, "no circle", "templates that depend on themselves");
}

fn reaches(from: usize, to: usize, edges: &[Vec<usize>], visited: &mut [bool]) -> bool {
    edges[from]
        .iter()
        .any(|&next| next == to || (!std::mem::replace(&mut visited[next], true) && reaches(next, to, edges, visited)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conform::verdict::Verdict;

    fn judged(templates: &[(&str, &str)]) -> Findings {
        let templates = templates.iter().map(|(key, template)| ((*key).into(), (*template).into())).collect();
        let offer = Offer { id: "x".into(), hook: "patient-view".into(), templates };
        let mut findings = Findings::default();
        dependencies(&offer, &mut findings);
        for (_, template) in &offer.templates {
            form("t", template, &mut findings);
            tokens("t", template, &mut findings);
        }
        findings
    }

    fn fails(id: &str, template: &str) -> bool {
        matches!(judged(&[("k", template)]).verdict(id), Verdict::Failed { .. })
    }

    #[test]
    fn templates_of_the_specification_pass() {
        for template in [
            "Patient/{{context.patientId}}",
            "{{context.userId}}",
            "Observation?patient={{context.patientId}}&code=http://loinc.org|6301-6&date=gt{{today() - 90 days}}",
            "Observation?patient={{context.patientId}}&code:in=http://x.org/vs&_sort=-date&_count=1",
            "PractitionerRole?_id={{%reqs.entry.resource.requester.resolve().ofType(PractitionerRole).id}}",
            "Practitioner?_id={{userPractitionerId}}",
            "X?_id={{context.a.id | context.b.extension('http://h/e.x').value}}",
        ] {
            for id in ["CH-088", "CH-089", "CH-090", "CH-091", "CH-092", "CH-127"] {
                assert!(!fails(id, template), "{id}: {template}");
            }
        }
    }

    #[test]
    fn each_fault_is_found_under_its_item() {
        for (id, template) in [
            ("CH-088", "Patient/{{context.patientId.where(true)}}"),
            ("CH-088", "Patient/{{context.patientId}"),
            ("CH-089", "Patient/{{patientId}}"),
            ("CH-090", "https://ehr/Patient/{{context.patientId}}"),
            ("CH-090", "/Patient/{{context.patientId}}"),
            ("CH-090", "Patient/{{context.patientId}}/$everything"),
            ("CH-091", "Condition?patient={{context.patientId}}&_include=Condition:encounter"),
            ("CH-091", "Condition?patient.name=x"),
            ("CH-092", "Condition?patient={{context.patientId}}&_sort:desc=date"),
            ("CH-127", "X?_id={{context.a.resolve().ofType(string).id}}"),
        ] {
            assert!(fails(id, template), "{id}: {template}");
        }
    }

    #[test]
    fn dependencies_come_first_and_never_in_a_circle() {
        let (a, b) = (("a", "X?_id={{%b.id}}"), ("b", "X?_id={{context.patientId}}"));
        assert!(matches!(judged(&[b, a]).verdict("CH-038"), Verdict::Passed { .. }));
        assert!(matches!(judged(&[a, b]).verdict("CH-038"), Verdict::Failed { .. }));
        let circle = judged(&[a, ("b", "X?_id={{%a.id}}")]);
        assert!(matches!(circle.verdict("CH-039"), Verdict::Failed { .. }));
    }
}
