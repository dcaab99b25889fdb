//! The page within its session, at the sandbox EHR: read with the session's token, and answered through it.

use super::browser::{Browser, Page};
use super::from_cards::{Clinic, ELDERLY};
use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

/// Opens the app from a card, and gives its page.
async fn opened(clinic: &Clinic, browser: &Browser) -> Page {
    let handle = clinic.handles().await.remove(0);
    let mut way = clinic.launch(browser, json!({"patient": ELDERLY, "appContext": handle})).await;
    way.pop().expect("a page")
}

/// The value of the first hidden field of this name after a text.
fn field<'a>(text: &'a str, after: &str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(after).unwrap_or_else(|| panic!("no `{after}` in {text}"));
    let (_, rest) = rest.split_once(&format!("name=\"{name}\" value=\"")).expect("a field");
    rest.split('"').next().expect("its end")
}

#[actix_web::test]
async fn the_page_is_read_with_the_sessions_token_and_its_evidence_too() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    let page = opened(&clinic, &browser).await;
    page.says(200, "id=\"timeline\"");
    page.says(200, "Woman, 6");
    page.says(200, "Above the alert threshold");
    let links: Vec<&str> = page.text.split("class=\"resource\" href=\"").skip(1).collect();
    let link = links.first().expect("evidence").split('"').next().expect("its end");
    let address = link.strip_prefix("/smart/evidence/").expect("an address of the app");
    let shown = browser.get(&format!("{}{link}", clinic.demo.cds)).await;
    shown.says(200, &format!("<code>{}/fhir/{address}</code>", clinic.demo.page));
    shown.says(200, "All of it, as JSON");
    assert_eq!(shown.header("content-security-policy"), page.header("content-security-policy"));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(page.header("cache-control"), "no-store");
    for asset in ["app.css", "app.js", "icon.svg"] {
        let address = page.text.split('"').find(|text| text.starts_with("/smart/assets/") && text.ends_with(asset));
        let asset = browser.get(&format!("{}{}", clinic.demo.cds, address.expect("an asset"))).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("cache-control").contains("immutable"), "{}", asset.header("cache-control"));
    }
}

#[actix_web::test]
async fn feedback_is_stored_with_the_sessions_token_and_without_it_refused() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    let page = opened(&clinic, &browser).await;
    let address = format!("{}/smart/feedback", clinic.demo.cds);
    let token = field(&page.text, "Feedback on", "token").to_owned();
    let launched = field(&page.text, "Feedback on the card that led here", "card").to_owned();
    let service = field(&page.text, "Feedback on the card that led here", "service").to_owned();
    assert_eq!(service, "early-detection");
    let (_, outcome) = page.text.split_once("Feedback on the card that led here").expect("the card's form");
    let shown = field(outcome, "aria-label=\"Feedback on ", "card").to_owned();
    let form = |token: &str, card: &str, service: &str, outcome: &str| {
        let fields = [("token", token), ("card", card), ("service", service), ("outcome", outcome)];
        fields.map(|(name, value)| (name, value.to_owned()))
    };
    let send = async |form: [(&'static str, String); 4], browser: &Browser| {
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(&address, &fields).await
    };
    send(form(&token, &launched, &service, "useful"), &browser).await.says(200, "Noted as useful.");
    send(form(&token, &shown, "smart-page", "not-useful"), &browser).await.says(200, "Noted as not useful.");
    send(form("guess", &launched, &service, "useful"), &browser).await.says(403, "another site");
    send(form(&token, &launched, &service, "useful"), &Browser::default()).await.says(403, "No patient is open");
    send(form(&token, &launched, "<b>", "useful"), &browser).await.says(400, "Load the patient");
    let nonsense = send(form(&token, "<script>", &service, "useful"), &browser).await;
    nonsense.says(400, "not whole");
    assert!(!nonsense.text.contains("<script>"));

    let database = format!("sqlite:{}", clinic.folder.path().join("data/prodrome.sqlite").display());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&database).await.expect("the demo's database");
    let rows = sqlx::query("select card, service, known_card, outcome from feedback order by outcome").fetch_all(&pool);
    let rows = rows.await.expect("rows");
    let row = |row: &sqlx::any::AnyRow| {
        let text = |name| row.get::<String, _>(name);
        (text("card"), text("service"), row.get::<i64, _>("known_card"), text("outcome"))
    };
    let expected = [
        (launched, service, 1, "accepted".to_owned()),
        (shown.clone(), "smart-page".to_owned(), 1, "overridden".to_owned()),
    ];
    assert_eq!(rows.iter().map(row).collect::<Vec<_>>(), expected, "both were shown here");
    assert!(Uuid::parse_str(&shown).is_ok());
}
