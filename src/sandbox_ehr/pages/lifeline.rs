//! A life at one look: what was recorded when, as lanes of a small picture.

use super::super::chart::Chart;
use super::super::facts::without_tag;
use super::super::summary;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// Columns that a lane is divided into.
const COLUMNS: usize = 160;
const LANES: [(&str, &[&str]); 4] = [
    ("Visits", &["Encounter"]),
    ("Results", &["Observation", "DiagnosticReport"]),
    ("Medicines", &["MedicationRequest", "Immunization"]),
    ("Procedures", &["Procedure", "ImagingStudy"]),
];
const LANE_HEIGHT: usize = 22;
/// Problems drawn as bars below the lanes: the longest-standing.
const BARS: usize = 6;

/// The span that is drawn, birth to now or death.
struct Span {
    birth: i64,
    end: i64,
}

impl Span {
    fn percent(&self, at: i64) -> f64 {
        100.0 * (at - self.birth).clamp(0, self.end - self.birth) as f64 / (self.end - self.birth) as f64
    }
}

/// The picture; nothing where the birth date is not known. `as_of` marks a moment in the past.
pub fn lifeline(chart: &Chart, now: Timestamp, as_of: Option<Timestamp>) -> Option<Markup> {
    let midnight = |day: jiff::civil::Date| day.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_second());
    let birth = midnight(chart.birth?)?;
    let end = chart.deceased.and_then(midnight).unwrap_or(now.as_second()).max(birth + 1);
    let span = Span { birth, end };
    let problems = summary::problems(chart, as_of.unwrap_or(now));
    let bars = &problems[..problems.len().min(BARS)];
    let height = (LANES.len() + bars.len()) * LANE_HEIGHT + 26;
    Some(html! {
        figure .lifeline {
            div .lane-names aria-hidden="true" {
                @for (name, _) in LANES { span { (name) } }
                @if !bars.is_empty() { span { "Problems" } }
            }
            svg width="100%" height=(height) role="img" aria-label=(described(chart, &problems)) {
                (axis(&span, height))
                @for (place, (_, types)) in LANES.iter().enumerate() { (lane(chart, &span, types, place * LANE_HEIGHT)) }
                @for (place, problem) in bars.iter().enumerate() {
                    (bar(&span, problem, (LANES.len() + place) * LANE_HEIGHT))
                }
                @if let Some(as_of) = as_of {
                    @let at = percent(span.percent(as_of.as_second()));
                    line .as-of x1=(at) x2=(at) y1="0" y2=(height - 18) {}
                }
            }
        }
    })
}

fn described(chart: &Chart, problems: &[summary::Lasting]) -> String {
    let count =
        |types: &[&str]| chart.resources.iter().filter(|resource| types.contains(&&*resource.resource_type)).count();
    let counts: Vec<String> =
        LANES.iter().map(|(name, types)| format!("{} {}", count(types), name.to_lowercase())).collect();
    format!("The record from birth on: {}; {} active problems.", counts.join(", "), problems.len())
}

fn axis(span: &Span, height: usize) -> Markup {
    const YEAR: i64 = 31_556_952;
    let years = (span.end - span.birth) / YEAR;
    let step = if years > 45 {
        10
    } else if years > 12 {
        5
    } else {
        1
    };
    html! {
        @for age in (0..=years).step_by(step) {
            @let at = span.percent(span.birth + age * YEAR);
            line .tick x1=(percent(at)) x2=(percent(at)) y1="0" y2=(height - 18) {}
            @let anchor = if at < 3.0 { "start" } else if at > 96.0 { "end" } else { "middle" };
            text .age x=(percent(at)) y=(height - 4) text-anchor=(anchor) { (age) }
        }
    }
}

fn lane(chart: &Chart, span: &Span, types: &[&str], top: usize) -> Markup {
    let mut columns = [0usize; COLUMNS];
    for resource in chart.resources.iter().filter(|resource| types.contains(&&*resource.resource_type)) {
        let Some(start) = resource.facts.start else { continue };
        let column = (span.percent(start.as_second()) / 100.0 * COLUMNS as f64) as usize;
        if let Some(count) = columns.get_mut(column.min(COLUMNS - 1)) {
            *count += 1;
        }
    }
    let most = columns.iter().copied().max().unwrap_or_default().max(1) as f64;
    let tallest = (LANE_HEIGHT - 4) as f64;
    html! {
        @for (column, count) in columns.iter().enumerate().filter(|(_, count)| **count > 0) {
            // The square root keeps a single visit visible beside a hospital stay.
            @let height = (tallest * (*count as f64 / most).sqrt()).max(3.0);
            rect .mark
                x=(percent(column as f64 * 100.0 / COLUMNS as f64)) width=(percent(72.0 / COLUMNS as f64))
                y=(format!("{:.1}", top as f64 + 2.0 + tallest - height)) height=(format!("{height:.1}")) rx="1" {}
        }
    }
}

fn bar(span: &Span, problem: &summary::Lasting, top: usize) -> Markup {
    let start = problem.since.map_or(0.0, |since| span.percent(since.as_second()));
    let (x, anchor) = if start < 55.0 { (start, "start") } else { (99.5, "end") };
    html! {
        rect .problem x=(percent(start)) width=(percent((100.0 - start).max(0.4))) y=(top + 14) height="5" rx="2" {}
        text .problem-name x=(percent(x)) y=(top + 11) text-anchor=(anchor) { (without_tag(problem.title)) }
    }
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
}
