//! Small drawings of a risk: a line with its interval, and people as dots. Each has its words beside it, so that they are
//! hidden from screen readers.

use super::wording::counted;
use crate::prediction::answer::Risk;
use maud::{Markup, html};
use std::fmt::Write;

/// Upper ends of a scale.
const SCALES: [f64; 8] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.75, 1.0];

/// The end of a scale that begins with 0 and holds all of these.
pub fn scale(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0, f64::max) * 1.02;
    SCALES.into_iter().find(|end| most <= *end).unwrap_or(1.0)
}

/// A risk on a scale: its interval as a bar, itself as a dot, the average as a stroke.
pub fn interval(risk: &Risk, scale: f64) -> Markup {
    let at = |value: f64| format!("{:.2}%", 2.0 + 96.0 * (value / scale).clamp(0.0, 1.0));
    html! {
        svg .interval width="100%" height="22" aria-hidden="true" focusable="false" {
            line .axis x1=(at(0.0)) x2=(at(scale)) y1="11" y2="11" {}
            @if let Some((low, high)) = risk.interval {
                line .sure x1=(at(low)) x2=(at(high)) y1="11" y2="11" {}
            }
            line .average x1=(at(risk.baseline_risk)) x2=(at(risk.baseline_risk)) y1="3" y2="19" {}
            circle .own cx=(at(risk.risk)) cy="11" r="5" {}
        }
    }
}

/// A hundred people: how many of those like this patient, beside how many of the same age and sex.
pub fn people(risk: &Risk) -> Markup {
    let count = |share: f64| counted(share, 100) as usize;
    let (own, average) = (count(risk.risk), count(risk.baseline_risk));
    html! {
        svg .people viewBox="0 0 200 50" width="200" height="50" aria-hidden="true" focusable="false" {
            path .rest d=(dots(own.max(average), 100)) {}
            path .usual d=(dots(0, own.min(average))) {}
            path .more d=(dots(own.min(average), own)) {}
            path .fewer d=(dots(own, own.max(average))) {}
        }
    }
}

/// Dots of a grid of five rows, filled column by column.
fn dots(from: usize, to: usize) -> String {
    (from..to).fold(String::new(), |mut path, place| {
        let (x, y) = (5 + place / 5 * 10, 5 + place % 5 * 10);
        let _ = write!(path, "M{} {y}a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0", x as f64 - 3.4);
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_holds_its_values_and_is_not_much_longer() {
        assert_eq!(scale([0.004, 0.0085].into_iter()), 0.01);
        assert_eq!(scale([0.28, 0.361].into_iter()), 0.5);
        assert_eq!(scale([0.999].into_iter()), 1.0);
        assert_eq!(scale(std::iter::empty()), 0.01);
    }

    #[test]
    fn a_hundred_people_are_drawn_whatever_the_risk() {
        for (risk, baseline_risk) in [(0.28, 0.12), (0.05, 0.3), (0.0, 0.0), (1.0, 1.0)] {
            let risk =
                Risk { phenotype: "x".into(), horizon_days: 365, risk, interval: None, baseline_risk, abstained: None };
            let drawn = people(&risk).into_string();
            assert_eq!(drawn.matches('M').count(), 100);
        }
    }
}
