//! The model on some of the patients: does it rank, and mean what it says, for each group as for the rest?
//!
//! Groups by sex, age, length and density of the record, and, where the dataset has an audit list, race and ethnicity,
//! which no shard holds and no model reads. A group is compared with everyone else outside it, draw by draw.

use super::audit::Audit;
use super::calibration::pooled;
use super::discrimination::DrawnAurocs;
use super::figures::{Estimate, LEAST_EVENTS};
use super::metrics::interval;
use super::panel::{Panel, PanelRow, Target};
use super::slope::ClusteredLine;
use super::summary::Judged;
use crate::patient_record::timeline::Sex;
use rayon::prelude::*;
use serde::Serialize;

/// Differences from everyone else that are flagged when their interval excludes 0.
pub const FLAGGED_AUROC: f64 = 0.05;
pub const FLAGGED_SLOPE: f64 = 0.2;
/// Groups with fewer patients are counted and not judged.
const LEAST_PATIENTS: usize = 20;

/// Some of the patients, over the accepted outcomes that have enough events among them.
#[derive(Clone, Debug, Serialize)]
pub struct Subgroup {
    /// What patients are grouped by.
    pub by: &'static str,
    pub name: String,
    pub patients: usize,
    pub rows: usize,
    /// Outcomes behind the AUROCs.
    pub outcomes: usize,
    pub auroc: Option<Estimate>,
    pub age_sex: Option<Estimate>,
    pub above_age_sex: Option<Estimate>,
    /// Mean AUROC here minus that of everyone else, over outcomes with enough events on both sides.
    pub auroc_difference: Option<Estimate>,
    /// Events from the index day on, over all accepted outcomes.
    pub events: usize,
    /// Of one line through all accepted outcomes.
    pub slope: Option<Estimate>,
    pub slope_difference: Option<Estimate>,
    /// Share of those events that the package's thresholds miss.
    pub missed: Option<Estimate>,
    pub missed_difference: Option<Estimate>,
    /// Events that happened per event foretold, over all accepted outcomes: 1 when true.
    pub observed_per_expected: Option<f64>,
    /// A difference beyond [`FLAGGED_AUROC`] or [`FLAGGED_SLOPE`] whose interval excludes 0.
    pub flagged: bool,
}

/// A group's rows.
struct Group {
    by: &'static str,
    name: String,
    inside: Vec<bool>,
}

