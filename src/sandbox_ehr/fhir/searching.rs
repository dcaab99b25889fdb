//! Searches over HTTP, page by page: whose charts are searched, what a page brings along, and the way to the next. Within one
//! patient, or over the list of patients.

use super::super::SandboxEhr;
use super::super::chart::{Chart, Resource};
use super::super::search::{Matches, Query, Record, Unsearchable, is_id, number, search};
use super::super::searchset::{LARGEST_PAGE, Link, OPAQUE, Searchset, meant_by};
use super::access::{Caller, Reach, insufficient};
use super::format::is_json;
use super::{Ehr, fhir, outcome};
use crate::trust::{Interaction, Level};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::Arc;
use url::form_urlencoded;

/// `GET Type?name=value`
pub async fn by_address(ehr: Ehr, resource_type: web::Path<String>, request: HttpRequest) -> HttpResponse {
    answer(&ehr, &request, &resource_type, request.query_string())
}

/// `POST Type/_search`: parameters in the body, in the address, or in both.
pub async fn by_form(ehr: Ehr, resource_type: web::Path<String>, request: HttpRequest, form: String) -> HttpResponse {
    let parameters = format!("{}&{form}", request.query_string());
    answer(&ehr, &request, &resource_type, &parameters)
}

/// A page that an opaque link led to.
pub async fn further(ehr: Ehr, request: HttpRequest) -> HttpResponse {
    let parameters = form_urlencoded::parse(request.query_string().as_bytes());
    let (named, paging): (Vec<_>, Vec<_>) = parameters.partition(|(name, _)| name == OPAQUE);
    let search = named.first().and_then(|(_, name)| meant_by(name));
    let Some((resource_type, rest)) = search.as_deref().and_then(|search| search.split_once('?')) else {
        return invalid("there is no such page");
    };
    let paging = form_urlencoded::Serializer::new(String::new()).extend_pairs(paging).finish();
    answer(&ehr, &request, resource_type, &format!("{rest}&{paging}"))
}

fn answer(ehr: &SandboxEhr, request: &HttpRequest, resource_type: &str, parameters: &str) -> HttpResponse {
    answered(ehr, request, resource_type, parameters).unwrap_or_else(|refusal| *refusal)
}

fn answered(
    ehr: &SandboxEhr,
    request: &HttpRequest,
    resource_type: &str,
    parameters: &str,
) -> Result<HttpResponse, Box<HttpResponse>> {
    let caller = Caller::of(ehr, request)?;
    let reach = caller.must_reach(resource_type, Interaction::Search)?;
    let switches = ehr.desk().switches.clone();
    let server = switches.fhir_base(&ehr.page_base);
    let page = switches.page_size.unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
    let asked = Asked::read(parameters, page, &server).map_err(refused)?;
    let charts = charts(ehr, &asked, &reach, resource_type)?;
    let query = Query::search(resource_type, asked.parameters.clone())
        .ok_or_else(|| Box::new(invalid("there is no such type of resource")))?;
    let signed: Vec<_> = charts.iter().map(|chart| ehr.desk().basket(&chart.id).signed).collect();
    let records: Vec<Record> = charts.iter().zip(&signed).map(|(chart, signed)| record(chart, signed)).collect();
    let matches = search(&query, &records).map_err(refused)?;
    let first = asked.before.saturating_mul(asked.count).min(matches.all.len());
    let on_page = &matches.all[first..(first + asked.count).min(matches.all.len())];
    let along = along(&caller, &matches, on_page, &records);
    let links =
        asked.links(&server, &query, matches.all.len(), if switches.getpages { Link::opaque } else { Link::to });
    let page = Searchset::new(&server, matches.all.len(), on_page, &along, links);
    Ok(fhir(serde_json::to_string(&page).unwrap_or_default()))
}

fn record<'a>(chart: &'a Chart, signed: &'a [Arc<Resource>]) -> Record<'a> {
    Record { chart, beside: signed, until: None }
}

