//! Handles of cards in the database: good once, for one patient at one FHIR server, until their time is over.

use crate::database::TestDatabase;
use jiff::Timestamp;
use prodrome::governance::card_handles::{About, CardHandles, LIFE, OpenedCard, Redeemed};
use prodrome::platform::database::Database;
use uuid::Uuid;

const ANN: About<'_> = About { fhir_server: "https://ehr.example.org/r4", patient: "canary-ann-5f" };

#[tokio::test]
async fn a_handle_is_good_once_for_its_patient_at_its_server_until_its_time_is_over() {
    let database = TestDatabase::fresh();
    let opened = Database::open(database.url()).await.expect("open");
    let (handles, start) = (CardHandles::new(opened.clone()), Timestamp::from_second(1_777_881_600).expect("a time"));
    let cards = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let card = |card: Uuid| OpenedCard { service: "early-detection".into(), card, phenotype: Some("ckd".into()) };
    let given = handles.give(ANN, cards.map(card).into(), start).await.expect("given");
    assert!(given.iter().all(|handle| handle.len() == 64) && given[0] != given[1]);
    let redeem = async |number: usize, about, at| handles.redeem(&given[number], about, at).await.expect("asked");
    let late = start + LIFE;
    let first = Redeemed::Card(card(cards[0]));
    assert_eq!(redeem(0, ANN, late - std::time::Duration::from_millis(1)).await, first);
    assert_eq!(redeem(0, ANN, start).await, Redeemed::Unknown, "used");
    assert_eq!(redeem(1, About { patient: "bob", ..ANN }, start).await, Redeemed::OfAnother);
    assert_eq!(redeem(1, ANN, start).await, Redeemed::Unknown, "somebody tried it for another patient");
    let elsewhere = About { fhir_server: "https://other.example.org/r4", ..ANN };
    assert_eq!(redeem(2, elsewhere, start).await, Redeemed::OfAnother);
    assert_eq!(redeem(3, ANN, late).await, Redeemed::Unknown, "over");
    for guess in [&"0".repeat(64), "", &"a".repeat(65), "' or 1=1 --", "\0"] {
        assert_eq!(handles.redeem(guess, ANN, start).await.expect("asked"), Redeemed::Unknown, "{guess}");
    }
    let (one, other) = tokio::join!(redeem(4, ANN, start), redeem(4, ANN, start));
    let found = [one, other].into_iter().filter(|redeemed| matches!(redeemed, Redeemed::Card(_))).count();
    assert_eq!(found, 1, "two at once");
    // Rows whose time is over go when others come.
    let fresh =
        handles.give(ANN, vec![OpenedCard { phenotype: None, ..card(cards[0]) }], late + LIFE).await.expect("given");
    let rows: i64 = sqlx::query_scalar("select count(*) from card_handle")
        .fetch_one(&database.connect().await)
        .await
        .expect("a count");
    assert_eq!(rows, 1);
    opened.close().await;
    let written = database.everything().await;
    assert!(!written.contains(ANN.patient) && !written.contains(&fresh[0]) && !written.contains(&given[3]));
}
