//! What a clinician sees, drawn from the demo's charts by the shipped model. The pages are left in the tests' temporary
//! folder, where `.ci/pages` looks at them with a browser.

use crate::shipped_model::{END, call, charts};
use crate::web::app::TestApp;
use prodrome::decision_support::answer_hook::HookParts;
use prodrome::decision_support::assess::{Asker, AssessRequest, ChartSource, Course, assess, assess_course};
use prodrome::decision_support::cards::wording::percent;
use prodrome::web::smart::CONTENT_POLICY;
use prodrome::web::smart::page::assets::ASSETS;
use prodrome::web::smart::page::feedback::{FeedbackError, FeedbackForm, Said, take};
use prodrome::web::smart::page::{LaunchCard, PageContext, page};
use serde_json::{Value, json};
use sqlx::Row;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

const RESOURCES: &str = "/smart/evidence";
/// What a browser keeps up with on an old machine.
const MOST_NODES: usize = 1_500;

async fn shipped() -> TestApp {
    TestApp::builder().shipped_model().setting("ENGINE__DEADLINE", "60 s").start().await
}

fn hooks(app: &TestApp) -> &Arc<HookParts> {
    &app.running.parts().expect("a ready app").hooks
}

fn bundle(chart: &Path) -> Value {
    call(chart, END.0)["prefetch"]["chart"].clone()
}

fn sent(bundle: &Value) -> ChartSource {
    ChartSource::Sent { bundle: bundle.to_string(), patient: None }
}

async fn course(app: &TestApp, bundle: &Value) -> Course {
    assess_course(hooks(app), sent(bundle), END.1, &Asker::default()).await.expect("an assessment")
}

fn context() -> PageContext {
    PageContext { resources_at: Some(RESOURCES.into()), form_token: Some("a-token".into()), ..PageContext::default() }
}

fn drawn(app: &TestApp, course: &Course) -> String {
    page(course, &hooks(app).catalogue, &context()).into_string()
}

/// Keeps a page for the browser that looks at it.
fn keep(name: &str, html: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(format!("{name}.html")), html).expect("written");
    std::fs::write(folder.join("policy.txt"), format!("{CONTENT_POLICY} 'none'")).expect("written");
}

/// Elements of a page.
fn nodes(html: &str) -> usize {
    html.as_bytes().windows(2).filter(|pair| pair[0] == b'<' && pair[1].is_ascii_alphabetic()).count()
}

/// Every text between two others.
fn between<'a>(html: &'a str, before: &'a str, after: &'a str) -> Vec<&'a str> {
    html.split(before).skip(1).filter_map(|rest| Some(rest.split_once(after)?.0)).collect()
}

/// What a page says of the outcomes that it shows: title and everything up to the end of it.
fn outcomes(html: &str) -> Vec<(&str, &str)> {
    let articles = between(html, "<article class=\"panel outcome\"", "</article>");
    let articles = articles.into_iter().map(|text| (between(text, "<h3>", "</h3>")[0], text));
    let folded = html.split("<details class=\"outcome\"").skip(1);
    let folded = folded.map(|text| (between(text, "<span class=\"name\">", "</span>")[0], text));
    articles.chain(folded).collect()
}

#[actix_web::test]
async fn pages_of_real_charts_say_what_was_assessed_and_nothing_of_what_is_silent() {
    let app = shipped().await;
    let (mut standing_out, mut calm, mut silent) = (0, 0, 0);
    for chart in charts().iter().step_by(3) {
        let course = course(&app, &bundle(chart)).await;
        let html = drawn(&app, &course);
        keep(chart.file_name().and_then(|name| name.to_str()?.split('.').next()).expect("a name"), &html);
        assert!(nodes(&html) <= MOST_NODES, "{} nodes", nodes(&html));
        assert!(html.contains("Not for care."));
        *if html.contains("class=\"tile\"") { &mut standing_out } else { &mut calm } += 1;
        let shown = outcomes(&html);
        for outcome in &course.now.outcomes {
            let found = shown.iter().find(|(title, _)| title.eq_ignore_ascii_case(&outcome.title));
            let live = outcome.horizons.iter().any(|one| one.live) && course.now.abstained.is_none();
            let speaking: Vec<_> = outcome.horizons.iter().filter(|one| live && one.silence.is_none()).collect();
            assert_eq!(found.is_some(), !speaking.is_empty(), "{}: silent outcomes have no place", outcome.title);
            silent += usize::from(found.is_none());
            for (one, (_, text)) in speaking.iter().zip(found.into_iter().cycle()) {
                for number in [one.risk.risk, one.risk.baseline_risk] {
                    assert!(text.contains(&percent(number).replace('<', "&lt;").replace('>', "&gt;")), "{text}");
                }
            }
        }
        for folded in between(&html, "<details class=\"panel folded\">", "</details>") {
            // Some titles hold a number of their own: "HbA1c of 7 % or more".
            let titles = course.now.outcomes.iter().map(|outcome| outcome.title.as_str());
            let words = titles.fold(folded.to_owned(), |words, title| words.replace(title, ""));
            assert!(!words.contains('%'), "a silent outcome has no number: {words}");
        }
    }
    assert!(standing_out >= 2 && calm >= 2 && silent >= 100, "{standing_out} stand out, {calm} calm, {silent} silent");
}

