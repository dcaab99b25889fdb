//! Chart texts that try to become links and HTML.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::call::call;
use crate::conform::verdict::Findings;
use pulldown_cmark::{Event, Parser, Tag};

pub(super) const CHECK: Check = Check {
    name: "markup",
    items: &["CH-179"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const WORD: &str = "zqconform";
const ATTACK: &str = " [zqconform](javascript:zqconform) <img src=x onerror=zqconform>";

async fn run(bench: &Bench, findings: &mut Findings) {
    let hostile = bench.chart().with_words(ATTACK);
    for offer in &bench.offers {
        let answer = bench.call("a chart with markup in its texts", offer, &call(offer, &hostile)).await;
        let details: Vec<&str> = answer.cards().iter().filter_map(|card| card["detail"].as_str()).collect();
        let shows = details.iter().any(|detail| detail.contains(WORD));
        if shows {
            let acts = details.iter().any(|detail| acts(detail));
            findings.judge("CH-179", &answer.name, !acts, "the text as it stands", "a link or HTML from the chart");
        }
    }
    findings.unseen("CH-179", "no card shows text of the chart");
}

/// Whether the planted words became a link, a picture or HTML.
fn acts(detail: &str) -> bool {
    Parser::new(detail).any(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => html.contains(WORD),
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => dest_url.contains(WORD),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_acts_and_escaped_markup_does_not() {
        assert!(acts("[zqconform](javascript:zqconform)"));
        assert!(acts("x <img src=x onerror=zqconform>"));
        assert!(!acts(r"\[zqconform\](javascript:zqconform) \<img src=x onerror=zqconform>"));
        assert!(!acts("nothing"));
    }
}
