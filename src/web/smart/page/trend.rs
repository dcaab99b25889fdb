//! How an outcome's estimate moved: the same chart, assessed as of its last visits.

use super::shapes::scale;
use crate::decision_support::assess::{Assessment, Course};
use crate::decision_support::cards::wording::{date, percent};
use crate::patient_record::timeline::Second;
use maud::{Markup, html};

const WIDTH: f64 = 150.0;
const HEIGHT: f64 = 40.0;
const EDGE: f64 = 5.0;

/// A line through the estimates, with first and last in words; nothing where there was no earlier visit.
pub fn trend(course: &Course, phenotype: &str, horizon_days: u32) -> Markup {
    let Some(earlier) = &course.earlier else {
        return html! { p .quiet { "How it moved could not be computed just now; opening the page again may tell." } };
    };
    let moments = earlier.iter().chain(Some(&course.now));
    let points: Vec<(Second, f64)> =
        moments.filter_map(|one| Some((one.as_of, estimate(one, phenotype, horizon_days)?))).collect();
    let silent = earlier.iter().filter(|one| estimate(one, phenotype, horizon_days).is_none()).count();
    html! {
        @if let [first, .., last] = points.as_slice() {
            div .trend {
                (line(&points))
                p .quiet {
                    (date(first.0)) ": " (percent(first.1)) " → " (percent(last.1)) " now"
                    @if silent > 0 { "; no estimate at " (silent) " of the last visits" }
                }
            }
        }
    }
}

fn estimate(assessment: &Assessment, phenotype: &str, horizon_days: u32) -> Option<f64> {
    let outcome = assessment.outcomes.iter().find(|outcome| *outcome.phenotype == *phenotype)?;
    let one = outcome.horizons.iter().find(|one| one.risk.horizon_days == horizon_days)?;
    (assessment.abstained.is_none() && one.silence.is_none()).then_some(one.risk.risk)
}

fn line(points: &[(Second, f64)]) -> Markup {
    let (from, to) = (points[0].0, points[points.len() - 1].0);
    let top = scale(points.iter().map(|point| point.1));
    let x = |at: Second| EDGE + (WIDTH - 2.0 * EDGE) * (at - from) as f64 / (to - from).max(1) as f64;
    let y = |risk: f64| HEIGHT - EDGE - (HEIGHT - 2.0 * EDGE) * risk / top;
    let places: Vec<(f64, f64)> = points.iter().map(|(at, risk)| (x(*at), y(*risk))).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let told: Vec<String> = points.iter().map(|(at, risk)| format!("{} {}", date(*at), percent(*risk))).collect();
    html! {
        svg .line width=(WIDTH) height=(HEIGHT) role="img" aria-label={ "Estimate at the last visits: " (told.join(", ")) } {
            line .axis x1="0" x2=(WIDTH) y1=(HEIGHT - 1.0) y2=(HEIGHT - 1.0) {}
            polyline points=(path.join(" ")) {}
            @for (place, (x, y)) in places.iter().enumerate() {
                circle .last[place + 1 == places.len()] cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="2.5" {}
            }
        }
    }
}
