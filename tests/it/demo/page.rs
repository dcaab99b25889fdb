//! The page, from the list of patients to stored feedback. Patients are the shipped ones; the model knows ages only.

use crate::oracle::AgeOracle;
use prodrome::cli::demo::{CallSignature, Demo, Demonstration, start_with};
use sqlx::Row;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A woman of 66 with diabetes, and a boy of 15, among the shipped patients.
pub(super) const ELDERLY: &str = "ea00034";
pub(super) const CHILD: &str = "da00007";
pub(super) const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/patients");

pub(super) struct Page {
    pub(super) demo: Demonstration,
    folder: TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) policy: String,
    pub(super) text: String,
}

impl Page {
    /// With the two patients that most tests need, to be quick.
    pub(super) async fn start() -> Self {
        let few = tempfile::tempdir().expect("a folder");
        for id in [ELDERLY, CHILD] {
            let file = format!("{id}.ndjson.zst");
            std::fs::copy(Path::new(SHIPPED).join(&file), few.path().join(&file)).expect("a shipped patient");
        }
        Self::start_with_patients(Some(few.path().into())).await
    }

    async fn start_with_patients(patients: Option<PathBuf>) -> Self {
        Self::start_with_backend(patients, None).await
    }

    /// With a backend service whose public keys are in this file.
    pub(super) async fn start_with_backend(patients: Option<PathBuf>, backend_jwks: Option<String>) -> Self {
        crate::web::logs::keep();
        let folder = tempfile::tempdir().expect("a folder");
        let free = "127.0.0.1:0".parse().expect("an address");
        let arguments = Demo {
            bind: free,
            page: free,
            data: Some(folder.path().into()),
            patients,
            backend_jwks,
            open_fhir: false,
            clients: None,
            signature: CallSignature::Es384,
        };
        let load = |_: &_| Ok(Arc::new(AgeOracle::new(Duration::ZERO)) as Arc<_>);
        let mut demo = start_with(&arguments, load).await.expect("a running demo");
        demo.server.ready().await.expect("a ready server");
        Self { demo, folder }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.read(awc::Client::default().get(self.url(path)).send()).await
    }

    pub(super) async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.read(awc::Client::default().post(self.url(path)).insert_header(("x-part", "1")).send_form(&form)).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.demo.page)
    }

    pub(super) async fn read(&self, request: awc::SendClientRequest) -> Answer {
        let mut answer = request.await.expect("an answer");
        let body = answer.body().limit(64 << 20).await.expect("a whole body");
        let policy = answer.headers().get("content-security-policy").map(|value| format!("{value:?}"));
        let text = String::from_utf8(body.to_vec()).expect("text");
        Answer { status: answer.status().as_u16(), policy: policy.unwrap_or_default(), text }
    }

    /// Opens a chart and gives what the page shows of the answer.
    pub(super) async fn open(&self, patient: &str, as_of: &str) -> String {
        let answer = self.submit(&format!("/patients/{patient}/open"), &[("as-of", as_of)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }
}

/// The value that follows `before`, up to the next quotation mark.
fn after<'a>(text: &'a str, before: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no `{before}` in {text}")).1;
    rest.split_once('"').expect("a quotation mark").0
}

#[actix_web::test]
async fn the_list_shows_every_shipped_patient_and_says_that_none_is_real() {
    let page = Page::start_with_patients(None).await;
    let list = page.get("/").await;
    assert_eq!(list.status, 200);
    assert!(list.text.matches("href=\"/patients/").count() >= 20, "{}", list.text);
    assert!(list.text.contains("Nobody here is real"));
    assert!(list.text.contains("Diabetes mellitus type 2"));
}

#[actix_web::test]
async fn nothing_of_the_page_is_inline_or_from_elsewhere() {
    let page = Page::start().await;
    for path in ["/".to_owned(), format!("/patients/{ELDERLY}")] {
        let answer = page.get(&path).await;
        assert!(answer.policy.contains("default-src 'none'") && !answer.policy.contains("unsafe"), "{}", answer.policy);
        assert!(!answer.text.contains(" style=") && !answer.text.contains(" onclick="));
        assert!(!answer.text.contains("<script>") && !answer.text.contains("<style"));
    }
}

