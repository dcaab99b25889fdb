//! Who may call: whether tokens are asked for, and which are taken. Good tokens first and last, between them forged
//! ones, each of which would be good but for one thing.

use super::Check;
use crate::conform::bench::{ACCESS_TOKEN, Bench, Shown};
use crate::conform::call::{changed, drop_member};
use crate::conform::exchange::Exchange;
use crate::conform::mock_ehr::Manner;
use crate::conform::signer::{Draft, FOREIGN_KID, Signer};
use crate::conform::verdict::Findings;
use awc::http::Method;
use serde_json::json;
use std::rc::Rc;

pub(super) const CHECK: Check = Check {
    name: "token",
    items: &[
        "CH-253", "CH-254", "CH-255", "CH-256", "CH-257", "CH-258", "CH-259", "CH-260", "CH-261", "CH-262", "CH-263",
        "CH-265", "CH-270", "CH-271", "CH-272", "CH-275",
    ],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// Nobody's address.
const EVIL: &str = "evil.example";

/// What forgeries are made of.
struct Place<'a> {
    signer: &'a Signer,
    /// Where a key set stands that nobody registered.
    foreign_keys: &'a str,
    /// The FHIR server of the run.
    fhir: &'a str,
}

/// Item, what is wrong with the token, and how it becomes so; it is signed afterwards.
type Forgery = (&'static str, &'static str, fn(&mut Draft, &Place<'_>));

const FORGERIES: [Forgery; 19] = [
    ("CH-254", "another issuer", |token, _| token.claims["iss"] = format!("https://{EVIL}").into()),
    ("CH-254", "an unknown key", |token, _| token.header["kid"] = FOREIGN_KID.into()),
    ("CH-254", "keys at another address", |token, place| {
        token.header["kid"] = FOREIGN_KID.into();
        token.header["jku"] = place.foreign_keys.into();
    }),
    ("CH-254", "another issuer with keys at its address", |token, place| {
        token.claims["iss"] = format!("https://{EVIL}").into();
        token.header["kid"] = FOREIGN_KID.into();
        token.header["jku"] = place.foreign_keys.into();
    }),
    ("CH-259", "the address of another service", |token, _| {
        token.claims["aud"] = format!("https://{EVIL}/cds-services/conform").into();
    }),
    ("CH-261", "an end ten minutes ago", |token, _| shift(token, &["iat", "exp"], -900)),
    ("CH-261", "an iat in ten minutes", |token, _| shift(token, &["iat", "exp"], 600)),
    ("CH-261", "an nbf in ten minutes", |token, _| {
        token.claims["nbf"] = token.claims["iat"].clone();
        shift(token, &["nbf", "exp"], 600);
    }),
    ("CH-263", "no iss", |token, _| drop_claim(token, "iss")),
    ("CH-263", "no aud", |token, _| drop_claim(token, "aud")),
    ("CH-263", "no exp", |token, _| drop_claim(token, "exp")),
    ("CH-263", "no iat", |token, _| drop_claim(token, "iat")),
    ("CH-263", "no jti", |token, _| drop_claim(token, "jti")),
    ("CH-263", "no kid", |token, _| drop_member(&mut token.header, "kid")),
    ("CH-263", "no typ", |token, _| drop_member(&mut token.header, "typ")),
    ("CH-270", "a key inside the token", |token, place| {
        token.header["kid"] = FOREIGN_KID.into();
        token.header["jwk"] = place.signer.foreign_key();
    }),
    ("CH-270", "an address of certificates inside the token", |token, place| {
        token.header["kid"] = FOREIGN_KID.into();
        token.header["x5u"] = place.foreign_keys.into();
    }),
    ("CH-271", "a life of a day", |token, _| shift(token, &["exp"], 24 * 3600)),
    ("CH-275", "the FHIR server as its audience", |token, place| token.claims["aud"] = place.fhir.into()),
];

fn shift(token: &mut Draft, claims: &[&str], seconds: i64) {
    for claim in claims {
        token.claims[claim] = token.claims[claim].as_i64().map(|time| time + seconds).into();
    }
}

fn drop_claim(token: &mut Draft, claim: &str) {
    drop_member(&mut token.claims, claim);
}

async fn run(bench: &Bench, findings: &mut Findings) {
    asked_for(bench, findings);
    let why = match (&bench.options.signer, bench.answered().next()) {
        (None, _) => "not tried: give --issuer and --key",
        (Some(_), _) if bench.is_locked_out() => "this run's token is refused: register its issuer and key",
        (Some(_), None) => "no call of this run was answered",
        (Some(signer), Some(shown)) => {
            let mut trial = Trial { bench, signer, shown, refused: Vec::new(), findings };
            trial.good().await;
            trial.forged().await;
            trial.unsigned().await;
            trial.changed().await;
            trial.repeated().await;
            trial.other_host().await;
            trial.no_client_token().await;
            trial.likeness();
            trial.good().await;
            "no answer of this run showed it"
        }
    };
    CHECK.items.iter().for_each(|id| findings.unseen(id, why));
}

/// Whether a call without a token is refused.
fn asked_for(bench: &Bench, findings: &mut Findings) {
    match &bench.unsigned {
        Some(unsigned) if unsigned.status == 401 => findings.judge("CH-253", &unsigned.name, true, "401", ""),
        Some(_) if bench.is_local() => {
            findings.unseen("CH-253", "calls without a token are answered, as development on this machine may");
        }
        Some(unsigned) => findings.judge("CH-253", &unsigned.name, false, "401", unsigned.seen()),
        None => findings.unseen("CH-253", "the service offers nothing to call"),
    }
}

/// One service, called with one token after another.
struct Trial<'a> {
    bench: &'a Bench,
    signer: &'a Signer,
    shown: &'a Shown,
    /// Every answer to a token that should be refused.
    refused: Vec<Rc<Exchange>>,
    findings: &'a mut Findings,
}

impl Trial<'_> {
    fn audience(&self) -> String {
        self.signer.audience(&self.bench.base, &self.shown.offer.path())
    }

    async fn send(&self, what: &str, authorization: &str, more: Vec<(&str, String)>) -> Rc<Exchange> {
        let body = changed(&self.shown.call, |_| {});
        let name = format!("{}: a token with {what}", self.shown.offer.name());
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.push(("authorization", authorization.to_owned()));
        headers.extend(more);
        let body = body.to_string().into_bytes();
        self.bench.send_bare(&name, Method::POST, &self.shown.offer.path(), headers, body).await
    }

    /// Sends what has to be refused.
    async fn refuse(&mut self, id: &'static str, what: &str, authorization: &str, more: Vec<(&str, String)>) {
        let answer = self.send(what, authorization, more).await;
        self.findings.judge(id, &answer.name, answer.status == 401, "401", answer.seen());
        self.refused.push(answer);
    }

    async fn refuse_token(&mut self, id: &'static str, what: &str, token: &str) {
        self.refuse(id, what, &format!("Bearer {token}"), Vec::new()).await;
    }

    async fn good(&mut self) {
        let tokens = self.signer.tokens(&self.audience());
        for (algorithm, token) in &tokens {
            let answer = self.send(&format!("nothing wrong ({algorithm:?})"), &format!("Bearer {token}"), vec![]).await;
            // One of the two says nothing of the other.
            if answer.status != 200 || tokens.iter().any(|(other, _)| other != algorithm) {
                self.findings.judge("CH-257", &answer.name, answer.status == 200, "status 200", answer.seen());
            }
        }
        self.findings.unseen("CH-257", "only one of the two was tried: give a second --key, of the other kind");
        let mut several = self.signer.draft(&self.audience());
        several.claims["aud"] = json!([format!("https://{EVIL}"), self.audience()]);
        let token = self.signer.sign(&several);
        let answer = self.send("two audiences, one of them right", &format!("Bearer {token}"), vec![]).await;
        self.findings.judge("CH-260", &answer.name, answer.status == 200, "status 200", answer.seen());
    }

    async fn forged(&mut self) {
        let place =
            Place { signer: self.signer, foreign_keys: &self.bench.ehr.foreign_keys, fhir: &self.bench.ehr.fhir };
        self.bench.ehr.behave(Manner::Serving, self.bench.chart());
        for (id, what, forge) in FORGERIES {
            let mut token = self.signer.draft(&self.audience());
            let issuer = token.claims["iss"].clone();
            forge(&mut token, &place);
            // A service in development takes what claims no issuer that it knows for no token at all.
            if token.claims["iss"] == issuer || self.bench.asks_for_token() {
                self.refuse_token(id, what, &self.signer.sign(&token)).await;
            }
        }
        let called = self.bench.ehr.asked().iter().filter(|one| one.elsewhere).count();
        let (name, seen) = ("a token with keys at another address", format!("{called} calls"));
        self.findings.judge("CH-254", name, called == 0, "no call to an address that a token names", seen);
    }

    /// No signature, and one that anybody can make.
    async fn unsigned(&mut self) {
        for algorithm in ["none", "None", "nOnE"] {
            let mut draft = self.signer.draft(&self.audience());
            draft.header["alg"] = algorithm.into();
            let token = format!("{}.", draft.message());
            self.refuse_token("CH-255", &format!("the algorithm {algorithm}"), &token).await;
        }
        let token = format!("{}.", self.signer.draft(&self.audience()).message());
        self.refuse_token("CH-255", "its signature left out", &token).await;
        for token in self.signer.sign_with_public_key(&self.signer.draft(&self.audience())) {
            self.refuse_token("CH-256", "the public key as a secret (HS256)", &token).await;
        }
    }

    /// Claims or signature of another token.
    async fn changed(&mut self) {
        let (one, other) = (self.signer.token(&self.audience()), self.signer.token(&self.audience()));
        let (Some((message, _)), Some((others, signature))) = (one.rsplit_once('.'), other.rsplit_once('.')) else {
            return;
        };
        self.refuse_token("CH-258", "the signature of another", &format!("{message}.{signature}")).await;
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let flipped: String = std::iter::once(first).chain(signature.chars().skip(1)).collect();
        self.refuse_token("CH-258", "a changed signature", &format!("{others}.{flipped}")).await;
    }

    async fn repeated(&mut self) {
        let token = format!("Bearer {}", self.signer.token(&self.audience()));
        let first = self.send("nothing wrong, to be used again", &token, vec![]).await;
        if first.status == 200 {
            self.refuse("CH-262", "a jti that was used", &token, vec![]).await;
        }
    }

    /// The address is right by the Host header, and by nothing else.
    async fn other_host(&mut self) {
        for scheme in ["http", "https"] {
            let audience = format!("{scheme}://{EVIL}{}", self.shown.offer.path());
            let token = format!("Bearer {}", self.signer.token(&audience));
            let host = [("host", EVIL), ("x-forwarded-host", EVIL), ("x-forwarded-proto", scheme)];
            let host = host.map(|(name, value)| (name, value.to_owned())).to_vec();
            self.refuse("CH-272", &format!("the audience of a {scheme} Host header"), &token, host).await;
        }
    }

    async fn no_client_token(&mut self) {
        if self.bench.asks_for_token() {
            self.refuse_token("CH-275", "the FHIR access token in its place", ACCESS_TOKEN).await;
        }
    }

    /// Status, body and headers of every refusal, apart from what differs between any two answers.
    fn likeness(&mut self) {
        let refused: Vec<&Rc<Exchange>> = self.refused.iter().filter(|answer| answer.status == 401).collect();
        let [first, second, ..] = &*refused else { return };
        let passing = first.headers_that_differ(second);
        for answer in &refused {
            let challenged = answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer"));
            let told = if challenged { "a body or headers of its own" } else { "no WWW-Authenticate: Bearer" };
            let others = first.headers_that_differ(answer);
            let alike = answer.body == first.body && others.iter().all(|name| name == "date" || passing.contains(name));
            let good = challenged && alike && answer.body.is_empty();
            self.findings.judge("CH-265", &answer.name, good, "the same bare 401 for all", told);
        }
    }
}
