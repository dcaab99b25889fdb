//! The page of the time machine: departure, how far it is, the curves, a slider over the moments, and one moment's cards.

use super::super::chart::Chart;
use super::super::time_machine::{Answer, Curve, Journey, MOST_MOMENTS, Moment, Point, State, curves, disorders};
use super::decision_support::{card_said, failure};
use super::frame::frame;
use super::risk_curve::{Span, curve_picture, disorders_picture};
use jiff::Timestamp;
use jiff::civil::Date;
use maud::{Markup, html};

/// Curves drawn; a service may name any number of outcomes.
const MOST_CURVES: usize = 8;

/// The whole page. `at` is the chosen moment.
pub fn time_machine(chart: &Chart, journey: Option<&Journey>, at: Option<usize>, now: Timestamp) -> Markup {
    let address = address(chart);
    frame(
        &format!("Time machine: {}", chart.name),
        &html! {
            nav .crumbs {
                a href="/" { "Patients" } " / " a href={ "/patients/" (chart.id) } { (chart.name) } " / "
                span aria-current="page" { "Time machine" }
            }
            section .panel .departure {
                div .panel-head {
                    h1 { "Time machine: " (chart.name) }
                    form method="post" action=(address) data-journey="#journey" {
                        button .primary type="submit" { "Travel" }
                    }
                }
                p .quiet {
                    "Opens this chart as of the days of its visits, at most " (MOST_MOMENTS) " of them, evenly chosen, with a real "
                    code { "patient-view" } " call for each and only what the record held by then. What the services answered is \
                     drawn by age, so that it can be read how early they spoke. For development only."
                }
            }
            div #journey data-address=(address) { (self::journey(chart, journey, at, now)) }
            script type="module" src="/assets/time-machine.js" {}
        },
    )
}

/// What changes while the journey is under way.
pub fn journey(chart: &Chart, journey: Option<&Journey>, at: Option<usize>, now: Timestamp) -> Markup {
    let Some(journey) = journey else {
        return html! { p .empty { "Not travelled yet." } };
    };
    match &journey.state {
        State::Failed(reason) => failure(reason),
        _ if journey.moments.is_empty() => html! { p .empty { "This chart has no visit in the past." } },
        State::UnderWay(_) => html! {
            div data-under-way {
                p .took {
                    label for="asked" { "Asking visit by visit " }
                    progress #asked value=(journey.asked()) max=(journey.moments.len()) {}
                    " " (journey.asked()) " of " (journey.moments.len())
                }
                (pictures(&Drawing::of(chart, journey, None, now)))
            }
        },
        State::Ended(took) => {
            let last = journey.moments.len() - 1;
            let drawing = Drawing::of(chart, journey, Some(at.unwrap_or(last).min(last)), now);
            html! {
                p .took role="status" { (told(journey, took.as_secs_f64())) }
                (slider(&drawing))
                div .columns .travelled {
                    div .chart { (pictures(&drawing)) (table(&drawing)) }
                    section .decision-support aria-labelledby="then" {
                        h2 #then { "What was said then" }
                        div #moment aria-live="polite" { @if let Some(chosen) = drawing.chosen() { (moment(chart, chosen)) } }
                    }
                }
            }
        }
    }
}

/// Everything that is drawn of a journey.
struct Drawing<'a> {
    chart: &'a Chart,
    journey: &'a Journey,
    curves: Vec<Curve>,
    /// Curves beyond those drawn.
    left_out: usize,
    span: Span,
    at: Option<usize>,
}

impl<'a> Drawing<'a> {
    fn of(chart: &'a Chart, journey: &'a Journey, at: Option<usize>, now: Timestamp) -> Self {
        let mut curves = curves(journey, chart);
        let left_out = curves.len().saturating_sub(MOST_CURVES);
        curves.truncate(MOST_CURVES);
        let first_card = curves.iter().filter_map(|curve| curve.points.first()).map(|point| point.day).min();
        let days: Vec<Date> = journey.moments.iter().map(|moment| moment.day).collect();
        let span = Span::of(chart, &days, first_card, now);
        Self { chart, journey, curves, left_out, span, at }
    }

    fn chosen(&self) -> Option<&'a Moment> {
        self.journey.moments.get(self.at?)
    }

    fn age(&self, day: Date) -> String {
        self.chart.age_on(day).map_or_else(|| day.to_string(), |age| age.to_string())
    }
}

fn address(chart: &Chart) -> String {
    format!("/patients/{}/time-machine", chart.id)
}

fn told(journey: &Journey, seconds: f64) -> String {
    let answers = || journey.moments.iter().filter_map(|moment| moment.answer.as_deref());
    let with_card = answers().filter(|answer| !answer.told.is_empty()).count();
    let faulty = journey.moments.iter().filter(|moment| moment.is_faulty()).count();
    let (asked, visits) = (journey.moments.len(), journey.visits);
    let faults = if faulty > 0 { format!(" {faulty} could not be answered whole.") } else { String::new() };
    format!(
        "{asked} of {visits} days with a visit asked in {seconds:.1} s; a card was shown at {with_card} of them.{faults}"
    )
}

fn slider(drawing: &Drawing) -> Markup {
    let last = drawing.journey.moments.len() - 1;
    let at = drawing.at.unwrap_or(last);
    let chosen = drawing.chosen().map(|moment| when(drawing, moment.day)).unwrap_or_default();
    html! {
        form .panel .scrub method="get" action=(address(drawing.chart)) {
            label for="at" { "Visit" }
            input #at type="range" name="at" min="0" max=(last) value=(at) step="1" aria-valuetext=(chosen);
            output for="at" { (chosen) }
            button type="submit" { "Show" }
        }
    }
}