#[actix_web::test]
async fn evidence_leads_to_its_mark_and_to_its_resource_and_nothing_runs() {
    let app = shipped().await;
    let (mut links, mut attacks) = (0, 0);
    for chart in charts().iter().step_by(5) {
        // Every name in the chart is an attack.
        let text = bundle(chart).to_string();
        let hostile = r#""display":"<img src=x onerror=alert(1)>' \"><script>alert(2)</script> "#;
        let hostile: Value = serde_json::from_str(&text.replace(r#""display":""#, hostile)).expect("JSON");
        let html = drawn(&app, &course(&app, &hostile).await);
        for mark in between(&html, "data-mark=\"", "\"") {
            assert_eq!(html.matches(&format!(" id=\"{mark}\"")).count(), 1, "one mark {mark}");
            assert!(html.contains(&format!("href=\"#{mark}\"")));
            links += 1;
        }
        for resource in between(&html, "class=\"resource\" href=\"", "\"") {
            assert!(resource.starts_with(&format!("{RESOURCES}/")), "{resource}");
        }
        attacks += html.matches("&lt;img src=x onerror").count();
        for attack in ["<img", "<script>alert", "style=", "javascript:"] {
            assert!(!html.contains(attack), "{attack}");
        }
        let scripts = between(&html, "<script", ">");
        assert_eq!(scripts.len(), 2, "the module and the block of data: {scripts:?}");
        assert!(
            scripts
                .iter()
                .all(|script| script.contains(" src=\"/smart/assets/") || script.contains("application/json"))
        );
    }
    assert!(links >= 5 && attacks >= 5, "{links} facts of evidence were seen, {attacks} attacks stand there as text");
}

#[actix_web::test]
async fn an_earlier_estimate_is_what_was_known_then() {
    let app = shipped().await;
    let mut compared = 0;
    for chart in charts().iter().step_by(8) {
        let chart = bundle(chart);
        let course = course(&app, &chart).await;
        let past = course.earlier.as_deref().expect("a model that was not busy");
        assert!(past.len() <= 5);
        assert!(past.windows(2).all(|pair| pair[0].as_of < pair[1].as_of));
        for earlier in past.iter().take(2) {
            assert!(earlier.as_of < END.1 && earlier.events_read <= course.now.events_read);
            let request = AssessRequest { as_of: earlier.as_of, phenotypes: Vec::new() };
            let then = assess(hooks(&app), sent(&chart), &request, &Asker::default()).await.expect("an assessment");
            for (one, other) in earlier.outcomes.iter().zip(&then.outcomes) {
                for (one, other) in one.horizons.iter().zip(&other.horizons) {
                    assert!((one.risk.risk - other.risk.risk).abs() < 1e-6);
                    assert_eq!(one.silence, other.silence);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 100, "{compared} estimates were compared");
}

#[actix_web::test]
async fn a_trend_that_could_not_be_computed_is_said_and_takes_nothing_from_the_rest() {
    let app = shipped().await;
    let chart = charts().iter().map(|chart| bundle(chart)).next().expect("a chart");
    let whole = course(&app, &chart).await;
    let without = Course { earlier: None, ..whole.clone() };
    let (whole, without) = (drawn(&app, &whole), drawn(&app, &without));
    let told = |html: &str| html.matches("How it moved could not be computed just now").count();
    assert_eq!((told(&whole), told(&without)), (0, outcomes(&without).len()));
    assert!(!outcomes(&without).is_empty() && !without.contains("class=\"trend\""));
    assert_eq!(between(&whole, "class=\"figures\">", "</p>"), between(&without, "class=\"figures\">", "</p>"));
}

#[actix_web::test]
async fn a_long_record_is_as_light_as_a_short_one() {
    let app = shipped().await;
    let mut chart = bundle(&charts()[0]);
    let entries = chart["entry"].as_array().expect("entries").clone();
    let observations: Vec<&Value> =
        entries.iter().filter(|entry| entry["resource"]["resourceType"] == "Observation").collect();
    let many = (0..25_000).map(|number| {
        let mut entry = observations[number % observations.len()].clone();
        let day = jiff::civil::date(1970, 1, 1) + jiff::ToSpan::days(number as i64 * 4 / 5);
        entry["resource"]["id"] = json!(format!("again-{number}"));
        for time in ["effectiveDateTime", "issued"] {
            entry["resource"][time] = json!(format!("{day}T08:00:00Z"));
        }
        entry
    });
    let long: Vec<Value> = entries.iter().cloned().chain(many).collect();
    chart["entry"] = Value::Array(long);
    let course = course(&app, &chart).await;
    assert!(course.now.events_read >= 25_000, "{} events", course.now.events_read);
    let html = drawn(&app, &course);
    keep("long", &html);
    assert!(nodes(&html) <= MOST_NODES, "{} nodes", nodes(&html));
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
}

#[actix_web::test]
async fn what_was_not_read_is_never_called_absent() {
    let app = shipped().await;
    let mut course = course(&app, &bundle(&charts()[0])).await;
    course.now.unread = vec!["conditions".into(), "observations".into()];
    let html = drawn(&app, &course);
    assert!(html.contains("<strong>Not read: </strong>conditions, observations."), "{html}");
    assert!(html.contains("whether the patient has any is not known"));
    assert!(!html.contains("Everything that the FHIR server gave was read"));
}

#[actix_web::test]
async fn feedback_of_the_page_stands_beside_that_of_cards() {
    let app = shipped().await;
    let parts = app.running.parts().expect("a ready app");
    let mut page_seen = None;
    for chart in charts() {
        let course = course(&app, &bundle(&chart)).await;
        let html = drawn(&app, &course);
        if html.contains("<form") {
            page_seen = Some((course, html));
            break;
        }
    }
    let (course, html) = page_seen.expect("a chart with a shown outcome");
    let form = between(&html, "<form", "</form>")[0];
    assert!(form.contains("action=\"/smart/feedback\"") && form.contains("value=\"a-token\""));
    let field = |name: &str| between(form, &format!("name=\"{name}\" value=\""), "\"")[0].to_owned();
    let card: Uuid = field("card").parse().expect("a uuid");
    let reason = between(form, "<option value=\"", "\"")[1].to_owned();
    let (store, catalogue, service) = (&parts.feedback, &parts.hooks.catalogue, field("service"));
    let send = |outcome, reason: &str, card| {
        let form = FeedbackForm { token: None, card, service: service.clone(), outcome, reason: reason.into() };
        async move { take(store, catalogue, Some("https://ehr"), jiff::Timestamp::now(), &form).await }
    };
    let taken = send(Said::NotUseful, &reason, card).await.expect("stored");
    assert_eq!((taken.stored, taken.unknown_cards), (1, 0), "the audit knows what the page showed");
    send(Said::Useful, &reason, card).await.expect("stored");
    let unknown = send(Said::Useful, "", Uuid::new_v4()).await.expect("stored");
    assert_eq!((unknown.stored, unknown.unknown_cards), (1, 1));
    assert!(matches!(send(Said::NotUseful, "made-up", card).await, Err(FeedbackError::Unknown)));
    let rows = sqlx::query("select outcome, override_code, client from feedback where card = $1 order by outcome")
        .bind(card.to_string())
        .fetch_all(&app.database().await)
        .await
        .expect("rows");
    let row =
        |row: &sqlx::any::AnyRow| (row.get::<String, _>("outcome"), row.get::<Option<String>, _>("override_code"));
    let rows: Vec<_> = rows.iter().map(row).collect();
    assert_eq!(rows, [("accepted".into(), None), ("overridden".into(), Some(reason))]);

    // Opened from a card, the form names that card.
    let (service, uuid) = ("early-detection".to_owned(), Uuid::new_v4());
    let shown = course.now.outcomes.iter().find(|outcome| course.now.card(&outcome.phenotype) == card).expect("it");
    let launched = LaunchCard { service, uuid, phenotype: Some(shown.phenotype.to_string()) };
    let mut context = PageContext { card: Some(launched), ..context() };
    let html = page(&course, &hooks(&app).catalogue, &context).into_string();
    assert!(!html.contains(&card.to_string()));
    let named = format!("name=\"card\" value=\"{uuid}\"");
    let form = between(&html, &named, "</form>")[0];
    assert!(form.contains("value=\"early-detection\""));
    assert!(!html.contains("opened from a card"));

    // Where it is not known what the card was about, it has a form of its own.
    context.card.as_mut().expect("a card").phenotype = None;
    let html = page(&course, &hooks(&app).catalogue, &context).into_string();
    assert!(html.contains("opened from a card of <strong>Early detection</strong>."));
    assert_eq!((html.matches(&named).count(), html.matches(&card.to_string()).count()), (1, 1));
}

#[actix_web::test]
async fn style_and_scripts_are_small_kept_and_named_by_their_content() {
    let app = TestApp::start().await;
    let html = prodrome::web::smart::page::feedback::thanks(Said::Useful, "/smart/patient").into_string();
    let scripts: usize = ASSETS.iter().filter(|(name, ..)| name.ends_with(".js")).map(|(.., text)| text.len()).sum();
    assert!(scripts < 100_000, "{scripts} bytes");
    for (name, media_type, content) in ASSETS {
        let edition = between(&html, "/smart/assets/", "/")[0];
        let answer = app.get(&format!("/smart/assets/{edition}/{name}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)));
        assert!(answer.header("cache-control").is_some_and(|kept| kept.contains("immutable")));
        assert_eq!(answer.text(), content);
    }
    app.get("/smart/assets/0000000000000000/app.js").await.refuses_with(404, "unknown-route");
}
