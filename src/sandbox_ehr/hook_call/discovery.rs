//! The discovery document, read leniently: an entry that is none is a problem of its own and hinders no other.

use super::send::{Outgoing, send};
use super::{CallError, CdsServer};
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::twin::{Direction, Discovery, Switches};
use awc::Client;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// One entry of the discovery document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    pub id: String,
    pub hook: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Key to template, in the order of the document: a key may use those before it.
    #[serde(
        default,
        deserialize_with = "in_order",
        serialize_with = "as_object",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub prefetch: Vec<(String, String)>,
    /// Of an advisory that was typed in: its own address, where that is another than `cds-services/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    services: Vec<Value>,
}

/// The services of a server, and what is wrong with entries that are none.
pub async fn discover(
    ehr: &SandboxEhr,
    client: &Client,
    server: &CdsServer,
    switches: &Switches,
) -> Result<(Vec<Service>, Vec<String>), CallError> {
    if switches.discovery == Discovery::TypedIn {
        let typed = ehr.desk().advisories.clone();
        let typed: Vec<Service> =
            typed.into_iter().filter(|(base, _)| *base == server.base).map(|(_, service)| service).collect();
        if !typed.is_empty() {
            return Ok((typed, Vec::new()));
        }
    }
    let (services, problems) = list(ehr, client, server, switches).await?;
    if switches.discovery == Discovery::TypedIn {
        ehr.desk().advisories.extend(services.iter().map(|one| (server.base.clone(), one.clone())));
    }
    Ok((services, problems))
}

/// The discovery document as it is now.
pub async fn list(
    ehr: &SandboxEhr,
    client: &Client,
    server: &CdsServer,
    switches: &Switches,
) -> Result<(Vec<Service>, Vec<String>), CallError> {
    let url = server.list_url(switches);
    let outgoing = Outgoing {
        kind: Direction::Discovery,
        url: url.clone(),
        body: None,
        about: Default::default(),
        switches,
        expired: false,
        signs: switches.signs_discovery,
    };
    let (number, answer) = send(ehr, client, outgoing).await;
    let document: Document = answer?.accepted(&url)?;
    let (mut services, mut problems) = (Vec::<Service>::new(), Vec::new());
    for entry in document.services {
        match serde_json::from_value::<Service>(entry) {
            // A list says what its own server serves; no entry leads to another address.
            Ok(service) => services.push(Service { url: None, ..service }),
            Err(why) => problems.push(format!("an entry of {url} is no service: {why}")),
        }
    }
    if switches.last_entry_of_id {
        let all = services.clone();
        let is_last = |place: usize, id: &str| all[place + 1..].iter().all(|later| later.id != *id);
        services = all
            .iter()
            .enumerate()
            .filter(|(place, one)| is_last(*place, &one.id))
            .map(|(_, one)| one.clone())
            .collect();
    }
    ehr.journal.add_problems(number, &problems);
    Ok((services, problems))
}

/// Templates that are no strings are none.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let members = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    let text = |value: Value| value.as_str().map(str::to_owned);
    Ok(members.into_iter().filter_map(|(key, value)| Some((key, text(value)?))).collect())
}

fn as_object<S: Serializer>(prefetch: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(prefetch.iter().map(|(key, template)| (key, template)))
}
