//! The outcomes of a page: those that stand out, the others, and those that are not shown, with the reason.

use super::standing::{Place, Standing, Why};
use super::{Drawn, outcome, shapes, wording};
use crate::decision_support::cards::wording::{horizon, percent};
use crate::prediction::answer::{Abstention, Risk};
use maud::{Markup, html};

impl<'a> Drawn<'a> {
    fn at(&self, place: Place) -> impl Iterator<Item = (usize, &Standing<'a>)> {
        self.standings.iter().enumerate().filter(move |(_, standing)| standing.place == place)
    }
}

/// What stands out at one look; before it what was not read, since then no low estimate means anything.
pub fn headline(drawn: &Drawn<'_>) -> Markup {
    let now = &drawn.course.now;
    let any = drawn.at(Place::StandsOut).next().is_some();
    html! {
        section .headline aria-label="What stands out" {
            @if !now.unread.is_empty() {
                p .calm .in-part {
                    strong { "Read in part. Not read: " (wording::kinds(&now.unread)) "." }
                    " No low estimate on this page can be relied on."
                }
            }
            @if let Some(reason) = now.abstained {
                p .calm { strong { "No estimate for this record: " } (wording::silence(reason)) "." }
            } @else if !any {
                p .calm { (none_above(drawn)) }
            }
            @for (place, standing) in drawn.at(Place::StandsOut) { (tile(place, standing)) }
        }
    }
}

/// That no outcome is above its threshold, which is no low risk: with the one furthest above its average.
fn none_above(drawn: &Drawn<'_>) -> Markup {
    let above_average =
        |risk: &Risk| risk.risk > risk.baseline_risk && percent(risk.risk) != percent(risk.baseline_risk);
    let ratio = |risk: &Risk| risk.risk / risk.baseline_risk.max(1e-9);
    let below = drawn.at(Place::Below).filter_map(|(place, one)| Some((place, one, &one.main()?.risk)));
    let furthest = below
        .filter(|(.., risk)| above_average(risk))
        .max_by(|(.., one), (.., other)| ratio(one).total_cmp(&ratio(other)));
    html! {
        @if drawn.at(Place::Below).next().is_none() {
            strong { "No estimate is shown for this record." } " Why stands below."
        } @else {
            strong { "No outcome is above its alert threshold." }
            @if let Some((place, standing, risk)) = furthest {
                " Furthest above the average: "
                a href={ "#outcome-" (place) } { (standing.outcome.title) } ", "
                (percent(risk.risk)) " within " (horizon(risk.horizon_days)) " (average " (percent(risk.baseline_risk)) ")."
            } @else {
                " None is above the average of the same age and sex."
            }
        }
    }
}

fn tile(place: usize, standing: &Standing<'_>) -> Markup {
    let Some(main) = standing.main() else { return html! {} };
    let (own, _) = wording::frequencies(main.risk.risk, main.risk.baseline_risk);
    html! {
        a .tile href={ "#outcome-" (place) } {
            span .name { (wording::heading(&standing.outcome.title)) }
            span .figures { (outcome::figures(main)) }
            span .quiet { "within " (horizon(main.risk.horizon_days)) ": " (own) " people like this" }
            (shapes::people(&main.risk))
            span .legend .quiet aria-hidden="true" {
                span .usual { "●" } " as many as on average "
                @if main.risk.risk >= main.risk.baseline_risk { span .more { "●" } " more" } @else { span .usual { "○" } " fewer" }
            }
        }
    }
}

/// The outcomes that stand out, each with its evidence.
pub fn in_detail(drawn: &Drawn<'_>) -> Markup {
    html! {
        @if drawn.at(Place::StandsOut).next().is_some() {
            section aria-labelledby="detail-title" {
                h2 #detail-title { "Above the alert threshold" }
                div .outcomes {
                    @for (place, standing) in drawn.at(Place::StandsOut) {
                        article .panel .outcome id={ "outcome-" (place) } {
                            h3 { (wording::heading(&standing.outcome.title)) }
                            (outcome::body(drawn, standing))
                        }
                    }
                }
            }
        }
    }
}

/// The others, one line each; all of it opens.
pub fn below_threshold(drawn: &Drawn<'_>) -> Markup {
    html! {
        @if drawn.at(Place::Below).next().is_some() {
            section .panel aria-labelledby="below-title" {
                h2 #below-title { "Below the alert threshold" }
                @for (place, standing) in drawn.at(Place::Below) {
                    @if let Some(main) = standing.main() {
                        details .outcome id={ "outcome-" (place) } {
                            summary {
                                span .name { (wording::heading(&standing.outcome.title)) }
                                span .brief {
                                    (percent(main.risk.risk)) span .quiet {
                                        " in " (horizon(main.risk.horizon_days)) " · average " (percent(main.risk.baseline_risk))
                                    }
                                }
                            }
                            (outcome::body(drawn, standing))
                        }
                    }
                }
            }
        }
    }
}

/// What is not shown, by its reason, without a number.
pub fn not_shown(drawn: &Drawn<'_>) -> Markup {
    let (abstained, not_live) = (Place::Silent(Why::Abstained), Place::Silent(Why::NotLive));
    let silent: Vec<&Standing<'_>> = drawn.at(abstained).map(|(_, standing)| standing).collect();
    let mut reasons: Vec<&str> = silent.iter().filter_map(|one| one.silence.map(wording::silence)).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let of = |reason: &str| {
        let same: Vec<_> = silent.iter().filter(|one| one.silence.map(wording::silence) == Some(reason)).collect();
        // Checks on the model, of interest to its makers: their number is enough.
        if same.iter().any(|one| one.silence == Some(Abstention::NotActionable)) {
            return format!("{} outcomes that check the model", same.len());
        }
        same.iter().map(|one| one.outcome.title.as_str()).collect::<Vec<_>>().join(", ")
    };
    let not_live: Vec<&str> = drawn.at(not_live).map(|(_, standing)| standing.outcome.title.as_str()).collect();
    html! {
        @if drawn.course.now.abstained.is_none() && !(silent.is_empty() && not_live.is_empty()) {
            details .panel .folded {
                summary { "Not shown: " (silent.len() + not_live.len()) " outcomes, and why" }
                p .quiet { "Silence is not a low risk." }
                dl {
                    @for reason in reasons { dt { (wording::heading(reason)) } dd { (of(reason)) } }
                    @if !not_live.is_empty() {
                        dt { "No service of this installation is live for them: computed, not shown" }
                        dd { (not_live.join(", ")) }
                    }
                }
            }
        }
    }
}
