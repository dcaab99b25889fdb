//! Item 34: nothing that could be used or that names a patient is in the log, in the database or on a page.

use super::browser::Browser;
use super::ehr_of_tests::{Server, TestEhr, signed, tokens};
use super::from_cards::{Clinic, ELDERLY};
use serde_json::json;
use url::Url;

#[actix_web::test]
async fn no_secret_of_a_launch_is_in_the_log_or_on_a_page() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("secrecy", &ehr.fhir(), "")]).await;
    let sent = server.launch(&browser, &ehr.fhir()).await;
    let mut answer = tokens();
    let id_token = signed(&ehr.claims(&sent.parameter("nonce")));
    let patient = "canary-patient-8c1d";
    for (name, value) in [
        ("access_token", "canary-access-7d41"),
        ("refresh_token", "canary-refresh-7d41"),
        ("id_token", &id_token),
        ("patient", patient),
    ] {
        answer[name] = value.into();
    }
    answer["expires_in"] = json!(20);
    ehr.answers(200, answer.clone());
    let query = [("code", "canary-code-7d41"), ("state", &*sent.parameter("state"))];
    server.come_back(&browser, "secrecy", &query).await;
    // Renewed, then misused, then refused.
    ehr.answers(200, answer);
    let page = server.patient(&browser).await;
    page.says(200, patient);
    server.come_back(&browser, "secrecy", &query).await.says(400, "over");
    server.patient(&browser).await.says(403, "No patient");
    let (logs, asked) = (crate::web::logs::read(), ehr.asked());
    assert!(logs.contains("app opened") && logs.contains("app not opened"), "nothing was logged");
    let mut secrets = vec![
        "canary-access-7d41".to_owned(),
        "canary-refresh-7d41".to_owned(),
        "canary-code-7d41".to_owned(),
        "handle-of-the-ehr".to_owned(),
        patient.to_owned(),
        id_token.rsplit('.').next().expect("a signature").to_owned(),
        asked[0].form["code_verifier"].clone(),
        asked[0].form["client_assertion"].clone(),
    ];
    secrets.extend(["state", "nonce", "code_challenge"].map(|name| sent.parameter(name)));
    secrets.extend(browser.secrets());
    for secret in &secrets {
        assert!(secret.len() > 10 && !logs.contains(secret.as_str()), "{secret} is in the log");
        assert!(secret == patient || !page.text.contains(secret.as_str()), "{secret} is on the page");
    }
}

#[actix_web::test]
async fn neither_patient_nor_handle_of_a_card_is_in_the_log_or_the_database() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    let handles = clinic.handles().await;
    let way = clinic.launch(&browser, json!({"patient": ELDERLY, "appContext": handles[0]})).await;
    way.last().expect("a page").says(200, ELDERLY);
    let codes = way.iter().filter_map(|page| {
        let address = Url::parse(&page.url).ok()?;
        let code = address.query_pairs().find(|(name, _)| name == "code" || name == "launch")?;
        Some(code.1.into_owned())
    });
    let mut planted: Vec<String> = codes.chain(handles).collect();
    assert!(planted.len() >= 4);
    let logs = crate::web::logs::read();
    for secret in &planted {
        assert!(!logs.contains(secret.as_str()), "{secret} is in the log");
    }
    clinic.demo.server.close_database().await;
    planted.push(ELDERLY.to_owned());
    let mut read = 0;
    for file in std::fs::read_dir(clinic.folder.path().join("data")).expect("files").map(|file| file.expect("a file")) {
        let Ok(bytes) = std::fs::read(file.path()) else { continue };
        read += bytes.len();
        let text = String::from_utf8_lossy(&bytes);
        for secret in &planted {
            assert!(!text.contains(secret.as_str()), "{secret} is in the database");
        }
    }
    assert!(read > 10_000, "nothing was written");
}
