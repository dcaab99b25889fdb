//! `[server.tls]`: the server ends TLS itself, and asks clients for certificates where it is told to.

use super::ehr::{CALL, Ehr, body, fixture, production};
use crate::web::app::TestApp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(fixture(name)).expect("a test certificate")
}

/// A client that trusts the test authority, with or without a certificate of its own.
fn client(own_certificate: bool) -> awc::Client {
    let mut authorities = RootCertStore::empty();
    authorities.add(certificate("authority.pem")).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(authorities);
    let config = match own_certificate {
        false => builder.with_no_client_auth(),
        true => {
            let key = PrivateKeyDer::from_pem_file(fixture("client.key.pem")).expect("a test key");
            builder.with_client_auth_cert(vec![certificate("client.pem")], key).expect("a pair")
        }
    };
    awc::Client::builder().connector(awc::Connector::new().rustls_0_23(Arc::new(config))).finish()
}

fn with_tls(clients: &[String]) -> crate::web::app::Builder {
    production(clients)
        .setting("SERVER__ALLOW_PLAIN_HTTP", "false")
        .setting("SERVER__PUBLIC_URL", "")
        .setting("SERVER__TLS__CERT_FILE", &fixture("server.pem").display().to_string())
        .setting("SERVER__TLS__KEY_FILE", &fixture("server.key.pem").display().to_string())
}

fn url(app: &TestApp, path: &str) -> String {
    format!("https://localhost:{}{path}", app.running.address.port())
}

#[actix_web::test]
async fn a_signed_call_is_answered_over_tls() {
    let ehr = Ehr::es384().with(r#"audiences = ["us"]"#);
    let app = with_tls(&[ehr.in_file()]).start().await;
    let mut claims = ehr.claims(CALL);
    claims["aud"] = "us".into();
    let token = ehr.sign(&ehr.header(), &claims);
    let call = client(false).post(url(&app, CALL)).insert_header(("content-type", "application/json"));
    let mut answer = call.bearer_auth(token).send_body(body()).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let cards: serde_json::Value = answer.json().await.expect("JSON");
    assert!(cards["cards"].is_array());
}

#[actix_web::test]
async fn ch_274_with_mutual_tls_a_client_without_a_certificate_gets_no_answer() {
    let authority = fixture("authority.pem").display().to_string();
    let app = with_tls(&[Ehr::es384().in_file()]).setting("SERVER__TLS__CLIENT_CA_FILE", &authority).start().await;
    assert!(client(false).get(url(&app, "/healthz")).send().await.is_err());
    assert_eq!(client(true).get(url(&app, "/healthz")).send().await.expect("an answer").status().as_u16(), 200);
}

#[actix_web::test]
async fn ch_002_plain_http_gets_no_answer_where_tls_is_spoken() {
    let app = with_tls(&[Ehr::es384().in_file()]).start().await;
    assert!(awc::Client::new().get(app.url("/cds-services")).send().await.is_err());
    assert_eq!(client(false).get(url(&app, "/healthz")).send().await.expect("an answer").status().as_u16(), 200);
}
