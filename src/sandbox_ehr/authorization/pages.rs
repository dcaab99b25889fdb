//! The two pages of the authorization server: whom and what an app may see, and why a request goes no further.

use super::super::CONTENT_POLICY;
use super::super::chart::Chart;
use super::super::pages::{frame, problem};
use super::super::practitioners::PRACTITIONERS;
use super::authorize::Asked;
use super::scopes::needs_patient;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};
use maud::html;
use url::Url;

/// A request that must not be answered to the app, because nobody knows where it is.
pub fn refusal(why: &str) -> HttpResponse {
    let page = problem("This app cannot go on", why);
    HttpResponse::BadRequest().content_type(ContentType::html()).body(page.0)
}

/// Asks for user and patient, and whether the app may have what it asks for.
pub fn choice(charts: &[Chart], asked: &Asked, request: &str) -> HttpResponse {
    let page = frame(
        "Let an app in",
        &html! {
            section .panel {
                h1 { "Let an app in" }
                p { strong { (asked.client) } " asks for leave to read from this EHR." }
                ul { @for scope in asked.scope.split(' ') { li { code { (scope) } } } }
                form .authorize method="post" action="/authorize/choice" {
                    input type="hidden" name="request" value=(request);
                    fieldset {
                        legend { "You are" }
                        @for (place, one) in PRACTITIONERS.iter().enumerate() {
                            label { input type="radio" name="user" value=(one.id) checked[place == 0]; " " (one.name()) }
                        }
                    }
                    @if needs_patient(&asked.scope) {
                        p {
                            label for="patient" { "The patient " }
                            select #patient name="patient" required {
                                @for chart in charts { option value=(chart.id) { (chart.name) } }
                            }
                        }
                    }
                    button .primary type="submit" name="answer" value="allow" { "Allow" } " "
                    button type="submit" name="answer" value="deny" { "Do not allow" }
                }
            }
        },
    );
    // Browsers hold the addresses to which a form's answer sends them to the policy, too.
    let policy = CONTENT_POLICY.replace("form-action 'self'", &format!("form-action 'self' {}", origin(asked)));
    HttpResponse::Ok().content_type(ContentType::html()).insert_header((CONTENT_SECURITY_POLICY, policy)).body(page.0)
}

/// The origin of the app's address, or the scheme where that has none, as a policy writes it.
fn origin(asked: &Asked) -> String {
    match Url::parse(asked.redirect_uri()) {
        Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}
