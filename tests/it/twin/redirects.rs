//! A call holds a chart and a token: it goes to the servers that the EHR was started with, wherever those would send it.

use super::stage::{CARD, Recorder, Stage, card, twin};
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use std::net::TcpListener;

/// What a server sends elsewhere; to all else it answers well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Away {
    Lists,
    Calls,
    Feedback,
}

/// A CDS server that sends these requests to the same path of another: its address.
fn sending(away: Away, status: StatusCode, other: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let other = other.to_owned();
    let server = HttpServer::new(move || {
        let other = other.clone();
        let answer = move |request: HttpRequest| {
            let asked = match (request.method().as_str(), request.path().ends_with("/feedback")) {
                ("GET", _) => Away::Lists,
                (_, true) => Away::Feedback,
                _ => Away::Calls,
            };
            let there = ("location", format!("{other}{}", request.path()));
            let answer = match asked {
                asked if asked == away => HttpResponse::build(status).insert_header(there).finish(),
                Away::Lists => HttpResponse::Ok()
                    .json(json!({"services": [{"id": "a", "hook": "patient-view", "description": "d"}]})),
                Away::Calls => HttpResponse::Ok().json(json!({"cards": [card(json!({}))]})),
                Away::Feedback => HttpResponse::Ok().json(json!({})),
            };
            async move { answer }
        };
        App::new().default_service(web::to(answer))
    });
    actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).expect("a listener").run());
    base
}

/// A twin that was started with a server that sends these requests to the stage's service.
async fn stage(away: Away, status: u16) -> Stage {
    let service = Recorder::start();
    let base = sending(away, StatusCode::from_u16(status).expect("a status"), &service.base);
    let stage = Stage { page: twin(&base, |ehr| ehr), service, second: None };
    stage.put("/control/desk", json!({"patient": "ann"})).await;
    stage
}

/// Nothing went to the other server, and a problem names the status.
fn stays(stage: &Stage, said: &Value, status: u16) {
    assert!(stage.service.all().is_empty(), "{status}: {:?}", stage.service.all());
    let why = format!("answered {status}, a redirection");
    assert!(said.to_string().contains(&why), "{said}");
}

#[actix_web::test]
async fn no_list_call_or_feedback_follows_a_redirection() {
    for status in [301, 302, 303, 307, 308] {
        let stage = stage(Away::Lists, status).await;
        stays(&stage, &stage.fire("patient-view").await["problems"], status);
        let stage = self::stage(Away::Calls, status).await;
        stays(&stage, &stage.fire("patient-view").await, status);
        assert_eq!(stage.get("/control/exchanges?kind=call").await[0]["response"]["status"], status);
        let stage = self::stage(Away::Feedback, status).await;
        stage.fire("patient-view").await;
        let (_, said) = stage.send("POST", &format!("/control/cards/{CARD}/dismiss"), Some(json!({}))).await;
        stays(&stage, &said, status);
    }
}

#[actix_web::test]
async fn an_entry_of_a_list_leads_to_no_address_but_its_servers() {
    let (stage, other) = (Stage::start().await, Recorder::start());
    let elsewhere = format!("{}/cds-services/a", other.base);
    stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "url": elsewhere}]));
    for discovery in ["fetched", "typed-in"] {
        stage.switch(json!({ "discovery": discovery })).await;
        stage.fire("patient-view").await;
        assert_eq!((stage.service.last().path.as_str(), other.all().len()), ("/a/b/cds-services/a", 0));
    }
}