/// Every group that has a patient.
pub fn subgroups(panel: &Panel, judged: &[Judged<'_>], audit: Option<&Audit>, draws: &[Vec<u16>]) -> Vec<Subgroup> {
    let mut groups = groups_of(panel, audit);
    groups.retain(|group| group.inside.contains(&true));
    groups.par_iter().map(|group| subgroup(group, panel, judged, draws)).collect()
}

fn groups_of(panel: &Panel, audit: Option<&Audit>) -> Vec<Group> {
    let group = |by, name: &str, belongs: &dyn Fn(&PanelRow) -> bool| Group {
        by,
        name: name.to_owned(),
        inside: panel.rows.iter().map(belongs).collect(),
    };
    let mut groups =
        vec![group("sex", "women", &|row| row.sex == Sex::Female), group("sex", "men", &|row| row.sex == Sex::Male)];
    let bands = |groups: &mut Vec<Group>, by, edges: &[(&str, f64, f64)], of: &dyn Fn(&PanelRow) -> f64| {
        for (name, from, to) in edges {
            groups.push(group(by, name, &|row| (*from..*to).contains(&of(row))));
        }
    };
    const END: f64 = f64::INFINITY;
    let ages = [("30 to 49", 0.0, 50.0), ("50 to 64", 50.0, 65.0), ("65 to 79", 65.0, 80.0), ("80 or more", 80.0, END)];
    bands(&mut groups, "age in years", &ages, &PanelRow::age_years);
    let years = [("under 10", 0.0, 10.0), ("10 to 29", 10.0, 30.0), ("30 or more", 30.0, END)];
    bands(&mut groups, "years of record", &years, &|row| f64::from(row.history_days) / 365.25);
    let dense = [("under 10", 0.0, 10.0), ("10 to 29", 10.0, 30.0), ("30 or more", 30.0, END)];
    bands(&mut groups, "entries per year of record", &dense, &|row| {
        f64::from(row.entries) / (f64::from(row.history_days) / 365.25).max(1.0)
    });
    for (by, of) in audit.into_iter().flat_map(Audit::columns) {
        let words: Vec<Option<&str>> = panel.keys.iter().map(|key| of.get(key).map(String::as_str)).collect();
        let mut names: Vec<&str> = words.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        groups.extend(names.into_iter().map(|name| group(by, name, &|row| words[row.patient as usize] == Some(name))));
    }
    groups
}

/// What a set of rows shows over all accepted outcomes together.
struct Together {
    events: usize,
    line: Option<ClusteredLine>,
    /// By patient: events, and those that no threshold caught.
    missed: Vec<(u32, u32)>,
    expected: f64,
}

impl Together {
    fn of(panel: &Panel, judged: &[Judged<'_>], counts: impl Fn(usize) -> bool) -> Self {
        let accepted = || judged.iter().filter(|one| one.task.accepted);
        let line = pooled(panel, accepted().map(|one| (one.target, one.scores.model.as_slice())), &counts);
        let mut together = Self { events: 0, line, missed: vec![(0, 0); panel.keys.len()], expected: 0.0 };
        for one in accepted() {
            let labels = one.target.from_day_0.iter().enumerate().filter(|(row, _)| counts(*row));
            for (row, event) in labels.filter_map(|(row, label)| Some((row, (*label)?))) {
                let risk = one.scores.model[row];
                together.expected += risk;
                if event {
                    together.events += 1;
                    let (events, missed) = &mut together.missed[panel.rows[row].patient as usize];
                    *events += 1;
                    *missed += u32::from(risk < one.threshold);
                }
            }
        }
        together
    }

    fn missed_share(&self, times: impl Fn(usize) -> f64) -> Option<f64> {
        let (mut events, mut missed) = (0.0, 0.0);
        for (patient, counts) in self.missed.iter().enumerate().filter(|(_, counts)| counts.0 > 0) {
            events += times(patient) * f64::from(counts.0);
            missed += times(patient) * f64::from(counts.1);
        }
        (events > 0.0).then(|| missed / events)
    }
}

/// A figure of one side, and by how much it is above the other's, over the same draws.
fn compared(
    draws: &[Vec<u16>],
    here: &dyn Fn(Option<&Vec<u16>>) -> Option<f64>,
    there: &dyn Fn(Option<&Vec<u16>>) -> Option<f64>,
) -> (Option<Estimate>, Option<Estimate>) {
    let estimate = |figure: &dyn Fn(Option<&Vec<u16>>) -> Option<f64>| {
        let (low, high) = interval(draws.iter().map(|draw| figure(Some(draw))))?;
        Some(Estimate { value: figure(None)?, low, high })
    };
    (estimate(here), estimate(&|draw| Some(here(draw)? - there(draw)?)))
}

fn subgroup(group: &Group, panel: &Panel, judged: &[Judged<'_>], draws: &[Vec<u16>]) -> Subgroup {
    let inside = &group.inside;
    let rows = || panel.rows.iter().zip(inside).filter(|(_, inside)| **inside).map(|(row, _)| row.patient);
    let patients = rows().collect::<std::collections::BTreeSet<u32>>().len();
    let (here, rest) =
        (Together::of(panel, judged, |row| inside[row]), Together::of(panel, judged, |row| !inside[row]));
    let mut found = Subgroup {
        by: group.by,
        name: group.name.clone(),
        patients,
        rows: rows().count(),
        outcomes: 0,
        auroc: None,
        age_sex: None,
        above_age_sex: None,
        auroc_difference: None,
        events: here.events,
        slope: None,
        slope_difference: None,
        missed: None,
        missed_difference: None,
        observed_per_expected: (here.expected > 0.0).then(|| here.events as f64 / here.expected),
        flagged: false,
    };
    if patients < LEAST_PATIENTS || here.events < LEAST_EVENTS {
        return found;
    }
    aurocs(&mut found, group, panel, judged, draws);
    let slope = |side: &Together, draw: Option<&Vec<u16>>| {
        let line = side.line.as_ref()?;
        Some(draw.map_or(Some(line.line), |draw| line.drawn(draw))?.slope)
    };
    (found.slope, found.slope_difference) = compared(draws, &|draw| slope(&here, draw), &|draw| slope(&rest, draw));
    let missed = |side: &Together, draw: Option<&Vec<u16>>| {
        side.missed_share(|patient| draw.map_or(1.0, |draw| f64::from(draw[patient])))
    };
    (found.missed, found.missed_difference) = compared(draws, &|draw| missed(&here, draw), &|draw| missed(&rest, draw));
    let beyond = |difference: Option<Estimate>, most: f64| {
        difference.is_some_and(|difference| difference.value.abs() > most && difference.excludes_zero())
    };
    found.flagged = beyond(found.auroc_difference, FLAGGED_AUROC) || beyond(found.slope_difference, FLAGGED_SLOPE);
    found
}

/// Fills in the mean AUROCs.
fn aurocs(found: &mut Subgroup, group: &Group, panel: &Panel, judged: &[Judged<'_>], draws: &[Vec<u16>]) {
    let enough = |target: &Target, side: bool| {
        let labels = target.after_gap.iter().zip(&group.inside).filter(|(_, inside)| **inside == side);
        labels.filter(|(label, _)| **label == Some(true)).count() >= LEAST_EVENTS
    };
    let drawn = |one: &Judged<'_>, side: bool| {
        let counts = |row: usize| group.inside[row] == side;
        enough(one.target, side).then(|| DrawnAurocs::of(panel, one.target, &one.scores, draws, counts)).flatten()
    };
    let accepted = judged.iter().filter(|one| one.task.accepted);
    let sides: Vec<(DrawnAurocs, Option<DrawnAurocs>)> =
        accepted.filter_map(|one| Some((drawn(one, true)?, drawn(one, false)))).collect();
    found.outcomes = sides.len();
    if let Some(mean) = DrawnAurocs::mean(&sides.iter().map(|(here, _)| here).collect::<Vec<_>>()) {
        found.auroc = mean.estimate(|a| Some(a.model));
        found.age_sex = mean.estimate(|a| Some(a.age_sex));
        found.above_age_sex = mean.estimate(|a| Some(a.model - a.age_sex));
    }
    let both: Vec<(&DrawnAurocs, &DrawnAurocs)> =
        sides.iter().filter_map(|(here, there)| Some((here, there.as_ref()?))).collect();
    let here = DrawnAurocs::mean(&both.iter().map(|one| one.0).collect::<Vec<_>>());
    let there = DrawnAurocs::mean(&both.iter().map(|one| one.1).collect::<Vec<_>>());
    if let (Some(here), Some(there)) = (here, there) {
        let draws =
            here.draws.iter().zip(&there.draws).map(|(here, there)| Some(here.as_ref()?.model - there.as_ref()?.model));
        found.auroc_difference =
            interval(draws).map(|(low, high)| Estimate { value: here.here.model - there.here.model, low, high });
    }
}
