//! Which event stands in which lane, and on which day.

use crate::patient_record::timeline::{Event, Kind, SECONDS_PER_DAY, Second, Timeline};
use crate::web::smart::page::wording;

/// The lanes, from top to bottom.
pub const LANES: [&str; 6] = ["Visits", "Conditions", "Medicines", "Results", "Procedures", "Others"];

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// Index in [`LANES`].
    pub lane: usize,
    /// The chart's own words: hostile like the chart.
    pub name: String,
    pub value: Option<String>,
}

/// The days that a picture shows, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub first: i64,
    pub last: i64,
    /// The day of birth, where it is known.
    pub birth: Option<i64>,
}

/// The clinical day of an event.
pub fn day_of(event: &Event) -> i64 {
    event.known.saturating_add(event.clinical_offset).div_euclid(SECONDS_PER_DAY)
}

/// The lane of a kind; `None` where another event of the same resource says it already.
fn lane(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Encounter => Some(0),
        Kind::EncounterType | Kind::EncounterEnd => None,
        Kind::Condition | Kind::ConditionEnd | Kind::Allergy => Some(1),
        Kind::Medication | Kind::MedicationStatement | Kind::MedicationAdministration | Kind::Immunization => Some(2),
        Kind::Observation => Some(3),
        Kind::Procedure | Kind::Imaging => Some(4),
        Kind::Report | Kind::Order | Kind::CarePlan | Kind::Note | Kind::Device | Kind::FamilyHistory => Some(5),
    }
}

/// The lane that a mark of this kind lies over.
pub fn lane_of(kind: Kind) -> usize {
    lane(kind).unwrap_or(0)
}

/// Everything known at `as_of`, in order of days and lanes.
pub fn entries(timeline: &Timeline, as_of: Second) -> Vec<Entry> {
    let entry = |event: &Event| {
        let lane = lane(event.kind)?;
        Some(Entry { day: day_of(event), lane, name: wording::name(event), value: wording::value(event) })
    };
    let mut entries: Vec<Entry> = timeline.known_at(as_of).iter().filter_map(entry).collect();
    entries.sort_by_key(|one| (one.day, one.lane));
    entries
}

impl Span {
    /// From the first entry to `as_of`. An entry before birth, or dated after what is known, moves no end: it is drawn at it.
    pub fn of(entries: &[Entry], timeline: &Timeline, as_of: Second) -> Self {
        let last = as_of.div_euclid(SECONDS_PER_DAY);
        let birth = timeline.patient.birth.map(|birth| birth.div_euclid(SECONDS_PER_DAY)).filter(|birth| *birth < last);
        let first = entries.first().map_or(last, |entry| entry.day);
        let first = birth.map_or(first, |birth| first.max(birth));
        Self { first: first.min(last - 1), last, birth }
    }

    /// Where a day lies, 0 to 1.
    pub fn share(&self, day: i64) -> f64 {
        (day.clamp(self.first, self.last) - self.first) as f64 / self.days() as f64
    }

    /// At least 2.
    pub fn days(&self) -> i64 {
        self.last - self.first + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_lane_but_those_that_repeat_a_visit() {
        let without: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| lane(*kind).is_none()).collect();
        assert_eq!(without, [Kind::EncounterType, Kind::EncounterEnd]);
        assert!(Kind::ALL.into_iter().filter_map(lane).all(|lane| lane < LANES.len()));
    }

    #[test]
    fn days_outside_are_drawn_at_the_ends() {
        let span = Span { first: 100, last: 199, birth: None };
        assert_eq!([span.share(-5), span.share(100), span.share(150), span.share(400)], [0.0, 0.0, 0.5, 0.99]);
    }
}