#[actix_web::test]
async fn words_of_a_chart_become_no_markup_of_the_page() {
    let shipped = std::fs::File::open(Path::new(SHIPPED).join(format!("{ELDERLY}.ndjson.zst"))).expect("a patient");
    let text = String::from_utf8(zstd::decode_all(shipped).expect("zstd")).expect("text");
    let script = "\"><script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>";
    let planted = text.lines().map(|line| {
        let mut resource: serde_json::Value = serde_json::from_str(line).expect("JSON");
        crate::attacks::script::plant(&mut resource, script);
        format!("{resource}\n")
    });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("planted.ndjson"), planted.collect::<String>()).expect("written");
    let page = Page::start_with_patients(Some(folder.path().into())).await;
    let pages =
        [page.get("/").await.text, page.get(&format!("/patients/{ELDERLY}")).await.text, page.open(ELDERLY, "").await];
    assert!(pages.iter().any(|text| text.contains("&lt;script&gt;alert(1)")), "nothing of it was shown");
    for text in pages {
        for danger in ["<script>alert", "<img src=x", "<svg onload"] {
            assert!(!text.contains(danger), "{danger}: {text}");
        }
    }
}

#[actix_web::test]
async fn a_chart_shows_problems_results_and_the_record_by_age() {
    let page = Page::start().await;
    let chart = page.get(&format!("/patients/{ELDERLY}")).await.text;
    for part in ["Open chart", "Diabetes mellitus type 2", "HbA1c", "The record by age", "<rect", "66 years"] {
        assert!(chart.contains(part), "{part} in {chart}");
    }
}

#[actix_web::test]
async fn a_chart_in_the_past_knows_nothing_later() {
    let page = Page::start().await;
    let chart = page.get(&format!("/patients/{ELDERLY}?as-of=1975-06-01")).await.text;
    assert!(!chart.contains("Diabetes mellitus type 2") && !chart.contains("HbA1c"), "{chart}");
    assert_eq!(page.get(&format!("/patients/{ELDERLY}?as-of=2990-06-01")).await.status, 400);
    assert_eq!(page.get(&format!("/patients/{ELDERLY}?as-of=1066")).await.status, 400);
}

#[actix_web::test]
async fn an_unknown_patient_is_not_found() {
    let page = Page::start().await;
    assert_eq!(page.get("/patients/nobody").await.status, 404);
    assert_eq!(page.submit("/patients/nobody/open", &[]).await.status, 404);
}

#[actix_web::test]
async fn a_form_of_another_site_fires_nothing() {
    let page = Page::start().await;
    let request = awc::Client::default().post(page.url(&format!("/patients/{ELDERLY}/open")));
    let answer = page.read(request.insert_header(("sec-fetch-site", "cross-site")).send_form(&[("as-of", "")])).await;
    assert_eq!(answer.status, 403);
}

#[actix_web::test]
async fn opening_a_chart_draws_the_cards_and_the_second_time_comes_from_the_cache() {
    let page = Page::start().await;
    let first = page.open(ELDERLY, "").await;
    assert!(first.contains("<article class=\"card ") && first.contains("cache miss"), "{first}");
    assert!(first.contains("Dismiss…") && first.contains("Source: ") && first.contains("Copy as curl"));
    let second = page.open(ELDERLY, "").await;
    assert!(second.contains("cache hit"), "{second}");
}

