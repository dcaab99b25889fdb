//! Pictures of the time machine: risk by age beside the average, and the days on which disorders came into the record.

use super::super::chart::Chart;
use super::super::time_machine::{Curve, Point};
use super::time_machine::percent;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};

/// Years drawn before the first card.
const YEARS_BEFORE: i16 = 8;
/// From top to bottom of a curve: two lines of labels, the plot, ticks of the visits, ages.
const TOP: f64 = 36.0;
const BOTTOM: f64 = 132.0;
const TICKS: f64 = 138.0;
const HEIGHT: f64 = 164.0;
/// What a risk axis may end at.
const ENDS: [f64; 8] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0];

/// The days that are drawn, as places from left to right.
pub struct Span {
    first: Date,
    days: f64,
    birth: Option<Date>,
}

impl Span {
    /// From some years before the first card, or from the first moment, to the end of the record.
    pub fn of(chart: &Chart, moments: &[Date], first_card: Option<Date>, now: Timestamp) -> Self {
        let today = now.to_zoned(TimeZone::UTC).date();
        let end = chart.deceased.map_or(today, |death| death.min(today));
        let earliest = moments.first().copied().unwrap_or(end);
        let before = first_card.and_then(|day| day.checked_sub(YEARS_BEFORE.years()).ok());
        let first = before.map_or(earliest, |before| before.max(earliest));
        Self { first, days: f64::from((end - first).get_days().max(1)), birth: chart.birth }
    }

    fn share(&self, day: Date) -> f64 {
        (f64::from((day - self.first).get_days()) / self.days).clamp(0.0, 1.0) * 100.0
    }

    /// The place of a day, as SVG writes it; days before the first stand at the left edge.
    pub fn place(&self, day: Date) -> String {
        format!("{:.2}%", self.share(day))
    }

    /// "first shown at 54"
    fn aged(&self, words: &str, day: Date) -> String {
        self.birth.map_or_else(|| words.to_owned(), |birth| format!("{words} at {}", years_between(birth, day)))
    }

    fn holds(&self, day: Date) -> bool {
        day >= self.first
    }

    /// Birthdays to write below: every age, every fifth or every tenth.
    fn ages(&self) -> Vec<(i16, Date)> {
        let Some(birth) = self.birth else { return Vec::new() };
        let step: usize = match self.days as u32 / 365 {
            0..=12 => 1,
            13..=50 => 5,
            _ => 10,
        };
        let birthday = |age: i16| Some((age, birth.checked_add(age.years()).ok()?));
        let drawn = |day: Date| self.holds(day) && f64::from((day - self.first).get_days()) <= self.days;
        (0..=130).step_by(step).filter_map(birthday).filter(|(_, day)| drawn(*day)).collect()
    }
}

/// Full years.
fn years_between(birth: Date, day: Date) -> i16 {
    day.year() - birth.year() - i16::from((day.month(), day.day()) < (birth.month(), birth.day()))
}

/// One outcome: risk and average where a card told them, else only the card. `asked`: days, and whether one was left
/// unanswered.
pub fn curve_picture(span: &Span, curve: &Curve, asked: &[(Date, bool)], cursor: Option<Date>) -> Markup {
    let end = axis_end(curve);
    html! {
        svg width="100%" height=(HEIGHT) role="img" aria-label=(described(curve)) {
            (ages(span, HEIGHT))
            @if let Some(end) = end { (risk_axis(end)) }
            @for (day, faulty) in asked.iter().filter(|(day, _)| span.holds(*day)) {
                @let x = span.place(*day);
                line .visit .unanswered[*faulty] x1=(x) x2=(x) y1=(TICKS - 3.0) y2=(TICKS + 2.0) {}
            }
            @if let Some((_, day)) = curve.recorded.as_ref().filter(|(_, day)| span.holds(*day)) {
                line .recorded x1=(span.place(*day)) x2=(span.place(*day)) y1="33" y2=(BOTTOM) {}
                (label(span, *day, 28.0, "recorded-name", &span.aged("in the record", *day)))
            }
            @if let Some(first) = curve.points.first() { (label(span, first.day, 12.0, "first-name", &span.aged("first shown", first.day))) }
            @for pair in curve.points.windows(2) { (joined(span, end, pair)) }
            @for (place, point) in curve.points.iter().enumerate() { (mark(span, end, point, place == 0)) }
            (cursor_line(span, cursor, HEIGHT))
        }
        @if end.is_some() {
            p .legend aria-hidden="true" {
                span .of-risk { "risk, where a card told it" } span .of-average { "average of the same age and sex" }
                span .of-visit { "visits asked" }
                @if asked.iter().any(|(_, faulty)| *faulty) { span .of-unanswered { "not answered" } }
            }
        }
    }
}

