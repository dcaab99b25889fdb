//! The time machine before the real server: its moments are visits, its cards those of a chart opened as of that day.

use super::page::{CHILD, ELDERLY, Page, SHIPPED, database};
use std::collections::BTreeSet;
use std::path::Path;

/// Travels as a browser without a script does.
async fn travelled(page: &Page, patient: &str) -> String {
    let post = awc::Client::builder().timeout(std::time::Duration::from_secs(120)).finish();
    let answer = page.read(post.post(page.url(&format!("/patients/{patient}/time-machine"))).send()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// The days of the table, in order.
fn days(drawn: &str) -> Vec<String> {
    let rows = drawn.split_once("id=\"moments\"").expect("a table").1.split("<th scope=\"row\">").skip(1);
    rows.map(|row| row.split_once("\">").expect("a link").1.split('<').next().unwrap_or_default().to_owned()).collect()
}

/// The days on which a shipped patient had a visit.
fn visits(patient: &str) -> BTreeSet<String> {
    let file = std::fs::File::open(Path::new(SHIPPED).join(format!("{patient}.ndjson.zst"))).expect("a patient");
    let text = String::from_utf8(zstd::decode_all(file).expect("zstd")).expect("text");
    let resources = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let visits = resources.filter(|resource| resource["resourceType"] == "Encounter");
    let utc = |start: &str| start.parse::<jiff::Timestamp>().expect("an instant").to_string()[..10].to_owned();
    visits.map(|visit| utc(visit["period"]["start"].as_str().expect("a start"))).collect()
}

async fn calls(page: &Page) -> i64 {
    sqlx::query_scalar("select count(*) from audit").fetch_one(&database(page).await).await.expect("a count")
}

#[actix_web::test]
async fn every_moment_is_a_visit_and_at_most_sixty_are_asked() {
    let page = Page::start().await;
    let few = days(&travelled(&page, CHILD).await);
    assert_eq!(few.iter().cloned().collect::<BTreeSet<_>>(), visits(CHILD), "few visits: all of them");
    assert_eq!(calls(&page).await, few.len() as i64);
    let (many, all) = (days(&travelled(&page, ELDERLY).await), visits(ELDERLY));
    assert!(all.len() > 60 && many.len() == 60, "{} of {}", many.len(), all.len());
    assert!(many.iter().all(|day| all.contains(day)), "{many:?}");
    assert_eq!((many.first(), many.last()), (all.first(), all.last()));
    assert_eq!(calls(&page).await, few.len() as i64 + 60);
}

#[actix_web::test]
async fn a_moment_says_what_the_chart_opened_as_of_that_day_says() {
    let page = Page::start().await;
    let drawn = travelled(&page, ELDERLY).await;
    let first = drawn.split_once("First shown at ").expect("a card").0.rsplit_once("data-at=\"").expect("a place").1;
    let place: usize = first.split('"').next().expect("a place").parse().expect("a number");
    let day = days(&drawn)[place].clone();
    let moment = page.get(&format!("/patients/{ELDERLY}/time-machine/moment?at={place}")).await.text;
    let opened = page.open(ELDERLY, &day).await;
    // From the cache: what the moment sent is, to the server, the chart as of that day.
    assert!(opened.contains("cache hit"), "{opened}");
    let said = |text: &str| -> Vec<String> {
        text.split("<h3>").skip(1).map(|rest| rest.split("</h3>").next().unwrap_or_default().to_owned()).collect()
    };
    assert!(!said(&moment).is_empty());
    assert_eq!(said(&moment), said(&opened));
    let before = page.get(&format!("/patients/{ELDERLY}/time-machine/moment?at={}", place - 1)).await.text;
    assert!(before.contains("No cards came back."), "{before}");
}

#[actix_web::test]
async fn a_script_is_answered_at_once_and_may_ask_how_far_it_is() {
    let page = Page::start().await;
    let address = format!("/patients/{ELDERLY}/time-machine");
    assert!(page.get(&address).await.text.contains("Not travelled yet."));
    let begun = page.submit(&address, &[]).await;
    assert_eq!(begun.status, 202);
    assert!(begun.text.contains("data-under-way") && begun.text.contains("<progress"), "{}", begun.text);
    // One journey of a patient at a time: the second departure joins the first.
    assert_eq!(page.submit(&address, &[]).await.status, 202);
    let mut journey = page.get(&format!("{address}/journey")).await.text;
    while journey.contains("data-under-way") {
        actix_web::rt::time::sleep(std::time::Duration::from_millis(20)).await;
        journey = page.get(&format!("{address}/journey")).await.text;
    }
    assert!(journey.contains("60 of ") && journey.contains("type=\"range\""), "{journey}");
    assert_eq!(calls(&page).await, 60);
}

#[actix_web::test]
async fn the_time_machine_is_linked_and_lets_nobody_else_depart() {
    let page = Page::start().await;
    let address = format!("/patients/{ELDERLY}/time-machine");
    assert!(page.get(&format!("/patients/{ELDERLY}")).await.text.contains(&format!("href=\"{address}\"")));
    let foreign = awc::Client::default().post(page.url(&address)).insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(page.read(foreign.send()).await.status, 403);
    assert_eq!(page.get("/patients/nobody/time-machine").await.status, 404);
    let whole = page.get(&address).await;
    assert!(whole.policy.contains("default-src 'none'") && !whole.text.contains(" style="), "{}", whole.policy);
}
