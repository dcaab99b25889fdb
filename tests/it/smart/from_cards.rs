//! The demo whole: a card of our server, on the page of the sandbox EHR, opens our app at the card's patient, and at no other.

use super::browser::{Browser, Page, client};
use crate::oracle::AgeOracle;
use prodrome::cli::demo::{CallSignature, Demo, Demonstration, start_with};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A woman of 66 and a boy of 15 among the shipped patients.
pub const ELDERLY: &str = "ea00034";
const CHILD: &str = "da00007";

pub struct Clinic {
    pub demo: Demonstration,
    pub folder: TempDir,
}

impl Clinic {
    pub async fn start() -> Self {
        crate::web::logs::keep();
        let folder = tempfile::tempdir().expect("a folder");
        let patients = folder.path().join("patients");
        std::fs::create_dir(&patients).expect("a folder");
        for id in [ELDERLY, CHILD] {
            let file = format!("{id}.ndjson.zst");
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/patients").join(&file);
            std::fs::copy(shipped, patients.join(&file)).expect("a shipped patient");
        }
        let free = "127.0.0.1:0".parse().expect("an address");
        let arguments = Demo {
            bind: free,
            page: free,
            data: Some(folder.path().join("data")),
            patients: Some(patients),
            backend_jwks: None,
            clients: None,
            open_fhir: false,
            signature: CallSignature::Es384,
        };
        let load = |_: &_| Ok(Arc::new(AgeOracle::new(Duration::ZERO)) as Arc<_>);
        let mut demo = start_with(&arguments, load).await.expect("a running demo");
        demo.server.ready().await.expect("a ready server");
        Self { demo, folder }
    }

    /// A call as the EHR makes it, for this patient; the `appContext`s of its cards.
    pub async fn handles(&self) -> Vec<String> {
        let Demonstration { page, cds, .. } = &self.demo;
        let mut answer = client().get(format!("{page}/patients/{ELDERLY}/patient-view.json")).send().await;
        let body = answer.as_mut().expect("an answer").body().limit(16 << 20).await.expect("a call");
        let mut call: Value = serde_json::from_slice(&body).expect("JSON");
        call["fhirServer"] = format!("{page}/fhir").into();
        let request = client().post(format!("{cds}/cds-services/early-detection"));
        let answer: Value = request.send_json(&call).await.expect("an answer").json().await.expect("cards");
        let cards = answer["cards"].as_array().expect("cards").iter();
        let link = |card: &Value| {
            assert_eq!(card["links"][0]["type"], "smart", "{card}");
            assert_eq!(card["links"][0]["url"], format!("{cds}/smart/launch"));
            card["links"][0]["appContext"].as_str().expect("an appContext").to_owned()
        };
        cards.map(link).collect()
    }

    /// The EHR launches our app for a patient, with this in `parameters`; every page on the browser's way.
    pub async fn launch(&self, browser: &Browser, parameters: Value) -> Vec<Page> {
        let Demonstration { page, cds, .. } = &self.demo;
        let body = json!({"launchUrl": format!("{cds}/smart/launch"), "parameters": parameters});
        let request = client().post(format!("{page}/fhir/_services/smart/Launch"));
        let answer: Value = request.send_json(&body).await.expect("an answer").json().await.expect("a handle");
        let handle = answer["launch_id"].as_str().expect("a handle");
        browser.follow(&format!("{cds}/smart/launch?iss={page}/fhir&launch={handle}")).await
    }
}

fn last(pages: &[Page]) -> &Page {
    pages.last().expect("a page")
}

#[actix_web::test]
async fn a_card_on_the_page_of_the_ehr_opens_the_app_at_its_patient() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    let opened = browser.post(&format!("{}/patients/{ELDERLY}/open", clinic.demo.page), &[("as-of", "")]).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    let (_, link) = opened.text.split_once(&format!("\"/patients/{ELDERLY}/launch?")).expect("a link to the app");
    let query = link.split('"').next().expect("its end").replace("&amp;", "&");
    let way = browser.follow(&format!("{}/patients/{ELDERLY}/launch?{query}", clinic.demo.page)).await;
    let page = last(&way);
    assert_eq!(page.url, format!("{}/smart/patient", clinic.demo.cds), "{}", page.text);
    page.says(200, ELDERLY);
    page.says(200, "early-detection");
    page.says(200, "Practitioner/");
    let callback = &way[way.len() - 2];
    assert!(callback.url.contains("/smart/callback/demo?") && callback.url.contains("iss="), "{}", callback.url);
    // The same answer of the EHR once more: the code is not sent again.
    last(&browser.follow(&callback.url).await).says(400, "This launch is over");
    page.says(200, ELDERLY);
}

#[actix_web::test]
async fn without_a_card_the_app_opens_too_from_the_ehr_and_by_itself() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    last(&clinic.launch(&browser, json!({"patient": CHILD})).await).says(200, CHILD);
    let Demonstration { page, cds, .. } = &clinic.demo;
    let way = browser.follow(&format!("{cds}/smart/standalone?ehr=demo")).await;
    let (_, request) = last(&way).text.split_once("name=\"request\" value=\"").expect("the EHR's page");
    let request = request.split('"').next().expect("its end").to_owned();
    let (_, user) = last(&way).text.split_once("name=\"user\" value=\"").expect("the EHR's page");
    let user = user.split('"').next().expect("its end").to_owned();
    let form = [("request", &*request), ("user", &user), ("patient", ELDERLY), ("answer", "allow")];
    let chosen = browser.post(&format!("{page}/authorize/choice"), &form).await;
    last(&browser.follow(&chosen.location()).await).says(200, ELDERLY);
}

#[actix_web::test]
async fn a_cards_link_opens_its_own_patient_once_and_no_other() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    let handles = clinic.handles().await;
    assert!(handles.len() >= 2 && handles[0] != handles[1], "{handles:?}");
    let launch = async |patient: &str, handle: &str| {
        clinic.launch(&browser, json!({"patient": patient, "appContext": handle})).await.pop().expect("a page")
    };
    launch(ELDERLY, &handles[0]).await.says(200, "Opened from a card of");
    launch(ELDERLY, &handles[0]).await.says(403, "was used already");
    let other = launch(CHILD, &handles[1]).await;
    other.says(403, "Another patient is open");
    assert!(!other.text.contains(CHILD) && !other.text.contains(ELDERLY));
    for guess in [&*"0".repeat(64), "Patient/ea00034", "<script>"] {
        let page = launch(ELDERLY, guess).await;
        page.says(403, "was used already");
        assert!(!page.text.contains(guess));
    }
}

#[actix_web::test]
async fn only_calls_of_an_ehr_that_knows_the_app_get_links() {
    let clinic = Clinic::start().await;
    let Demonstration { page, cds, .. } = &clinic.demo;
    let mut answer = client().get(format!("{page}/patients/{ELDERLY}/patient-view.json")).send().await.expect("a call");
    let call: Value = serde_json::from_slice(&answer.body().limit(16 << 20).await.expect("a call")).expect("JSON");
    for server in [Value::Null, json!("https://ehr.example.org/r4")] {
        let mut call = call.clone();
        call["fhirServer"] = server;
        call.as_object_mut().expect("an object").remove("fhirAuthorization");
        let request = client().post(format!("{cds}/cds-services/early-detection"));
        let answer: Value = request.send_json(&call).await.expect("an answer").json().await.expect("cards");
        let cards = answer["cards"].as_array().expect("cards");
        assert!(!cards.is_empty() && cards.iter().all(|card| card.get("links").is_none()), "{answer}");
    }
}
