//! One patient's chart in short, and the button that opens it.

use super::super::chart::Chart;
use super::super::decisions::Decision;
use super::super::summary::{self, Lasting, Measured};
use super::decision_support::past_decision;
use super::frame::frame;
use super::lifeline::lifeline;
use super::workflow::workflows;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// When the chart is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub now: Timestamp,
    /// A day in the past, which ends at midnight UTC.
    pub as_of: Option<Date>,
}

impl Opening {
    /// The last second that may be known.
    pub fn moment(&self) -> Timestamp {
        let end = self.as_of.and_then(|day| day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).ok());
        end.map_or(self.now, |end| end.timestamp())
    }
}

/// The chart; `answer` is what decision support said, once the chart was opened.
pub fn chart(chart: &Chart, opening: Opening, decisions: &[Decision], answer: Option<&Markup>) -> Markup {
    frame(
        &chart.name,
        &html! {
            nav .crumbs { a href="/" { "Patients" } " / " span aria-current="page" { (chart.name) } }
            (patient_banner(chart, opening))
            (workflows(&chart.id, None))
            div .columns {
                section .decision-support aria-labelledby="cds" {
                    div .panel-head {
                        h2 #cds { "Decision support" }
                        (open_form(chart, opening))
                    }
                    div #answer aria-live="polite" {
                        @match answer {
                            Some(answer) => { (answer) }
                            None => p .empty {
                                "Opening the chart sends it to the server as a real " code { "patient-view" }
                                " call. What the server says appears here."
                            }
                        }
                    }
                    @if !decisions.is_empty() {
                        h3 { "Decided earlier on this page" }
                        ul .decided { @for decision in decisions { li { (past_decision(decision)) } } }
                    }
                }
                div .chart {
                    section .panel aria-labelledby="life" {
                        div .panel-head {
                            h2 #life { "The record by age" }
                            a .button href={ "/patients/" (chart.id) "/time-machine" } { "Time machine" }
                        }
                        @match lifeline(chart, opening.now, opening.as_of.map(|_| opening.moment())) {
                            Some(picture) => (picture),
                            None => p .quiet { "The birth date is not known." },
                        }
                    }
                    (facts(chart, opening))
                    (time_machine(chart, opening))
                }
            }
        },
    )
}

/// Who the patient is.
pub fn patient_banner(chart: &Chart, opening: Opening) -> Markup {
    let today = opening.moment().to_zoned(TimeZone::UTC).date();
    let (visits, last) = summary::visits(chart, opening.moment());
    html! {
        section .patient {
            div .initials aria-hidden="true" { (initials(&chart.name)) }
            div {
                h1 { (chart.name) }
                p {
                    @if let Some(age) = chart.age_on(today) { (age) " years · " }
                    (chart.sex)
                    @if let Some(birth) = chart.birth { " · born " (birth) }
                    @if let Some(death) = chart.deceased { " · " strong { "died " (death) } }
                }
                p .quiet {
                    (visits) " visits"
                    @if let Some(last) = last { ", last on " (day(last)) }
                    " · " (chart.resources.len()) " resources · id " code { (chart.id) }
                }
            }
            @if let Some(as_of) = opening.as_of { p .as-of-note { "seen at the end of " strong { (as_of) } } }
        }
    }
}

fn open_form(chart: &Chart, opening: Opening) -> Markup {
    html! {
        form method="post" action={ "/patients/" (chart.id) "/open" } data-into="#answer" {
            @if let Some(as_of) = opening.as_of { input type="hidden" name="as-of" value=(as_of); }
            label .read-back {
                input type="checkbox" name="read-back" value="on";
                " without prefetch: the server reads the chart back"
            }
            button .primary type="submit" { "Open chart" }
        }
    }
}

fn time_machine(chart: &Chart, opening: Opening) -> Markup {
    html! {
        section .panel aria-labelledby="past" {
            h2 #past { "Open it in the past" }
            p .quiet { "Nothing known after the end of that day is read, neither here nor by the server. For development only." }
            form .as-of-form method="get" action={ "/patients/" (chart.id) } {
                label for="as-of" { "Day" }
                input #as-of type="date" name="as-of" value=[opening.as_of] min=[chart.birth] max=(opening.now.to_zoned(TimeZone::UTC).date());
                button type="submit" { "Go there" }
                @if opening.as_of.is_some() { a .button href={ "/patients/" (chart.id) } { "Back to today" } }
            }
        }
    }
}

fn facts(chart: &Chart, opening: Opening) -> Markup {
    let moment = opening.moment();
    html! {
        section .panel aria-labelledby="results" {
            h2 #results { "Latest results" }
            (measurements(&summary::measurements(chart, moment)))
        }
        div .pair {
            section .panel aria-labelledby="problems" {
                h2 #problems { "Problems" }
                (lasting(&summary::problems(chart, moment), "since"))
            }
            section .panel aria-labelledby="medicines" {
                h2 #medicines { "Medicines" }
                (lasting(&summary::medicines(chart, moment, opening.as_of.is_none()), "ordered"))
            }
        }
    }
}

fn lasting(items: &[Lasting], word: &str) -> Markup {
    html! {
        @if items.is_empty() { p .quiet { "None listed." } }
        ul .lasting {
            @for item in items {
                li { span { (item.title) } @if let Some(since) = item.since { span .quiet { (word) " " (day(since)) } } }
            }
        }
    }
}

fn measurements(measured: &[Measured]) -> Markup {
    html! {
        @if measured.is_empty() { p .quiet { "No results." } }
        ul .results {
            @for one in measured {
                @if let Some((at, value)) = one.history.last() {
                    li {
                        span .name { (one.name) }
                        span .value { (number(*value)) " " span .unit { (readable_unit(&one.unit)) } }
                        (sparkline(&one.history))
                        span .quiet { (day(*at)) }
                    }
                }
            }
        }
    }
}

/// The last values as a line, without a scale: the shape is what counts.
fn sparkline(history: &[(Timestamp, f64)]) -> Markup {
    let recent = &history[history.len().saturating_sub(20)..];
    let (low, high) = recent.iter().fold((f64::MAX, f64::MIN), |(low, high), (_, v)| (low.min(*v), high.max(*v)));
    let (width, height) = (84.0, 20.0);
    let step = width / (recent.len().max(2) - 1) as f64;
    let spread = if high > low { high - low } else { 1.0 };
    let y = |value: f64| height - 2.0 - (value - low) / spread * (height - 4.0);
    let points: Vec<String> = recent
        .iter()
        .enumerate()
        .map(|(place, (_, value))| format!("{:.1},{:.1}", place as f64 * step, y(*value)))
        .collect();
    html! {
        svg .spark viewBox={ "-2 0 " (width + 4.0) " " (height) } width="88" height="20" aria-hidden="true" {
            @if recent.len() > 1 { polyline points=(points.join(" ")) {} }
            @if let Some((_, last)) = recent.last() {
                circle cx=(format!("{:.1}", (recent.len() - 1) as f64 * step)) cy=(format!("{:.1}", y(*last))) r="2" {}
            }
        }
    }
}

/// UCUM as a clinician writes it.
fn readable_unit(unit: &str) -> String {
    unit.replace("mm[Hg]", "mmHg").replace("{1.73_m2}", "1.73 m²").replace("kg/m2", "kg/m²")
}

fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$}")
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn initials(name: &str) -> String {
    let mut firsts = name.split_whitespace().filter_map(|word| word.chars().next());
    firsts.next().into_iter().chain(firsts.next_back()).collect()
}
