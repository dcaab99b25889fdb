//! The report for machines. In JUnit a SHALL that failed is a failure, everything else that did not pass is skipped
//! with its reason, so that a build turns red for what the exit code says and nothing else.

use super::super::items::{Level, areas};
use super::{Judged, Report, Totals};
use crate::conform::verdict::{Failure, Verdict};

/// The report as JSON.
pub fn json(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report)
}

/// The report as JUnit XML, one suite for each area.
pub fn junit(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let totals = report.totals;
    xml += &format!(
        "<testsuites name=\"CDS Hooks conformance of {}\" tests=\"{}\" failures=\"{}\">\n",
        escaped(&report.target),
        report.items.len(),
        totals.failed_shall
    );
    let items: Vec<_> = report.items.iter().map(|judged| judged.item.clone()).collect();
    for area in areas(&items) {
        let judged: Vec<&Judged> = report.items.iter().filter(|judged| judged.item.area == area).collect();
        let totals = Totals::of(judged.iter().copied());
        let skipped = judged.len() - totals.passed - totals.failed_shall;
        xml += &format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{skipped}\">\n",
            escaped(area),
            judged.len(),
            totals.failed_shall
        );
        judged.into_iter().for_each(|judged| xml += &case(judged));
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}

fn case(judged: &Judged) -> String {
    let Judged { item, verdict } = judged;
    let name = escaped(&format!("{} {}: {}", item.id, item.level.as_str(), item.requirement));
    let open = format!("    <testcase classname=\"{}\" name=\"{name}\"", escaped(&item.area));
    let with = |element: &str, message: &str, text: &str| {
        let (message, text) = (escaped(message), escaped(text));
        format!("{open}>\n      <{element} message=\"{message}\">{text}</{element}>\n    </testcase>\n")
    };
    match verdict {
        Verdict::Passed { .. } => format!("{open}/>\n"),
        Verdict::Failed { times, failures } => {
            let element = if item.level == Level::Shall { "failure" } else { "skipped" };
            with(element, &format!("not met by {times} requests"), &evidence(failures))
        }
        Verdict::NotSeen { why } => with("skipped", "not seen", why),
        Verdict::InsideOnly { why } => with("skipped", "inside only", why),
    }
}

fn evidence(failures: &[Failure]) -> String {
    let line = |one: &Failure| format!("{}: expected {}; seen: {}\n", one.request, one.expected, one.seen);
    failures.iter().map(line).collect()
}

/// Text as XML wants it; characters that XML cannot hold become a blank.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_service_cannot_leave_its_attribute() {
        assert_eq!(escaped("a\"><b>&\u{1}"), "a&quot;&gt;&lt;b&gt;&amp; ");
    }
}
