//! Audit and feedback rows, seen by another connection. Each test runs on the engine that [`TestDatabase`] is given.

use crate::database::TestDatabase;
use jiff::Timestamp;
use prodrome::governance::audit::{Audit, AuditRow, CallOutcome, Silence};
use prodrome::governance::feedback::{Feedback, FeedbackEntry, FeedbackOutcome, FeedbackTaken};
use prodrome::patient_record::timeline::{SkipReason, Skipped};
use prodrome::platform::database::Database;
use prodrome::prediction::answer::Abstention;
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

/// Opens a database as a server does.
async fn open(database: &TestDatabase) -> Database {
    Database::open(database.url()).await.expect("a database")
}

fn row(cards: Vec<Uuid>) -> AuditRow {
    let mut skipped = Skipped::default();
    skipped.count("Observation", SkipReason::NoDate);
    skipped.count("Observation", SkipReason::NoDate);
    skipped.count("Lindqvist", SkipReason::TypeNotRead);
    AuditRow {
        at: "2026-11-22T10:00:00Z".parse().expect("a time"),
        hook_instance: Uuid::new_v4().to_string(),
        service: "early-detection".into(),
        hook: "patient-view".into(),
        client: None,
        model: "age@1".into(),
        definition_hash: "d".into(),
        input_hash: "i".into(),
        as_of: Timestamp::UNIX_EPOCH,
        events_read: 3400,
        skipped,
        cards,
        abstained: vec![Silence { phenotype: None, horizon_days: None, reason: Abstention::ThinChart }],
        outcome: CallOutcome::Cards,
        duration: Duration::from_micros(1500),
    }
}

#[tokio::test]
async fn an_answer_can_be_read_by_another_connection_once_recorded() {
    let database = TestDatabase::fresh();
    let row = row(vec![Uuid::new_v4()]);
    let instance = row.hook_instance.clone();
    Audit::new(open(&database).await).record(row).await.expect("recorded");
    let read = sqlx::query("select * from audit where hook_instance = $1")
        .bind(instance)
        .fetch_one(&database.connect().await)
        .await
        .expect("the row");
    assert_eq!(read.get::<i64, _>("events_read"), 3400);
    assert_eq!(read.get::<Option<String>, _>("client"), None);
    assert_eq!(read.get::<f64, _>("duration_ms"), 1.5);
    let skipped: String = read.get("skipped");
    assert!(skipped.contains(r#"{"type":"Observation","reason":"no-date","count":2}"#), "{skipped}");
    assert!(!skipped.contains("Lindqvist"), "{skipped}");
    let abstained: String = read.get("abstained");
    assert_eq!(abstained, r#"[{"phenotype":null,"horizon_days":null,"reason":"thin-chart"}]"#);
}

fn entry(card: Uuid) -> FeedbackEntry {
    FeedbackEntry {
        card,
        outcome: FeedbackOutcome::Overridden,
        accepted_suggestions: vec![],
        override_reason: Some(("http://example.org".into(), "limited-time".into())),
        has_comment: true,
        outcome_at_millisecond: 1_795_341_660_000,
    }
}

#[tokio::test]
async fn feedback_is_kept_once_and_knows_whether_its_card_was_shown() {
    let database = TestDatabase::fresh();
    let opened = open(&database).await;
    let (shown, foreign) = (Uuid::new_v4(), Uuid::new_v4());
    Audit::new(opened.clone()).record(row(vec![shown])).await.expect("recorded");
    let feedback = Feedback::new(opened);
    let batch = vec![entry(shown), entry(foreign), entry(shown)];
    let record = |batch| feedback.record("early-detection", None, Timestamp::UNIX_EPOCH, batch);
    assert_eq!(record(batch.clone()).await.expect("kept"), FeedbackTaken { stored: 2, unknown_cards: 1 });
    assert_eq!(record(batch).await.expect("kept"), FeedbackTaken::default());
    let known: i64 = sqlx::query("select known_card from feedback where card = $1")
        .bind(shown.to_string())
        .fetch_one(&database.connect().await)
        .await
        .expect("one row")
        .get("known_card");
    assert_eq!(known, 1);
}

#[tokio::test]
async fn the_same_card_shown_again_is_one_card_and_two_answers() {
    let database = TestDatabase::fresh();
    let card = Uuid::new_v4();
    let audit = Audit::new(open(&database).await);
    for _ in 0..2 {
        audit.record(row(vec![card])).await.expect("recorded");
    }
    let reader = database.connect().await;
    let count = |sql: &'static str, like: String| {
        let query = sqlx::query(sql).bind(like);
        let reader = reader.clone();
        async move { query.fetch_one(&reader).await.expect("a count").get::<i64, _>("found") }
    };
    assert_eq!(count("select count(*) as found from card where uuid = $1", card.to_string()).await, 1);
    assert_eq!(count("select count(*) as found from audit where cards like $1", format!("%{card}%")).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_on_a_new_database_all_find_its_tables() {
    for _ in 0..5 {
        let database = TestDatabase::fresh();
        let opened = futures_util::future::join_all((0..4).map(|_| Database::open(database.url()))).await;
        for opened in opened {
            Audit::new(opened.expect("opened")).record(row(vec![])).await.expect("recorded");
        }
        let counted = sqlx::query("select count(*) as found from audit").fetch_one(&database.connect().await).await;
        assert_eq!(counted.expect("a count").get::<i64, _>("found"), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_that_reaches_two_processes_in_another_order_is_kept_once_and_refused_by_neither() {
    let database = TestDatabase::fresh();
    let (first, second) = (open(&database).await, open(&database).await);
    let (first, second) = (Feedback::new(first), Feedback::new(second));
    for _ in 0..10 {
        let batch: Vec<FeedbackEntry> = (0..100).map(|_| entry(Uuid::new_v4())).collect();
        let reversed = batch.iter().rev().cloned().collect();
        let record = |to: Feedback, batch| async move {
            to.record("early-detection", None, Timestamp::UNIX_EPOCH, batch).await.expect("kept").stored
        };
        let both =
            tokio::join!(tokio::spawn(record(first.clone(), batch)), tokio::spawn(record(second.clone(), reversed)),);
        assert_eq!(both.0.expect("it ends") + both.1.expect("it ends"), 100);
    }
}
