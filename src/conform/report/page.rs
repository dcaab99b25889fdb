//! The report for people: a line with a bar for each area, below it what failed and what was not seen.

use super::super::items::areas;
use super::{Judged, Report, Totals};
use crate::conform::Verdict;
use std::fmt::Write;

const BAR: usize = 20;

/// The report as text. `verbose` lists what passed and what is inside as well.
pub fn terminal(report: &Report, verbose: bool) -> String {
    let mut page = format!("CDS Hooks conformance of {}\n", report.target);
    let services = if report.services.is_empty() { "none".to_owned() } else { report.services.join(", ") };
    let _never_fails = writeln!(page, "services: {services}");
    let items: Vec<_> = report.items.iter().map(|judged| judged.item.clone()).collect();
    for area in areas(&items) {
        let judged: Vec<&Judged> = report.items.iter().filter(|judged| judged.item.area == area).collect();
        let totals = Totals::of(judged.iter().copied());
        let _never_fails = writeln!(page, "\n{area:<12} {}  {}", bar(totals), counts(totals));
        judged.iter().for_each(|judged| page += &lines(judged, verbose));
        if !verbose {
            page += &unseen(&judged);
        }
    }
    let totals = report.totals;
    let _never_fails = writeln!(page, "\n{:<12} {}  {}", "all", bar(totals), counts(totals));
    page += &match totals.failed_shall {
        0 => "no SHALL failed\n".to_owned(),
        failed => format!("{failed} SHALL failed: {}\n", report.failed(super::Level::Shall).join(", ")),
    };
    if !verbose {
        page += "--verbose lists every item with its words\n";
    }
    page
}

fn counts(totals: Totals) -> String {
    let Totals { passed, failed, not_seen, inside_only, .. } = totals;
    format!("{passed} passed, {failed} failed, {not_seen} not seen, {inside_only} inside only")
}

/// Passed, failed, the rest.
fn bar(totals: Totals) -> String {
    let all = (totals.passed + totals.failed + totals.not_seen + totals.inside_only).max(1);
    let share = |part: usize| (part * BAR).div_ceil(all);
    let failed = share(totals.failed);
    let passed = (totals.passed * BAR / all).min(BAR - failed);
    format!("{}{}{}", "█".repeat(passed), "▒".repeat(failed), "·".repeat(BAR - passed - failed))
}

/// Ids that were not seen, one line a reason.
fn unseen(judged: &[&Judged]) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in judged {
        let Verdict::NotSeen { why } = &one.verdict else { continue };
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, ids)) => ids.push(&*one.item.id),
            None => reasons.push((&**why, vec![&*one.item.id])),
        }
    }
    reasons.iter().map(|(why, ids)| format!("  not seen {}: {why}\n", ids.join(", "))).collect()
}

fn lines(judged: &Judged, verbose: bool) -> String {
    let (item, level) = (&judged.item, judged.item.level.as_str());
    let line = |word: &str| format!("  {word:<8} {} {level:<6} {}\n", item.id, item.requirement);
    match &judged.verdict {
        Verdict::Passed { .. } if verbose => line("passed"),
        Verdict::Failed { times, failures } => {
            let mut text = line("FAILED");
            for failure in failures {
                text += &format!("           {}\n", failure.request);
                text += &format!("             expected {}; seen: {}\n", failure.expected, failure.seen);
            }
            if *times > failures.len() {
                text += &format!("           {times} times in all\n");
            }
            text
        }
        Verdict::NotSeen { why } if verbose => line("not seen") + &format!("           {why}\n"),
        Verdict::InsideOnly { why } if verbose => line("inside") + &format!("           {why}\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_always_as_wide_and_shows_the_smallest_failure() {
        for (passed, failed, not_seen) in [(0, 0, 0), (1, 0, 0), (99, 1, 0), (0, 3, 1), (5, 5, 5)] {
            let drawn = bar(Totals { passed, failed, not_seen, ..Totals::default() });
            assert_eq!(drawn.chars().count(), BAR, "{drawn}");
            assert_eq!(drawn.contains('▒'), failed > 0, "{drawn}");
        }
    }
}
