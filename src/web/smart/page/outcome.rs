//! One outcome with all that is shown of it: risk by horizon, trend, evidence, feedback.

use super::standing::Standing;
use super::{Drawn, evidence, feedback, shapes, trend, wording};
use crate::decision_support::assess::AssessedRisk;
use crate::decision_support::cards::wording::{horizon, percent};
use maud::{Markup, html};

/// Everything but the title.
pub fn body(drawn: &Drawn<'_>, standing: &Standing<'_>) -> Markup {
    let Some(main) = standing.main() else { return html! {} };
    let (own, average) = wording::frequencies(main.risk.risk, main.risk.baseline_risk);
    html! {
        div .horizons { (horizons(standing)) }
        p .people-words {
            strong { (own) } " people like this within " (horizon(main.risk.horizon_days))
            "; " (average) " of the same age and sex."
        }
        (trend::trend(drawn.course, &standing.outcome.phenotype, main.risk.horizon_days))
        (evidence::list(main, &drawn.course.timeline, drawn.context))
        (feedback::form(drawn, standing))
    }
}

/// Each horizon; one that is silent is said, not drawn.
fn horizons(standing: &Standing<'_>) -> Markup {
    let values = standing
        .speaking
        .iter()
        .flat_map(|one| [one.risk.risk, one.risk.baseline_risk, one.risk.interval.map_or(0.0, |(_, high)| high)]);
    let scale = shapes::scale(values);
    html! {
        @for one in &standing.outcome.horizons {
            @let within = format!("Within {}", horizon(one.risk.horizon_days));
            @if standing.speaking.iter().any(|speaking| std::ptr::eq(*speaking, one)) {
                div .horizon {
                    p { (within) }
                    p .figures { (figures(one)) }
                    (shapes::interval(&one.risk, scale))
                    p .ends .quiet aria-hidden="true" { span { "0" } span { (percent(scale)) } }
                }
            } @else if let Some(reason) = one.silence {
                div .horizon .silent { p { (within) } p .quiet { "No estimate: " (wording::silence(reason)) "." } }
            }
        }
    }
}

/// "28 % (21 to 36 %) average 12 %"
pub fn figures(one: &AssessedRisk) -> Markup {
    let risk = &one.risk;
    html! {
        strong .risk { (percent(risk.risk)) }
        " " span .between {
            @match risk.interval {
                Some((low, high)) => { "(" (percent(low).trim_end_matches(" %")) " to " (percent(high)) ")" },
                None => "(interval not known)",
            }
        }
        " " span .quiet .whole { "average " (percent(risk.baseline_risk)) }
    }
}
