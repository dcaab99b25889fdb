//! The picture itself, in percent of its width, so that it fits any screen without a script.

use super::lanes::{Entry, LANES, Span};
use crate::patient_record::timeline::SECONDS_PER_DAY;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// Columns that a lane is divided into; the script draws as many.
pub const COLUMNS: usize = 72;
const LANE_HEIGHT: usize = 28;
/// Above the lowest bar and below the lane above.
const TALLEST: f64 = 20.0;
/// For years and ages below the lanes.
const AXIS_HEIGHT: usize = 34;
/// Years that are named at most.
const MOST_TICKS: i64 = 7;

/// A fact behind a risk, marked in its lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Index of the event in its timeline; names the mark, `mark-17`.
    pub event: usize,
    pub day: i64,
    pub lane: usize,
}

/// The whole life; `marks` lie over it.
pub fn picture(entries: &[Entry], span: &Span, marks: &[Mark]) -> Markup {
    let bottom = LANES.len() * LANE_HEIGHT;
    html! {
        div .picture {
            div .lane-names aria-hidden="true" { @for name in LANES { span { (name) } } }
            div #timeline .plot tabindex="0" role="application" aria-roledescription="timeline"
                aria-label=(described(entries, span)) aria-describedby="timeline-keys"
                data-columns=(COLUMNS) data-lane-height=(LANE_HEIGHT) data-tallest=(TALLEST) {
                svg width="100%" height=(bottom + AXIS_HEIGHT) aria-hidden="true" focusable="false" {
                    g #ticks { (ticks(span, bottom)) }
                    @for lane in 0..LANES.len() {
                        line .floor x1="0" x2="100%" y1=(floor(lane)) y2=(floor(lane)) {}
                    }
                    rect #cursor .cursor y="0" width=(percent(1.0 / COLUMNS as f64)) height=(bottom) hidden {}
                    @for lane in 0..LANES.len() {
                        g .{ "lane-" (lane) } data-lane=(lane) { (bars(entries, span, lane)) }
                    }
                    g #marks {
                        @for mark in marks {
                            circle .mark id={ "mark-" (mark.event) } cx=(percent(span.share(mark.day)))
                                cy=(floor(mark.lane) - 5) r="5" data-day=(mark.day) {}
                        }
                    }
                }
            }
        }
    }
}

/// What a screen reader says before any key is pressed.
fn described(entries: &[Entry], span: &Span) -> String {
    let counts = LANES.iter().enumerate().map(|(lane, name)| {
        format!("{} {}", entries.iter().filter(|entry| entry.lane == lane).count(), name.to_lowercase())
    });
    let counts: Vec<String> = counts.collect();
    format!("Record from {} to {}: {}.", date(span.first), date(span.last), counts.join(", "))
}

fn floor(lane: usize) -> usize {
    (lane + 1) * LANE_HEIGHT - 3
}

/// The entries of a lane by column; a bar's height is the root of their number, so that a single visit stays visible
/// beside a hospital stay.
fn bars(entries: &[Entry], span: &Span, lane: usize) -> Markup {
    let mut columns = [0_usize; COLUMNS];
    for entry in entries.iter().filter(|entry| entry.lane == lane) {
        let column = (span.share(entry.day) * COLUMNS as f64) as usize;
        columns[column.min(COLUMNS - 1)] += 1;
    }
    let most = columns.iter().copied().max().unwrap_or_default().max(1) as f64;
    html! {
        @for (column, count) in columns.iter().enumerate().filter(|(_, count)| **count > 0) {
            @let height = (TALLEST * (*count as f64 / most).sqrt()).max(4.0);
            rect x=(percent((column as f64 + 0.15) / COLUMNS as f64)) width=(percent(0.7 / COLUMNS as f64))
                y=(format!("{:.1}", floor(lane) as f64 - height)) height=(format!("{height:.1}")) rx="1.5" {}
        }
    }
}

/// Years, and under them the age.
fn ticks(span: &Span, bottom: usize) -> Markup {
    html! {
        @for day in years(span) {
            @let at = percent(span.share(day));
            line .tick x1=(at) x2=(at) y1="0" y2=(bottom) {}
            text .year x=(at) y=(bottom + 14) { (civil(day).map_or(0, Date::year)) }
            @if let Some(birth) = span.birth {
                text .age x=(at) y=(bottom + 28) { ((day - birth) / 365) " y" }
            }
        }
    }
}

/// First days of the years that are named: round numbers, away from the ends.
fn years(span: &Span) -> Vec<i64> {
    let (Some(first), Some(last)) = (civil(span.first), civil(span.last)) else { return Vec::new() };
    let count = i64::from(last.year()) - i64::from(first.year());
    let step = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|step| count / step <= MOST_TICKS).unwrap_or(1000);
    let years = i64::from(first.year())..=i64::from(last.year());
    let days = years.filter(|year| year % step == 0).filter_map(|year| {
        let day = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second().div_euclid(SECONDS_PER_DAY))
    });
    days.filter(|day| (0.03..0.97).contains(&span.share(*day)) && *day > span.first).collect()
}

/// The date of a day; `None` where the calendar ends.
pub fn civil(day: i64) -> Option<Date> {
    let moment = jiff::Timestamp::from_second(day.checked_mul(SECONDS_PER_DAY)?).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).date())
}

fn date(day: i64) -> String {
    civil(day).map_or_else(|| "a date out of range".to_owned(), |date| date.to_string())
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(day: i64, lane: usize) -> Entry {
        Entry { day, lane, name: "x".into(), value: None }
    }

    #[test]
    fn marks_are_bounded_however_long_the_record() {
        let span = Span { first: 0, last: 30_000, birth: Some(0) };
        let entries: Vec<Entry> = (0..25_000).map(|at| entry(at, at as usize % LANES.len())).collect();
        let drawn = picture(&entries, &span, &[]).into_string();
        assert!(drawn.matches("<rect").count() <= LANES.len() * COLUMNS + 1);
        assert!(drawn.matches("<text").count() <= 2 * MOST_TICKS as usize + 2);
    }

    #[test]
    fn years_are_round_and_a_single_day_still_gives_a_picture() {
        let named = |first, last| years(&Span { first, last, birth: None });
        let years: Vec<i16> = named(-10_000, 20_000).into_iter().filter_map(civil).map(Date::year).collect();
        assert!(years.iter().all(|year| year % 20 == 0), "{years:?}");
        assert!(years.len() >= 3, "{years:?}");
        assert!(named(10, 11).is_empty());
        assert!(
            picture(&[entry(11, 0)], &Span { first: 10, last: 11, birth: None }, &[])
                .into_string()
                .contains("<rect x=")
        );
    }
}
