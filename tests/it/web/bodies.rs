//! Bodies that cannot be taken: too large, wrong type, wrong encoding, not JSON.

use super::app::TestApp;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

const PATH: &str = "/cds-services/early-detection/feedback";
const JSON: (&str, &str) = ("content-type", "application/json");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("compressed")
}

#[actix_web::test]
async fn fifty_megabytes_are_refused_with_413() {
    let app = TestApp::start().await;
    let body = vec![b' '; 50 << 20];
    app.post_with(PATH, &[JSON], body).await.refuses_with(413, "too-large");
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[actix_web::test]
async fn fifty_megabytes_in_a_small_gzip_are_refused_with_413() {
    let app = TestApp::start().await;
    let body = gzip(&vec![b' '; 50 << 20]);
    assert!(body.len() < 1 << 20);
    app.post_with(PATH, &[JSON, ("content-encoding", "gzip")], body).await.refuses_with(413, "too-large");
}

#[actix_web::test]
async fn the_limit_is_the_one_of_the_settings() {
    let app = TestApp::builder().setting("SERVER__MAX_BODY", "1 kB").start().await;
    app.post_with(PATH, &[JSON], vec![b' '; 1_001]).await.refuses_with(413, "too-large");
    app.post_with(PATH, &[JSON], vec![b' '; 1_000]).await.refuses_with(400, "invalid-request");
}

#[actix_web::test]
async fn a_gzip_body_is_read() {
    let app = TestApp::start().await;
    let issue = app
        .post_with(PATH, &[JSON, ("content-encoding", "gzip")], gzip(b"{}"))
        .await
        .refuses_with(400, "invalid-request");
    assert_eq!(issue["expression"][0], "feedback");
}

#[actix_web::test]
async fn a_zstd_and_a_deflate_body_are_read() {
    let app = TestApp::start().await;
    let zstd = zstd::encode_all(&b"{}"[..], 3).expect("compressed");
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
    let deflate = deflate.write_all(b"{}").and_then(|()| deflate.finish()).expect("compressed");
    for (encoding, body) in [("zstd", zstd), ("deflate", deflate)] {
        let answer = app.post_with(PATH, &[JSON, ("content-encoding", encoding)], body).await;
        assert_eq!(answer.refuses_with(400, "invalid-request")["expression"][0], "feedback");
    }
}

#[actix_web::test]
async fn the_limit_holds_before_and_after_unpacking() {
    let app = TestApp::builder().setting("SERVER__MAX_BODY", "1 kB").start().await;
    for (plain, status, code) in [(1_000, 400, "invalid-request"), (1_001, 413, "too-large")] {
        let zstd = zstd::encode_all(&vec![b' '; plain][..], 3).expect("compressed");
        app.post_with(PATH, &[JSON, ("content-encoding", "zstd")], zstd).await.refuses_with(status, code);
    }
    let headers = [JSON, ("content-encoding", "zstd")];
    app.post_with(PATH, &headers, vec![0; 1_001]).await.refuses_with(413, "too-large");
}

#[actix_web::test]
async fn a_broken_gzip_body_is_refused() {
    let app = TestApp::start().await;
    let answer = app.post_with(PATH, &[JSON, ("content-encoding", "gzip")], b"no gzip".to_vec()).await;
    answer.refuses_with(400, "broken-body");
}

#[actix_web::test]
async fn another_media_type_or_encoding_answers_415() {
    let app = TestApp::start().await;
    let xml = [("content-type", "application/fhir+xml")];
    app.post_with(PATH, &xml, b"<a/>".to_vec()).await.refuses_with(415, "media-type");
    let brotli = [JSON, ("content-encoding", "br")];
    let refused = app.post_with(PATH, &brotli, b"{}".to_vec()).await;
    refused.refuses_with(415, "content-encoding");
    assert_eq!(refused.header("accept-encoding"), Some("gzip, zstd, deflate, identity"));
}

#[actix_web::test]
async fn broken_json_is_told_by_place_and_not_echoed() {
    let app = TestApp::start().await;
    let answer = app.post(PATH, r#"{"hook": "patient-view", "name": "QUILLFEATHER" "#).await;
    answer.refuses_with(400, "invalid-request");
    assert!(answer.text().contains("line 1") && !answer.text().contains("QUILLFEATHER"), "{}", answer.text());
}