#[actix_web::test]
async fn the_server_knows_the_page_by_its_signature_and_refuses_who_only_claims_to_be_it() {
    let page = Page::start().await;
    let opened = page.open(ELDERLY, "").await;
    let card = after(&opened, "name=\"card\" value=\"").to_owned();
    page.submit(&format!("/patients/{ELDERLY}/decisions"), &[("card", &card), ("comment", "seen")]).await;
    for table in ["audit", "feedback"] {
        assert_eq!(callers(&page, table).await, std::slice::from_ref(&page.demo.page), "{table}");
    }
    let claimed = jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &serde_json::json!({"iss": page.demo.page}),
        &jsonwebtoken::EncodingKey::from_secret(b"guess"),
    );
    let url = format!("{}/cds-services/early-detection", page.demo.cds);
    let call = awc::Client::default().post(url).bearer_auth(claimed.expect("a token"));
    assert_eq!(page.read(call.content_type("application/json").send_body("{}")).await.status, 401);
}

#[actix_web::test]
async fn the_demo_registers_our_own_app_whose_keys_the_server_publishes() {
    let page = Page::start().await;
    let keys = awc::Client::default().get(format!("{}/.well-known/jwks.json", page.demo.cds));
    assert!(page.read(keys.send()).await.text.contains("\"kty\""));
    let own = prodrome::trust::OwnKeys::open(&page.folder.path().join("keys")).expect("keys");
    let token = page.url("/token");
    let assertion = own.assertion("prodrome-app", &token, prodrome::platform::clock::now()).expect("signed");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "made-up"),
        ("redirect_uri", "x"),
        ("code_verifier", "x"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    let answer = page.submit("/token", &form).await;
    assert!(answer.text.contains("invalid_grant"), "known, but no such code: {}", answer.text);
}

#[actix_web::test]
async fn a_patient_at_no_risk_gives_no_cards_and_says_so() {
    let page = Page::start().await;
    let answer = page.open(CHILD, "").await;
    assert!(answer.contains("No cards came back.") && !answer.contains("<article"), "{answer}");
}

#[actix_web::test]
async fn opening_a_chart_in_the_past_answers_as_of_then() {
    let page = Page::start().await;
    let young = page.open(ELDERLY, "1975-06-01").await;
    assert!(young.contains("No cards came back."), "{young}");
    assert!(young.contains("org.prodrome.as-of") && young.contains("1975-06-01T23:59:59Z"), "{young}");
}

#[actix_web::test]
async fn the_ready_made_request_is_answered_like_the_page_says() {
    let page = Page::start().await;
    let request = page.get(&format!("/patients/{ELDERLY}/patient-view.json")).await;
    let sent: serde_json::Value = serde_json::from_str(&request.text).expect("JSON");
    let (fhir, observations) = (sent["fhirServer"].as_str().expect("a server"), &sent["prefetch"]["observations"]);
    assert_eq!(observations["link"][0]["url"], format!("{fhir}/Observation?patient={ELDERLY}"));
    for entry in observations["entry"].as_array().expect("entries") {
        let id = entry["resource"]["id"].as_str().expect("an id");
        assert_eq!(entry["fullUrl"], format!("{fhir}/Observation/{id}"));
    }
    assert_eq!(request.status, 200, "{}", request.text);
    let url = format!("{}/cds-services/early-detection", page.demo.cds);
    let call = awc::Client::default().post(url).content_type("application/json").send_body(request.text);
    let answer = page.read(call).await;
    let answer: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
    assert!(!answer["cards"].as_array().expect("cards").is_empty(), "{answer}");
}

#[actix_web::test]
async fn without_prefetch_the_server_reads_the_chart_back_and_says_the_same() {
    let page = Page::start().await;
    let form = [("as-of", "1999-06-01"), ("read-back", "on")];
    let back = page.submit(&format!("/patients/{ELDERLY}/open"), &form).await.text;
    assert!(back.contains("No prefetch was sent"), "{back}");
    // From the cache: the chart that was read back is the chart that is sent.
    let sent = page.open(ELDERLY, "1999-06-01").await;
    assert!(sent.contains("cache hit"), "{sent}");
}

