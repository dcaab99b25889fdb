//! A card's `smart` link, followed: the app is opened at its address with `iss` and a fresh launch handle, which the link's
//! `appContext` goes with (CDS Hooks, "Link"; SMART App Launch 2.2, "EHR launch").

use super::super::SandboxEhr;
use super::super::card::{Link, is_web_address};
use super::super::pages::problem;
use super::super::routes::is_from_elsewhere;
use super::latest_visit;
use super::tokens::Context;
use actix_web::http::header::{ContentType, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use url::Url;

/// Which link of which card.
#[derive(Deserialize)]
pub struct Which {
    card: String,
    link: usize,
}

/// Sends the browser to the app. A card or link that is not on the screen opens nothing.
pub async fn open(
    ehr: web::Data<SandboxEhr>,
    patient: web::Path<String>,
    which: web::Query<Which>,
    request: HttpRequest,
) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return refusal("This link belongs to another site.");
    }
    let shown = ehr.decisions.card(&patient, &which.card);
    let link = shown.as_ref().and_then(|shown| shown.card.links.get(which.link)).filter(|link| link.is_smart());
    let (Some(link), Some(chart)) = (link, ehr.chart(&patient)) else {
        return refusal("The card is no longer on the screen; open the chart again.");
    };
    let Some(client) = ehr.authorization.clients.launched_at(&link.url) else {
        return refusal("No app is registered with the address of this link.");
    };
    let context = Context {
        patient: Some(chart.id.to_string()),
        encounter: latest_visit(chart),
        intent: None,
        app_context: link.app_context.clone(),
        need_patient_banner: Some(true),
    };
    let handle = ehr.authorization.give_launch(&client.id, context);
    let plain_iss = ehr.desk().switches.plain_iss;
    match launch_address(link, &ehr.fhir_base(), &handle, plain_iss) {
        Some(address) => HttpResponse::SeeOther().insert_header((LOCATION, address)).finish(),
        None => refusal("The address of this link cannot be opened."),
    }
}

/// The link's address with `iss` and `launch`; what it had in its query stays. `plain`: `iss` is not percent-encoded.
fn launch_address(link: &Link, fhir: &str, handle: &str, plain: bool) -> Option<String> {
    let mut address = Url::parse(&link.url).ok().filter(|_| is_web_address(&link.url))?;
    if plain {
        let before = address.query().map(|query| format!("{query}&")).unwrap_or_default();
        address.set_query(Some(&format!("{before}iss={fhir}&launch={handle}")));
    } else {
        address.query_pairs_mut().append_pair("iss", fhir).append_pair("launch", handle);
    }
    Some(address.into())
}

fn refusal(why: &str) -> HttpResponse {
    HttpResponse::NotFound().content_type(ContentType::html()).body(problem("No app was opened", why).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_link_stays_and_ours_is_encoded() {
        let link = |url: &str| {
            let link = serde_json::json!({"label": "l", "url": url, "type": "smart"});
            serde_json::from_value::<Link>(link).expect("a link")
        };
        let address = |url: &str, plain| launch_address(&link(url), "http://ehr:1/fhir", "x", plain);
        let expected = "https://app.example/launch?a=b&iss=http%3A%2F%2Fehr%3A1%2Ffhir&launch=x#part";
        assert_eq!(address("https://app.example/launch?a=b#part", false).as_deref(), Some(expected));
        let expected = "https://app.example/launch?a=b&iss=http://ehr:1/fhir&launch=x#part";
        assert_eq!(address("https://app.example/launch?a=b#part", true).as_deref(), Some(expected));
        assert_eq!(address("javascript:alert(1)", false), None);
    }
}
