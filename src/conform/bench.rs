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
    pub discovery: Rc<Exchange>,
    pub offers: Vec<Offer>,
    /// For each offer: a call, the same again, the same under a new name, and of another patient.
    pub shown: Vec<Shown>,
}

impl Bench {
    /// Discovers the services.
    pub async fn discover(base: String, options: Options, sender: Sender, ehr: MockEhr) -> Self {
        let (name, url) = ("discovery".to_owned(), format!("{base}/cds-services"));
        let discovery = sender.send(Request { name, method: Method::GET, url, headers: vec![], body: vec![] }).await;
        let services = discovery.json().and_then(|body| body["services"].as_array()).cloned().unwrap_or_default();
        let offers = services.iter().filter_map(offer).collect();
        Self { base, options, sender, ehr, discovery, offers, shown: Vec::new() }
    }

    /// Makes the good calls of every service.
    pub async fn show(&mut self) {
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

    /// Nobody answers our calls, since we have no token.
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
        self.post(&format!("{}: {what}", offer.name()), &format!("/cds-services/{}", offer.id), call).await
    }

    /// Posts JSON.
    pub async fn post(&self, name: &str, path: &str, body: &Value) -> Rc<Exchange> {
        let headers = vec![("content-type", "application/json".to_owned())];
        self.send(name, Method::POST, path, headers, body.to_string().into_bytes()).await
    }

    /// Sends anything.
    pub async fn send(
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

fn offer(entry: &Value) -> Option<Offer> {
    let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let templates = entry["prefetch"].as_object().into_iter().flatten();
    let templates = templates.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some(Offer { id: text("id")?, hook: text("hook")?, templates: templates.collect() })
}