/// The disorders as a lane.
pub fn disorders_picture(span: &Span, disorders: &[(&str, Date)], cursor: Option<Date>) -> Markup {
    let height = 48.0;
    let earlier = disorders.iter().filter(|(_, day)| !span.holds(*day)).count();
    html! {
        svg width="100%" height=(height) role="img" aria-label={ (disorders.len()) " disorders; the list below names them" } {
            (ages(span, height))
            @for (title, day) in disorders.iter().filter(|(_, day)| span.holds(*day)) {
                rect .problem x=(span.place(*day)) y="8" width="4" height="16" rx="1" { title { (title) ", " (day) } }
            }
            (cursor_line(span, cursor, height))
        }
        @if earlier > 0 { p .quiet { (earlier) " of them are earlier than what is drawn." } }
    }
}

fn described(curve: &Curve) -> String {
    let cards = curve.points.len();
    let ends = |point: Option<&Point>| point.map(|point| point.day.to_string()).unwrap_or_default();
    let (first, last) = (ends(curve.points.first()), ends(curve.points.last()));
    format!(
        "{}: a card at {cards} of the visits asked, from {first} to {last}. The table below holds every value.",
        curve.name
    )
}

/// The nearest round end above everything that is drawn; None without any risk.
fn axis_end(curve: &Curve) -> Option<f64> {
    let told = curve.points.iter().flat_map(|point| [point.risk, point.average]).flatten();
    let highest = told.fold(None, |highest: Option<f64>, risk| Some(highest.unwrap_or(0.0).max(risk)))?;
    Some(ENDS.into_iter().find(|end| *end >= highest).unwrap_or(1.0))
}

fn height_of(end: Option<f64>, risk: Option<f64>) -> f64 {
    match (end, risk) {
        (Some(end), Some(risk)) => BOTTOM - risk / end * (BOTTOM - TOP),
        // Only that there was a card.
        _ => (TOP + BOTTOM) / 2.0,
    }
}

fn risk_axis(end: f64) -> Markup {
    html! {
        @for share in [0.0, 0.5, 1.0] {
            @let y = BOTTOM - share * (BOTTOM - TOP);
            line .tick x1="0" x2="100%" y1=(y) y2=(y) {}
            @if share > 0.0 { text .age x="2" y=(y + 12.0) { (percent(end * share)) } }
        }
    }
}

fn ages(span: &Span, height: f64) -> Markup {
    html! {
        @for (age, day) in span.ages() {
            @let share = span.share(day);
            @let anchor = if share < 3.0 { "start" } else if share > 96.0 { "end" } else { "middle" };
            line .tick x1=(span.place(day)) x2=(span.place(day)) y1=(height - 20.0) y2=(height - 15.0) {}
            text .age x=(span.place(day)) y=(height - 3.0) text-anchor=(anchor) { (age) }
        }
    }
}

/// A line between the cards of neighbouring visits; none across a visit without a card.
fn joined(span: &Span, end: Option<f64>, pair: &[Point]) -> Markup {
    let [from, to] = pair else { return html! {} };
    let (x1, x2) = (span.place(from.day), span.place(to.day));
    let line = |class: &str, values: [Option<f64>; 2]| {
        let [Some(_), Some(_)] = values else { return html! {} };
        let [y1, y2] = values.map(|value| format!("{:.1}", height_of(end, value)));
        html! { line .(class) x1=(x1) x2=(x2) y1=(y1) y2=(y2) {} }
    };
    html! {
        @if from.place + 1 == to.place {
            (line("average", [from.average, to.average]))
            (line("risk", [from.risk, to.risk]))
        }
    }
}

fn mark(span: &Span, end: Option<f64>, point: &Point, is_first: bool) -> Markup {
    let (x, y) = (span.place(point.day), format!("{:.1}", height_of(end, point.risk)));
    html! {
        @if point.average.is_some() {
            circle .average cx=(x) cy=(format!("{:.1}", height_of(end, point.average))) r="2" {}
        }
        @if is_first { circle .first cx=(x) cy=(y) r="7" {} }
        circle .shown cx=(x) cy=(y) r="3.5" data-at=(point.place) {}
    }
}

fn label(span: &Span, day: Date, y: f64, class: &str, words: &str) -> Markup {
    let share = span.share(day);
    let anchor = if share < 12.0 {
        "start"
    } else if share > 88.0 {
        "end"
    } else {
        "middle"
    };
    html! { text .(class) x=(span.place(day)) y=(y) text-anchor=(anchor) { (words) } }
}

fn cursor_line(span: &Span, cursor: Option<Date>, height: f64) -> Markup {
    html! {
        @if let Some(day) = cursor { line .cursor x1=(span.place(day)) x2=(span.place(day)) y1="0" y2=(height - 16.0) {} }
    }
}
