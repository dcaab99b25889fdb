//! Whether data travels over TLS.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::exchange::Request;
use crate::conform::verdict::Findings;
use awc::http::Method;

pub(super) const CHECK: Check = Check {
    name: "transport",
    items: &["CH-002"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const ID: &str = "CH-002";

async fn run(bench: &Bench, findings: &mut Findings) {
    let Some(rest) = bench.base.strip_prefix("https://") else {
        match bench.is_local() {
            true => findings.unseen(ID, "a call on this machine needs no TLS; run against the https address"),
            false => findings.judge(ID, "discovery", false, "an https address", "services over plain HTTP"),
        }
        return;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
    let url = format!("http://{host}/{path}").trim_end_matches('/').to_owned() + "/cds-services";
    let name = "discovery without TLS".to_owned();
    let plain = bench.sender.send(Request { name, method: Method::GET, url, headers: vec![], body: vec![] }).await;
    let tells = plain.json().is_some_and(|body| body.get("services").is_some());
    findings.judge(ID, &plain.name, !tells, "no services", "services over plain HTTP");
}
