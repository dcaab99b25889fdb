//! The picture of a source: fetched once for each address, read as far as its header.

use super::{Check, answers};
use crate::conform::bench::Bench;
use crate::conform::exchange::Request;
use crate::conform::verdict::Findings;
use awc::http::Method;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    name: "icon",
    items: &["CH-164"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

async fn run(bench: &Bench, findings: &mut Findings) {
    let of = |exchange: &std::rc::Rc<crate::conform::exchange::Exchange>| {
        let icons = exchange.cards().iter().filter_map(|card| card["source"]["icon"].as_str());
        icons.map(str::to_owned).collect::<Vec<_>>()
    };
    let urls: BTreeSet<String> = answers(bench).iter().flat_map(of).collect();
    for url in urls.into_iter().filter(|url| super::card::is_absolute(url)) {
        let name = "source.icon".to_owned();
        let picture =
            bench.sender.fetch(Request { name, method: Method::GET, url, headers: vec![], body: vec![] }).await;
        let fault = match picture.status {
            200 => fault_of(&picture.body),
            _ => Some(picture.seen()),
        };
        findings.judge(
            "CH-164",
            &picture.name,
            fault.is_none(),
            "an opaque PNG, 100 by 100",
            fault.unwrap_or_default(),
        );
    }
    findings.unseen("CH-164", "no card has an icon");
}

/// What is wrong with a picture, from its header (PNG, sections 5 and 11.2.1).
fn fault_of(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let (true, Some(width), Some(height), Some(colour)) =
        (bytes.starts_with(SIGNATURE), number(16), number(20), bytes.get(25))
    else {
        return Some("no PNG".to_owned());
    };
    let transparent = matches!(colour, 4 | 6) || bytes.windows(4).any(|chunk| chunk == b"tRNS");
    if (width, height) != (100, 100) {
        Some(format!("{width} by {height}"))
    } else {
        transparent.then(|| "a PNG with transparency".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, colour: u8) -> Vec<u8> {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        [SIGNATURE, &b"\0\0\0\rIHDR"[..], &size[..], &[8, colour, 0, 0, 0][..]].concat()
    }

    #[test]
    fn the_header_tells_size_and_transparency() {
        assert_eq!(fault_of(&png(100, 100, 2)), None);
        assert_eq!(fault_of(&png(64, 100, 2)).as_deref(), Some("64 by 100"));
        assert_eq!(fault_of(&png(100, 100, 6)).as_deref(), Some("a PNG with transparency"));
        assert_eq!(fault_of(b"GIF89a").as_deref(), Some("no PNG"));
    }
}
