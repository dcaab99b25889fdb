//! A token is good for one call, whichever replica it reaches.

use super::ehr::{CALL, Ehr, call_with, now, production};
use crate::web::app::TestApp;
use sqlx::Row;

async fn rows(app: &TestApp) -> i64 {
    let counted = sqlx::query("select count(*) as n from used_token").fetch_one(&app.database().await).await;
    counted.expect("the table").get("n")
}

#[actix_web::test]
async fn ch_262_a_token_is_good_once_and_its_id_once_for_each_issuer() {
    let (ehr, other) = (Ehr::rs384(), Ehr::es384());
    let app = production(&[ehr.in_file(), other.in_file()]).start().await;
    let token = ehr.token(CALL);
    assert_eq!(call_with(&app, &token).await.status, 200);
    for _ in 0..2 {
        ehr.refused(&call_with(&app, &token).await, "used before");
    }
    let (mut again, mut theirs) = (ehr.claims(CALL), other.claims(CALL));
    again["jti"] = "the same".into();
    theirs["jti"] = "the same".into();
    assert_eq!(call_with(&app, &ehr.sign(&ehr.header(), &again)).await.status, 200);
    again["exp"] = (now() + 600).into();
    ehr.refused(&call_with(&app, &ehr.sign(&ehr.header(), &again)).await, "used before");
    assert_eq!(call_with(&app, &other.sign(&other.header(), &theirs)).await.status, 200, "another issuer's id");
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn ch_273_a_second_replica_on_the_same_database_knows_the_token() {
    let ehr = Ehr::rs384();
    let first = production(&[ehr.in_file()]).start().await;
    let second = production(&[ehr.in_file()]).sharing(&first).start().await;
    let token = ehr.token(CALL);
    assert_eq!(call_with(&first, &token).await.status, 200);
    ehr.refused(&call_with(&second, &token).await, "used before");
    for _ in 0..8 {
        let token = ehr.token(CALL);
        let both = tokio::join!(call_with(&first, &token), call_with(&second, &token));
        let mut statuses = [both.0.status, both.1.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401], "two replicas took one token at once");
    }
    ehr.calls(&second).await;
}

#[actix_web::test]
async fn ch_273_only_verified_tokens_take_a_row() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    for claim in ["aud", "exp", "iat"] {
        let mut claims = ehr.claims(CALL);
        claims[claim] = 1.into();
        assert_eq!(call_with(&app, &ehr.sign(&ehr.header(), &claims)).await.status, 401);
    }
    let token = ehr.token(CALL);
    assert_eq!(call_with(&app, &token[..token.len() - 8]).await.status, 401);
    assert_eq!(rows(&app).await, 0);
    ehr.calls(&app).await;
    assert_eq!(rows(&app).await, 1);
}

#[actix_web::test]
async fn rows_of_expired_tokens_are_removed_and_stand_in_nobodys_way() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    let database = app.database().await;
    let insert =
        "insert into used_token (issuer, jti_hash, until_ms) values ('old', 'a', 1), ('new', 'a', 9000000000000)";
    sqlx::query(insert).execute(&database).await.expect("written");
    ehr.calls(&app).await;
    let left = sqlx::query("select issuer from used_token where jti_hash = 'a'").fetch_all(&database).await;
    let left: Vec<String> = left.expect("rows").iter().map(|row| row.get("issuer")).collect();
    assert_eq!(left, ["new"]);
    // This process has just purged and will not again for a while: the row of an expired token is met.
    let mut claims = ehr.claims(CALL);
    claims["jti"] = "again".into();
    assert_eq!(call_with(&app, &ehr.sign(&ehr.header(), &claims)).await.status, 200);
    let aged = format!("update used_token set until_ms = 1 where issuer = '{}'", ehr.issuer);
    sqlx::query(sqlx::AssertSqlSafe(aged)).execute(&database).await.expect("written");
    assert_eq!(call_with(&app, &ehr.sign(&ehr.header(), &claims)).await.status, 200);
    ehr.refused(&call_with(&app, &ehr.sign(&ehr.header(), &claims)).await, "used before");
}

#[actix_web::test]
async fn a_client_that_may_reuse_its_token_may_until_it_expires() {
    let ehr = Ehr::rs384().with("allow_jti_reuse = true");
    let app = production(&[ehr.in_file()]).start().await;
    let token = ehr.token(CALL);
    for _ in 0..3 {
        assert_eq!(call_with(&app, &token).await.status, 200);
    }
    let mut late = ehr.claims(CALL);
    (late["iat"], late["exp"]) = ((now() - 300).into(), (now() - 10).into());
    let late = ehr.sign(&ehr.header(), &late);
    assert_eq!(call_with(&app, &late).await.status, 200);
    ehr.refused(&call_with(&app, &late).await, "used before");
}

#[actix_web::test]
async fn without_the_database_a_good_token_is_answered_503_and_a_bad_one_still_401() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    ehr.calls(&app).await;
    app.running.close_database().await;
    let answer = call_with(&app, &ehr.token(CALL)).await;
    answer.refuses_with(503, "token-not-recorded");
    assert!(answer.header("retry-after").is_some());
    let mut claims = ehr.claims(CALL);
    claims["exp"] = 1.into();
    ehr.refused(&call_with(&app, &ehr.sign(&ehr.header(), &claims)).await, "expired");
}
