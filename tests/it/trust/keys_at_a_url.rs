//! Key sets that are published: fetched seldom, from one place, within bounds.

use super::ehr::{CALL, Ehr, call_with, fixture, production};
use super::key_server::{KeyServer, Publishes};
use crate::web::app::TestApp;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn publishes(ehr: &Ehr) -> KeyServer {
    KeyServer::start(Publishes::Document(ehr.key_set().to_string()))
}

fn header(ehr: &Ehr, member: &str, value: &str) -> Value {
    let mut header = ehr.header();
    header[member] = value.into();
    header
}

#[actix_web::test]
async fn keys_are_fetched_at_first_use_and_kept() {
    let ehr = Ehr::es384();
    let keys = publishes(&ehr);
    let app = production(&[ehr.at_url(&keys.url())]).start().await;
    assert_eq!(keys.asked(), 0, "keys were fetched before anyone called");
    for _ in 0..3 {
        ehr.calls(&app).await;
    }
    assert_eq!(keys.asked(), 1);
    let token = ehr.sign(&header(&ehr, "jku", &keys.url()), &ehr.claims(CALL));
    assert_eq!(call_with(&app, &token).await.status, 200, "the client's own `jku` was refused");
}

#[actix_web::test]
async fn ch_267_a_flood_of_unknown_keys_causes_one_fetch() {
    let ehr = Ehr::es384();
    let keys = publishes(&ehr);
    let app = production(&[ehr.at_url(&keys.url())]).start().await;
    ehr.calls(&app).await;
    let tokens: Vec<String> =
        (0..40).map(|n| ehr.sign(&header(&ehr, "kid", &format!("k-{n}")), &ehr.claims(CALL))).collect();
    let answers = futures(tokens.iter().map(|token| call_with(&app, token))).await;
    for answer in answers {
        ehr.refused(&answer, "no key of the client");
    }
    assert_eq!(keys.asked(), 2, "one for the first use, one for all unknown keys");
    ehr.calls(&app).await;
}

/// Runs all at once.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[actix_web::test]
async fn ch_268_a_new_key_is_found_without_a_restart() {
    let ehr = Ehr::es384();
    let keys = publishes(&ehr);
    let app = production(&[ehr.at_url(&keys.url())]).start().await;
    ehr.calls(&app).await;
    keys.publish(Publishes::Document(json!({"keys": [ehr.jwk("k1"), ehr.jwk("k2")]}).to_string()));
    let token = ehr.sign(&header(&ehr, "kid", "k2"), &ehr.claims(CALL));
    assert_eq!(call_with(&app, &token).await.status, 200);
    assert_eq!(keys.asked(), 2);
}

#[actix_web::test]
async fn ch_254_a_foreign_jku_is_refused_and_never_called() {
    let ehr = Ehr::es384();
    let (keys, internal) = (publishes(&ehr), publishes(&ehr));
    let app = production(&[ehr.at_url(&keys.url())]).start().await;
    let inside = internal.url();
    let with_user = keys.url().replace("http://", "http://good@");
    for jku in [
        inside.as_str(),
        &with_user,
        &format!("{}/", keys.url()),
        &format!("{}#", keys.url()),
        &keys.url().to_uppercase(),
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/jwks",
        "file:///etc/passwd",
        "",
    ] {
        ehr.refused(&call_with(&app, &ehr.sign(&header(&ehr, "jku", jku), &ehr.claims(CALL))).await, "`jku`");
    }
    assert_eq!((keys.asked(), internal.asked()), (0, 0), "a token made the server call out");
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn ch_269_a_bad_place_for_keys_delays_only_its_own_client_and_not_for_long() {
    let good = Ehr::rs384();
    let elsewhere = publishes(&good);
    let whole = good.key_set().to_string();
    for (publishes, reason) in [
        (Publishes::Slowly, "no whole answer within 2 s"),
        (Publishes::Huge(10 << 20), "larger than 512 KiB"),
        (Publishes::RedirectTo(elsewhere.url()), "302"),
        (Publishes::Noise, "cannot be reached"),
        (Publishes::Document("<html>".into()), "no JWK Set"),
        (Publishes::Document(whole.split_at(whole.len() / 2).0.into()), "no JWK Set"),
    ] {
        let ehr = Ehr::es384();
        let keys = KeyServer::start(publishes);
        let app = production(&[ehr.at_url(&keys.url()), good.in_file()]).start().await;
        let begun = Instant::now();
        let token = ehr.token(CALL);
        let answers = futures((0..3).map(|_| call_with(&app, &token))).await;
        assert!(begun.elapsed() < Duration::from_secs(8), "{reason}: {:?}", begun.elapsed());
        for answer in answers {
            ehr.refused(&answer, "could not be fetched");
        }
        assert!(fetch_failed(&ehr, reason), "`{reason}` is not in the log");
        good.calls(&app).await;
        ehr.refused(&call_with(&app, &token).await, "could not be fetched");
        assert_eq!(keys.asked(), 1, "{reason}");
    }
    assert_eq!(elsewhere.asked(), 0, "a redirection was followed");
}

/// Whether the log says for this reason that the client's keys could not be fetched.
fn fetch_failed(ehr: &Ehr, reason: &str) -> bool {
    let log = crate::web::logs::read();
    log.lines()
        .any(|line| line.contains("keys of a client could not") && line.contains(&ehr.name) && line.contains(reason))
}

#[actix_web::test]
async fn a_slow_place_for_keys_hinders_no_other_client() {
    let (ehr, good) = (Ehr::es384(), Ehr::rs384());
    let keys = KeyServer::start(Publishes::Slowly);
    let app = production(&[ehr.at_url(&keys.url()), good.in_file()]).start().await;
    good.calls(&app).await;
    let token = ehr.token(CALL);
    let slow = async { call_with(&app, &token).await.status };
    let quick = async {
        while keys.asked() == 0 {
            actix_web::rt::time::sleep(Duration::from_millis(5)).await;
        }
        good.calls(&app).await;
        Instant::now()
    };
    let ended = async { (slow.await, Instant::now()) };
    let ((status, ended), quick) = tokio::join!(ended, quick);
    assert_eq!(status, 401);
    assert!(quick < ended, "a good call waited for the keys of another client");
}

#[actix_web::test]
async fn a_place_that_cannot_be_trusted_or_reached_stops_no_start() {
    let (ehr, other, good) = (Ehr::es384(), Ehr::es384(), Ehr::rs384());
    let untrusted = TestApp::builder()
        .setting("SERVER__TLS__CERT_FILE", &fixture("server.pem").display().to_string())
        .setting("SERVER__TLS__KEY_FILE", &fixture("server.key.pem").display().to_string())
        .start()
        .await;
    let unknown_authority = format!("https://localhost:{}/jwks", untrusted.running.address.port());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let clients = [ehr.at_url(&unknown_authority), other.at_url(&format!("http://{nobody}/jwks")), good.in_file()];
    let app = production(&clients).start().await;
    assert_eq!(app.get("/readyz").await.status, 200);
    for ehr in [ehr, other] {
        ehr.refused(&call_with(&app, &ehr.token(CALL)).await, "could not be fetched");
        assert!(fetch_failed(&ehr, "cannot be reached"));
    }
    good.calls(&app).await;
}
