//! Our own server, judged like any other.

use super::judge;
use crate::web::app::TestApp;
use prodrome::conform::{Level, Verdict, junit, terminal};

#[actix_web::test]
async fn our_server_fails_no_shall() {
    let app = TestApp::start().await;
    let report = judge(&app.url("")).await;
    assert_eq!(report.failed(Level::Shall), Vec::<&str>::new(), "{}", terminal(&report, true));
    assert_eq!(
        report.services,
        [
            "early-detection (encounter-start)",
            "early-detection (patient-view)",
            "order-outlook (order-select)",
            "order-outlook (order-sign)",
            "readmission-risk (encounter-discharge)"
        ]
    );
    // A run that saw nothing would fail nothing.
    for id in
        ["CH-001", "CH-026", "CH-101", "CH-104", "CH-151", "CH-160", "CH-171", "CH-181", "CH-196", "CH-235", "CH-236"]
    {
        assert!(matches!(report.verdict(id), Some(Verdict::Passed { .. })), "{id}\n{}", terminal(&report, true));
    }
}

#[actix_web::test]
async fn a_report_holds_nothing_of_the_chart_and_every_item_in_order() {
    let app = TestApp::start().await;
    let report = judge(&app.url("/cds-services/")).await;
    let ids: Vec<&str> = report.items.iter().map(|judged| &*judged.item.id).collect();
    assert!(ids.len() == 163 && ids.is_sorted());
    let json = prodrome::conform::json(&report).expect("JSON");
    for text in [&json, &junit(&report), &terminal(&report, true)] {
        assert!(["Testperson", "1957-03-14", "Ischemic"].iter().all(|word| !text.contains(word)), "{text}");
    }
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON")["items"][0]["id"], "CH-001");
    assert_eq!(junit(&report).matches("<testcase").count(), 163);
}
