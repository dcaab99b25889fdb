//! Audit and feedback rows, on SQLite and, when PRODROME_TEST_POSTGRES names an empty database, on PostgreSQL.

use jiff::Timestamp;
use prodrome::governance::audit::{Audit, AuditRow, CallOutcome, Silence};
use prodrome::governance::feedback::{Feedback, FeedbackEntry, FeedbackOutcome, FeedbackTaken};
use prodrome::patient_record::timeline::{SkipReason, Skipped};
use prodrome::platform::database::Database;
use prodrome::prediction::answer::Abstention;
use sqlx::{AnyPool, Row};
use std::time::Duration;
use uuid::Uuid;

/// Runs a check on each database at hand; the pool is a second connection, as another process would have.
async fn on_each_database<F: Future<Output = ()>>(check: impl Fn(Database, AnyPool) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut urls = vec![format!("sqlite:{}", folder.path().join("test.sqlite").display())];
    urls.extend(std::env::var("PRODROME_TEST_POSTGRES"));
    for url in urls {
        let database = Database::open(&url).await.expect("a database");
        let reader = AnyPool::connect(&url).await.expect("a second connection");
        check(database, reader).await;
    }
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
    on_each_database(|database, reader| async move {
        let row = row(vec![Uuid::new_v4()]);
        let instance = row.hook_instance.clone();
        Audit::new(database).record(row).await.expect("recorded");
        let read = sqlx::query("select * from audit where hook_instance = $1")
            .bind(instance)
            .fetch_one(&reader)
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
    })
    .await;
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
    on_each_database(|database, reader| async move {
        let (shown, foreign) = (Uuid::new_v4(), Uuid::new_v4());
        Audit::new(database.clone()).record(row(vec![shown])).await.expect("recorded");
        let feedback = Feedback::new(database);
        let batch = vec![entry(shown), entry(foreign), entry(shown)];
        let record = |batch| feedback.record("early-detection", None, Timestamp::UNIX_EPOCH, batch);
        assert_eq!(record(batch.clone()).await.expect("kept"), FeedbackTaken { stored: 2, unknown_cards: 1 });
        assert_eq!(record(batch).await.expect("kept"), FeedbackTaken::default());
        let known: i64 = sqlx::query("select known_card from feedback where card = $1")
            .bind(shown.to_string())
            .fetch_one(&reader)
            .await
            .expect("one row")
            .get("known_card");
        assert_eq!(known, 1);
    })
    .await;
}

#[tokio::test]
async fn the_same_card_shown_again_is_one_card_and_two_answers() {
    on_each_database(|database, reader| async move {
        let card = Uuid::new_v4();
        let audit = Audit::new(database);
        for _ in 0..2 {
            audit.record(row(vec![card])).await.expect("recorded");
        }
        let count = |sql: &'static str, like: String| {
            let query = sqlx::query(sql).bind(like);
            let reader = reader.clone();
            async move { query.fetch_one(&reader).await.expect("a count").get::<i64, _>("found") }
        };
        assert_eq!(count("select count(*) as found from card where uuid = $1", card.to_string()).await, 1);
        assert_eq!(count("select count(*) as found from audit where cards like $1", format!("%{card}%")).await, 2);
    })
    .await;
}
