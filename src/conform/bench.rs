//! The bench that a service stands on during a run: its address, the client, the mock EHR, what discovery said, and
//! the good calls that every later request is compared with.

use super::call::{Offer, call, fresh};
use super::chart::Chart;
use super::exchange::{Exchange, Request, Sender};
use super::mock_ehr::MockEhr;
use super::{Agreement, Options};
use awc::http::Method;
use serde_json::Value;
use std::rc::Rc;

/// The access token of every call that carries one; looked for in everything that is answered.
pub(crate) const ACCESS_TOKEN: &str = "conform-access-7f3b1d52c9";
/// Somebody with the same chart.
const ANOTHER: &str = "conform-another";

const LIST: &str = "/cds-services";

/// A good call and its answer.
pub(crate) struct Shown {
    pub offer: Offer,
    pub call: Value,
    pub exchange: Rc<Exchange>,
}

pub(crate) struct Bench {
    /// Without a final slash and without `/cds-services`.
    pub base: String,
    pub options: Options,
    pub sender: Sender,
    pub ehr: MockEhr,
    /// What everybody sees of the discovery document.
    pub open_discovery: Rc<Exchange>,
    /// The same with our token, where everybody is refused.
    pub discovery: Rc<Exchange>,
    pub offers: Vec<Offer>,
    /// For each offer: a call, the same again, the same under a new name, and of another patient.
    pub shown: Vec<Shown>,
    /// A good call without a token.
    pub unsigned: Option<Rc<Exchange>>,
}

impl Bench {
    /// Discovers the services.
    pub async fn discover(base: String, options: Options, sender: Sender, ehr: MockEhr) -> Self {
        let open_discovery = read_list(&base, &sender, vec![]).await;
        let discovery = match &options.signer {
            Some(signer) if open_discovery.status == 401 => {
                let token = signer.token(&signer.audience(&base, LIST));
                read_list(&base, &sender, vec![("authorization", format!("Bearer {token}"))]).await
            }
            _ => open_discovery.clone(),
        };
        let services = discovery.json().and_then(|body| body["services"].as_array()).cloned().unwrap_or_default();
        let offers = services.iter().filter_map(offer).collect();
        let (shown, unsigned) = (Vec::new(), None);
        Self { base, options, sender, ehr, open_discovery, discovery, offers, shown, unsigned }
    }

    /// Makes the good calls of every service.
    pub async fn show(&mut self) {
        self.unsigned = self.call_unsigned().await;
        for offer in self.offers.clone() {
            let first = call(&offer, self.chart());
            let mut anew = first.clone();
            anew["hookInstance"] = fresh().into();
            let another = call(&offer, &self.chart().of_another(ANOTHER));
            let calls = [("", first.clone()), (", again", first), (", anew", anew), (", another patient", another)];
            for (which, call) in calls {
                let exchange = self.call(&format!("good call{which}"), &offer, &call).await;
                self.shown.push(Shown { offer: offer.clone(), call, exchange });
            }
        }
    }

    pub fn chart(&self) -> &Chart {
        &self.options.chart
    }

    pub fn agreed(&self, agreement: Agreement) -> bool {
        self.options.agreed.contains(&agreement)
    }

    async fn call_unsigned(&self) -> Option<Rc<Exchange>> {
        let offer = self.offers.first()?;
        let headers = vec![("content-type", "application/json".to_owned())];
        let (name, body) = (format!("{}: a call without a token", offer.name()), call(offer, self.chart()));
        Some(self.send_bare(&name, Method::POST, &offer.path(), headers, body.to_string().into_bytes()).await)
    }

    /// A call without a token is refused.
    pub fn asks_for_token(&self) -> bool {
        self.unsigned.as_ref().is_some_and(|unsigned| unsigned.status == 401)
    }

    /// Nobody answers our calls, since we have no token or an unknown one.
    pub fn is_locked_out(&self) -> bool {
        self.shown.iter().any(|shown| shown.exchange.status == 401)
    }

    /// The first good call of each service that was answered.
    pub fn answered(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter().step_by(4).filter(|shown| shown.exchange.status == 200)
    }

    /// The service runs on this machine, so that it can reach the mock EHR.
    pub fn is_local(&self) -> bool {
        let host = self.base.split_once("://").map_or(&*self.base, |(_, rest)| rest);
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
    }

    /// Sends a hook call.
    pub async fn call(&self, what: &str, offer: &Offer, call: &Value) -> Rc<Exchange> {
        self.post(&format!("{}: {what}", offer.name()), &offer.path(), call).await
    }

    /// Posts JSON.
    pub async fn post(&self, name: &str, path: &str, body: &Value) -> Rc<Exchange> {
        let headers = vec![("content-type", "application/json".to_owned())];
        self.send(name, Method::POST, path, headers, body.to_string().into_bytes()).await
    }

    /// Sends anything, with a token of its own where the run signs. Preflights carry none.
    pub async fn send(
        &self,
        name: &str,
        method: Method,
        path: &str,
        mut headers: Vec<(&str, String)>,
        body: Vec<u8>,
    ) -> Rc<Exchange> {
        if let Some(signer) = self.options.signer.as_ref().filter(|_| method != Method::OPTIONS) {
            headers.push(("authorization", format!("Bearer {}", signer.token(&signer.audience(&self.base, path)))));
        }
        self.send_bare(name, method, path, headers, body).await
    }

    /// Sends anything as it is.
    pub async fn send_bare(
        &self,
        name: &str,
        method: Method,
        path: &str,
        headers: Vec<(&str, String)>,
        body: Vec<u8>,
    ) -> Rc<Exchange> {
        let url = format!("{}{path}", self.base);
        self.sender.send(Request { name: name.to_owned(), method, url, headers, body }).await
    }
}

async fn read_list(base: &str, sender: &Sender, headers: Vec<(&str, String)>) -> Rc<Exchange> {
    let (name, url) = ("discovery".to_owned(), format!("{base}{LIST}"));
    sender.send(Request { name, method: Method::GET, url, headers, body: vec![] }).await
}

fn offer(entry: &Value) -> Option<Offer> {
    let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let templates = entry["prefetch"].as_object().into_iter().flatten();
    let templates = templates.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some(Offer { id: text("id")?, hook: text("hook")?, templates: templates.collect() })
}
