//! Where each outcome stands on the page: above the threshold of a live service, below it, or not shown and why.

use crate::decision_support::assess::{AssessedOutcome, AssessedRisk, Assessment};
use crate::decision_support::service_definition::{Catalogue, Mode, Service, ShownOutcome};
use crate::prediction::answer::Abstention;

/// Where an outcome belongs, in order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Live, with skill, at or above the threshold from which its service shows a card.
    StandsOut,
    /// Live, with skill, below it.
    Below,
    /// Silent on every horizon: said by its reason, never as a risk.
    Silent(Why),
}

/// Why an outcome is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Only silent services show it, or none does.
    NotLive,
    /// The model says why.
    Abstained,
}

/// One outcome with its place.
pub struct Standing<'a> {
    pub outcome: &'a AssessedOutcome,
    pub place: Place,
    /// The live service that may show it, and how; `None`: there is none.
    pub shown_by: Option<(&'a Service, &'a ShownOutcome)>,
    /// Horizons that may be drawn; none where it is silent.
    pub speaking: Vec<&'a AssessedRisk>,
    /// The reason for silence, where the model has one.
    pub silence: Option<Abstention>,
}

impl<'a> Standing<'a> {
    /// The risk of the horizon that the service shows, where it may be drawn, else the longest that may.
    pub fn main(&self) -> Option<&'a AssessedRisk> {
        let of_service =
            |one: &&&AssessedRisk| self.shown_by.is_some_and(|(_, shown)| shown.horizon_days == one.risk.horizon_days);
        self.speaking.iter().find(of_service).or(self.speaking.last()).copied()
    }

    /// How far the main risk lies above its threshold, as a ratio.
    fn excess(&self) -> f64 {
        let (Some(main), Some((_, shown))) = (self.main(), self.shown_by) else { return 0.0 };
        main.risk.risk / shown.threshold.max(1e-9)
    }
}

/// Every outcome: those that stand out first, the furthest above first, then the others by risk beside their threshold, then
/// the silent ones.
pub fn sorted<'a>(now: &'a Assessment, catalogue: &'a Catalogue) -> Vec<Standing<'a>> {
    let mut standings: Vec<Standing<'a>> =
        now.outcomes.iter().map(|outcome| standing(now, outcome, catalogue)).collect();
    standings.sort_by(|one, other| one.place.cmp(&other.place).then_with(|| other.excess().total_cmp(&one.excess())));
    standings
}

fn standing<'a>(now: &Assessment, outcome: &'a AssessedOutcome, catalogue: &'a Catalogue) -> Standing<'a> {
    let shown_by = live(outcome, catalogue);
    let speaks = |one: &&AssessedRisk| shown_by.is_some() && now.abstained.is_none() && one.silence.is_none();
    let speaking: Vec<&AssessedRisk> = outcome.horizons.iter().filter(speaks).collect();
    let silence = now.abstained.or_else(|| outcome.horizons.iter().rev().find_map(|one| one.silence));
    let above = |one: &&AssessedRisk| {
        shown_by
            .is_some_and(|(_, shown)| shown.horizon_days == one.risk.horizon_days && one.risk.risk >= shown.threshold)
    };
    let place = match (speaking.is_empty(), silence) {
        (false, _) if speaking.iter().any(above) => Place::StandsOut,
        (false, _) => Place::Below,
        (true, Some(_)) => Place::Silent(Why::Abstained),
        (true, None) => Place::Silent(Why::NotLive),
    };
    Standing { outcome, place, shown_by, speaking, silence }
}

/// The live service that shows the outcome; of several horizons the one that lies furthest above its threshold.
fn live<'a>(outcome: &AssessedOutcome, catalogue: &'a Catalogue) -> Option<(&'a Service, &'a ShownOutcome)> {
    let services = catalogue.services().iter().filter(|service| service.mode == Mode::Live);
    let shown = services.flat_map(|service| service.outcomes.iter().map(move |shown| (&**service, shown)));
    let excess = |shown: &ShownOutcome| {
        let risk = outcome.horizons.iter().find(|one| one.risk.horizon_days == shown.horizon_days);
        risk.map_or(0.0, |one| one.risk.risk / shown.threshold.max(1e-9))
    };
    shown
        .filter(|(_, shown)| *shown.phenotype == *outcome.phenotype)
        .max_by(|(_, one), (_, other)| excess(one).total_cmp(&excess(other)))
}

/// A mode in a reader's words.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Silent => "silent: computed and remembered, nothing shown",
    }
}
