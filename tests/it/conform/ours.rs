//! Our own server, judged like any other: in development with every kind of hook, in production with signed calls, and
//! at the address of 3.0. Together these runs prove what `proof` writes down.

use super::{judge, options, proof, report, signer};
use crate::trust::ehr::{Ehr, PUBLIC_URL, production};
use crate::web::app::TestApp;
use prodrome::conform::{Level, Options, Report, Verdict, junit, terminal};
use std::path::Path;
use tempfile::TempDir;

/// A page that may call in production.
const PAGE: &str = "https://ehr.conform.example";
const ISSUER: &str = "https://issuer.conform.example";

/// The shipped services, and one that answers hooks which none of them is made for.
fn services() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = |id: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cds-services").join(id).join("service.toml");
        std::fs::read_to_string(path).expect("a shipped service")
    };
    let write = |id: &str, definition: String| {
        std::fs::create_dir(folder.path().join(id)).expect("a folder");
        std::fs::write(folder.path().join(id).join("service.toml"), definition).expect("written");
    };
    for id in ["early-detection", "order-outlook", "readmission-risk"] {
        write(id, shipped(id));
    }
    let hooks =
        r#"hooks = ["allergyintolerance-create", "medication-refill", "order-dispatch", "org.example.ward-round"]"#;
    let other = shipped("early-detection");
    let (before, after) = other.split_once("hooks = [\"encounter-start\", \"patient-view\"]").expect("its hooks");
    write("every-hook", format!("{before}{hooks}{after}"));
    folder
}

/// The FHIR base and the key set of the EHR that these options start.
fn ehr_of(options: &Options) -> (String, String) {
    let address = options.ehr.local_addr().expect("an address");
    (format!("http://{address}/fhir"), format!("http://{address}/jwks"))
}

async fn in_development() -> Report {
    let (mut options, services) = (options(""), services());
    let (fhir, _) = ehr_of(&options);
    let known = Ehr::es384().with(&format!("fhir_servers = [\"{fhir}\"]"));
    let app = TestApp::builder()
        .setting("SERVICES__PATH", &services.path().display().to_string())
        .setting("SERVER__DOCUMENTATION_URL", "https://cds.example.org/about")
        .setting("CDS_CLIENT", &format!("[{}]", known.in_file()))
        .start()
        .await;
    options.url = app.url("");
    report(options).await
}

async fn in_production() -> Report {
    let mut options = options("");
    let (fhir, keys) = ehr_of(&options);
    let client =
        format!(r#"{{ name = "conform", issuer = "{ISSUER}", jwks_url = "{keys}", fhir_servers = ["{fhir}"] }}"#);
    // With an app, so that cards have links.
    let app =
        format!(r#"[{{ name = "conform", fhir_server = "{fhir}", client_id = "app", authentication = "public" }}]"#);
    let app = production(&[client])
        .setting("EHR", &app)
        .setting("SERVER__DISCOVERY", "signed")
        .setting("SERVER__CORS_ORIGINS", PAGE)
        .start()
        .await;
    options.url = app.url("");
    options.origin = Some(PAGE.to_owned());
    options.signer = Some(signer(ISSUER, Some(PUBLIC_URL)));
    report(options).await
}

async fn at_the_address_of_3_0() -> Report {
    let app = TestApp::start().await;
    judge(&app.url("/v3")).await
}

#[actix_web::test]
async fn no_shall_fails_in_development_in_production_and_at_the_address_of_3_0_and_every_item_is_held() {
    let runs = [
        ("development", in_development().await),
        ("production", in_production().await),
        ("3.0", at_the_address_of_3_0().await),
    ];
    for (name, report) in &runs {
        assert_eq!(report.failed(Level::Shall), Vec::<&str>::new(), "{name}\n{}", terminal(report, true));
        assert!(report.services.len() >= 5, "{name}: {:?}", report.services);
    }
    proof::compare(&runs);
}

#[actix_web::test]
async fn signed_calls_to_a_service_that_knows_no_issuer_are_told_from_failures() {
    let app = production(&[Ehr::es384().in_file()]).start().await;
    let mut options = options(&app.url(""));
    options.signer = Some(signer(ISSUER, Some(PUBLIC_URL)));
    let report = report(options).await;
    assert_eq!(report.failed(Level::Shall), Vec::<&str>::new(), "{}", terminal(&report, true));
    for id in ["CH-151", "CH-257"] {
        let verdict = report.verdict(id);
        assert!(matches!(verdict, Some(Verdict::NotSeen { why }) if why.contains("register")), "{id}: {verdict:?}");
    }
    assert!(matches!(report.verdict("CH-253"), Some(Verdict::Passed { .. })));
}

#[actix_web::test]
async fn a_report_holds_nothing_of_the_chart_and_every_item_in_order() {
    let app = TestApp::start().await;
    let report = judge(&app.url("/cds-services/")).await;
    let ids: Vec<&str> = report.items.iter().map(|judged| &*judged.item.id).collect();
    assert!(ids.len() == 163 && ids.is_sorted());
    let json = prodrome::conform::json(&report).expect("JSON");
    for text in [&json, &junit(&report), &terminal(&report, true)] {
        assert!(["Testperson", "1957-03-14", "Ischemic"].iter().all(|word| !text.contains(word)), "{text}");
    }
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON")["items"][0]["id"], "CH-001");
    assert_eq!(junit(&report).matches("<testcase").count(), 163);
}