#[actix_web::test]
async fn an_accepted_suggestion_is_stored_by_the_server() {
    let page = Page::start().await;
    let opened = page.open(ELDERLY, "").await;
    let (card, suggestion) = (after(&opened, "name=\"card\" value=\""), after(&opened, "name=\"suggestion\" value=\""));
    let path = format!("/patients/{ELDERLY}/decisions");
    let said = page.submit(&path, &[("card", card), ("suggestion", suggestion)]).await.text;
    assert!(said.contains("Accepted: ") && said.contains("Feedback stored by the server"), "{said}");
    assert_eq!(stored(&page, card).await, ["accepted"]);
    assert!(page.get(&format!("/patients/{ELDERLY}")).await.text.contains("Decided earlier on this page"));
}

#[actix_web::test]
async fn a_dismissal_is_stored_with_its_reason() {
    let page = Page::start().await;
    let opened = page.open(ELDERLY, "").await;
    let (card, reason) = (after(&opened, "name=\"card\" value=\""), after(&opened, "name=\"reason\" value=\""));
    let form = [("card", card), ("reason", reason), ("comment", "seen last week")];
    let said = page.submit(&format!("/patients/{ELDERLY}/decisions"), &form).await.text;
    assert!(said.contains("Dismissed: ") && said.contains("Feedback stored by the server"), "{said}");
    assert_eq!(stored(&page, card).await, ["overridden"]);
}

#[actix_web::test]
async fn a_card_that_was_never_shown_cannot_be_decided_on() {
    let page = Page::start().await;
    let form = [("card", "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21"), ("comment", "no")];
    assert_eq!(page.submit(&format!("/patients/{ELDERLY}/decisions"), &form).await.status, 404);
}

#[actix_web::test]
async fn a_server_that_does_not_answer_is_said() {
    let page = Page::start().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.ndjson.zst");
    std::fs::copy(Path::new(SHIPPED).join(format!("{ELDERLY}.ndjson.zst")), file).expect("a shipped patient");
    let charts = prodrome::sandbox_ehr::read_folder(folder.path()).expect("patients");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let ehr = prodrome::sandbox_ehr::SandboxEhr::new(charts, format!("http://{silent}"), String::new(), vec![])
        .expect("an EHR");
    let server = ehr.serve(listener).expect("a page");
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let request = awc::Client::default().post(format!("http://{address}/patients/{ELDERLY}/open"));
    let answer = page.read(request.insert_header(("x-part", "1")).send_form(&[("as-of", "")])).await;
    assert!(answer.text.contains("does not answer"), "{}", answer.text);
    handle.stop(false).await;
}

/// The outcomes that the server's database holds for a card.
async fn stored(page: &Page, card: &str) -> Vec<String> {
    let rows =
        sqlx::query("select outcome from feedback where card = $1").bind(card).fetch_all(&database(page).await).await;
    rows.expect("rows").iter().map(|row| row.get("outcome")).collect()
}

/// Who the server's database says made calls.
async fn callers(page: &Page, table: &'static str) -> Vec<String> {
    let rows = match table {
        "audit" => sqlx::query("select client from audit"),
        _ => sqlx::query("select client from feedback"),
    };
    let rows = rows.fetch_all(&database(page).await).await;
    rows.expect("rows").iter().map(|row| row.get("client")).collect()
}

pub(super) async fn database(page: &Page) -> sqlx::AnyPool {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}", page.folder.path().join("prodrome.sqlite").display());
    sqlx::AnyPool::connect(&url).await.expect("a second connection")
}

#[actix_web::test]
async fn a_discharge_is_that_of_the_latest_stay_in_hospital_as_of_its_last_day() {
    let page = Page::start().await;
    let at = format!("/patients/{ELDERLY}/do/discharge");
    let screen = page.get(&at).await.text;
    assert!(screen.contains("ended on 2025-02-23"), "{screen}");
    let said = page.submit(&format!("{at}/fire"), &[("hook", "encounter-discharge")]).await.text;
    for part in ["ea00034e233", "2025-02-23T23:59:59Z", "readmission-risk"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("ea00034e236"), "nothing later is sent");
}