fn when(drawing: &Drawing, day: Date) -> String {
    match drawing.chart.age_on(day) {
        Some(age) => format!("at {age}, {day}"),
        None => day.to_string(),
    }
}

/// What the services said of one moment.
pub fn moment(chart: &Chart, moment: &Moment) -> Markup {
    let Answer { told, faults } = match moment.answer.as_deref() {
        Some(answer) => answer,
        None => return html! { p .empty { "Not asked yet." } },
    };
    html! {
        p {
            strong { @if let Some(age) = chart.age_on(moment.day) { "At " (age) ", on " } (moment.day) } ". "
            a href={ "/patients/" (chart.id) "?as-of=" (moment.day) } { "Open the chart as of this day" }
        }
        @for fault in faults { (failure(fault)) }
        @if told.is_empty() && faults.is_empty() { p .empty { strong { "No cards came back." } } }
        @for one in told { article .card .(one.card.indicator.word()) { (card_said(&one.card)) p .source { "Source: " (one.card.source.label) } } }
    }
}

fn pictures(drawing: &Drawing) -> Markup {
    let (chart, journey, span) = (drawing.chart, drawing.journey, &drawing.span);
    let asked: Vec<(Date, bool)> =
        journey.moments.iter().filter(|it| it.answer.is_some()).map(|it| (it.day, it.is_faulty())).collect();
    let disorders = disorders(chart);
    let cursor = drawing.chosen().map(|moment| moment.day);
    html! {
        @if drawing.curves.is_empty() && !journey.is_under_way() {
            p .empty { strong { "No card at any of these visits." } }
        }
        @for curve in &drawing.curves {
            figure .panel .curve {
                figcaption { h2 { (curve.name) } (story(drawing, curve)) }
                (curve_picture(span, curve, &asked, cursor))
            }
        }
        @if drawing.left_out > 0 { p .quiet { (drawing.left_out) " more outcomes had cards; the moments tell them." } }
        figure .panel .curve {
            figcaption { h2 { "Disorders, when the record first names them" } }
            (disorders_picture(span, &disorders, cursor))
            details {
                summary { (disorders.len()) " disorders by day" }
                ul .lasting { @for (title, day) in &disorders { li { span { (title) } span .quiet { (when(drawing, *day)) } } } }
            }
        }
    }
}

/// The curve in words: first card, first record, and the time between.
fn story(drawing: &Drawing, curve: &Curve) -> Markup {
    let Some(first) = curve.points.first() else { return html! {} };
    html! {
        p {
            a href={ (address(drawing.chart)) "?at=" (first.place) } data-at=(first.place) {
                "First shown at " (drawing.age(first.day))
            }
            " (" (first.day) ")" (risk_said(curve, first)) ". "
            @match &curve.recorded {
                None => "The record names no such problem.",
                Some((title, day)) if *day > first.day => {
                    "In the record at " (drawing.age(*day)) " (" (day) ", " (title) "): "
                    strong { (lead(first.day, *day)) " later" } "."
                }
                Some((title, day)) => { "In the record before, since " (day) ": " (title) "." }
            }
        }
    }
}

fn risk_said(curve: &Curve, point: &Point) -> Markup {
    html! {
        @if let Some(risk) = point.risk {
            ", risk " (percent(risk))
            @if let Some(days) = curve.horizon_days { " within " (horizon(days)) }
            @if let Some(average) = point.average { ", average for age and sex " (percent(average)) }
        }
    }
}

/// A share as cards write it.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

fn horizon(days: u32) -> String {
    match days {
        365 => "1 year".to_owned(),
        days if days > 0 && days.is_multiple_of(365) => format!("{} years", days / 365),
        days => format!("{days} days"),
    }
}

fn lead(from: Date, to: Date) -> String {
    let days = (to - from).get_days();
    if days < 700 { format!("{days} days") } else { format!("{:.1} years", f64::from(days) / 365.25) }
}

/// The same in a table, and what the script knows of the moments.
fn table(drawing: &Drawing) -> Markup {
    let risk = |curve: &Curve, place: usize| curve.points.iter().find(|point| point.place == place).copied();
    html! {
        details .panel {
            summary { "As a table" }
            div .wide tabindex="0" role="region" aria-label="Moments and risks" {
                table #moments {
                    thead { tr {
                        th scope="col" { "Visit" }
                        th scope="col" { "Age" }
                        @for curve in &drawing.curves { th scope="col" { (curve.name) } }
                    } }
                    tbody {
                        @for (place, moment) in drawing.journey.moments.iter().enumerate() {
                            tr data-x=(drawing.span.place(moment.day)) data-when=(when(drawing, moment.day)) {
                                th scope="row" {
                                    a href={ (address(drawing.chart)) "?at=" (place) } data-at=(place) { (moment.day) }
                                }
                                td { (drawing.age(moment.day)) }
                                @for curve in &drawing.curves { td { @match risk(curve, place) {
                                    None if moment.is_faulty() => "not answered",
                                    None => span .quiet { "no card" },
                                    Some(Point { risk: None, .. }) => "card",
                                    Some(Point { risk: Some(risk), average, .. }) => {
                                        (percent(risk))
                                        @if let Some(average) = average { span .quiet { " (average " (percent(average)) ")" } }
                                    }
                                } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
