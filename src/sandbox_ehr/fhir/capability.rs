//! `metadata`: what this FHIR server does, told from what it does: the types of its charts and of the search table, each with
//! what it is searched by, and where tokens are had (SMART App Launch 1, "oauth-uris", which clients from before
//! `.well-known/smart-configuration` read).

use super::super::SandboxEhr;
use super::super::search::{include_of, of_type, types};
use super::fhir;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// In no patient's compartment: read, not searched.
const READ_ONLY: [&str; 2] = ["Medication", "Practitioner"];
const SECURITY_SERVICE: &str = "http://terminology.hl7.org/CodeSystem/restful-security-service";
const OAUTH_URIS: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";

/// The CapabilityStatement, for everybody.
pub async fn metadata(ehr: web::Data<SandboxEhr>) -> HttpResponse {
    let statement = json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
        "fhirVersion": "4.0.1", "format": ["json"],
        "software": {"name": "Prodrome sandbox EHR", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Sandbox EHR of Prodrome: synthetic patients", "url": ehr.fhir_base()},
        "rest": [{"mode": "server", "security": security(&ehr),
            "resource": served(&ehr).into_iter().map(resource).collect::<Vec<_>>()}],
    });
    fhir(statement.to_string())
}

/// Roles of the staff are in prefetch alone.
fn served(ehr: &SandboxEhr) -> BTreeSet<&str> {
    let in_charts = ehr.charts.iter().flat_map(|chart| &chart.resources).map(|one| &*one.resource_type);
    let mut served: BTreeSet<&str> = types().filter(|name| *name != "PractitionerRole").collect();
    served.extend(in_charts);
    served
}

fn resource(name: &str) -> Value {
    if READ_ONLY.contains(&name) {
        return json!({"type": name, "versioning": "no-version", "interaction": [{"code": "read"}]});
    }
    let parameters = of_type(name).iter().map(|(name, kind)| json!({"name": name, "type": kind.name()}));
    let mut resource = json!({
        "type": name, "versioning": "no-version", "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": parameters.collect::<Vec<_>>(),
    });
    if let Some(include) = include_of(name) {
        resource["searchInclude"] = json!([include]);
    }
    resource
}

fn security(ehr: &SandboxEhr) -> Value {
    // The extension knows no more than these; discovery names the others.
    let uris = ["authorize", "token"].map(|path| json!({"url": path, "valueUri": format!("{}/{path}", ehr.page_base)}));
    json!({
        "cors": true,
        "service": [{"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        "extension": [{"url": OAUTH_URIS, "extension": uris}],
    })
}