/// What the matches of a page bring along, each by leave to read its own type.
fn along<'a>(caller: &Caller, matches: &Matches, page: &[&Resource], records: &[Record<'a>]) -> Vec<&'a Resource> {
    let reach = caller.reach("Medication", Interaction::Read).filter(|_| matches.with_medications);
    let Some(reach) = reach else { return Vec::new() };
    let within = records.iter().filter(|record| reach.holds(&record.chart.id));
    within.flat_map(|record| record.medications_of(page)).collect()
}

/// The charts that are searched.
fn charts<'a>(
    ehr: &'a SandboxEhr,
    asked: &Asked,
    reach: &Reach,
    resource_type: &str,
) -> Result<Vec<&'a Chart>, Box<HttpResponse>> {
    if asked.patients.iter().any(|patient| !reach.holds(patient)) {
        let text = "the token is for another patient";
        return Err(Box::new(insufficient(text, Level::User, resource_type, Interaction::Search)));
    }
    match asked.patients.first() {
        // Of several no resource can be: the search finds nothing.
        Some(patient) => Ok(ehr.chart(patient).into_iter().collect()),
        None if resource_type == "Patient" => Ok(ehr.charts.iter().filter(|chart| reach.holds(&chart.id)).collect()),
        None => Err(Box::new(invalid(
            "searches are within one patient: `patient=ID`; patients are found by `_id` or all together",
        ))),
    }
}

/// A search, taken apart.
struct Asked {
    /// By each parameter that names one.
    patients: Vec<String>,
    count: usize,
    /// Pages before this one.
    before: usize,
    /// Everything but the paging.
    parameters: Vec<(String, String)>,
}

impl Asked {
    /// `page`: entries of a page where nothing else is asked for.
    fn read(query: &str, page: usize, server: &str) -> Result<Self, Unsearchable> {
        let mut asked = Self { patients: Vec::new(), count: page, before: 0, parameters: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "_count" => asked.count = number(&name, &value)?.min(LARGEST_PAGE),
                "_page" => asked.before = number(&name, &value)?,
                "_format" if is_json(&value) => {}
                "_format" => return Err(Unsearchable::value(&name, "`json`")),
                "patient" | "subject" => {
                    let own = value.strip_prefix(server).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&value);
                    let id = own.strip_prefix("Patient/").unwrap_or(own);
                    if !is_id(id) {
                        let takes = "one patient of this server: `ID`, `Patient/ID` or the patient's address here";
                        return Err(Unsearchable::value(&name, takes));
                    }
                    asked.patients.push(id.to_owned());
                    asked.parameters.push((name.into_owned(), id.to_owned()));
                }
                _ => asked.parameters.push((name.into_owned(), value.into_owned())),
            }
        }
        Ok(asked)
    }

    /// To this page, and to the next where there is one.
    fn links(&self, server: &str, query: &Query, total: usize, way: Way) -> Vec<Link> {
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        let search = format!("{}?{}", query.resource_type, parameters.extend_pairs(&self.parameters).finish());
        let mut links = vec![Link::to("self", server, &search, (self.before, self.count))];
        let until = self.before.saturating_add(1).saturating_mul(self.count);
        if self.count > 0 && until < total {
            links.push(way("next", server, &search, (self.before + 1, self.count)));
        }
        links
    }
}

/// How the way to another page is written.
type Way = fn(&'static str, &str, &str, (usize, usize)) -> Link;

fn invalid(text: &str) -> HttpResponse {
    outcome(StatusCode::BAD_REQUEST, "invalid", text)
}

fn refused(why: Unsearchable) -> Box<HttpResponse> {
    let code = match &why {
        Unsearchable::Parameter { .. } => "not-supported",
        Unsearchable::Value { .. } => "invalid",
    };
    Box::new(outcome(StatusCode::BAD_REQUEST, code, &why.to_string()))
}
