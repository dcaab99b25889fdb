//! Charts as real calls bring them: cut short, with whole resource types missing, or one page of each.
//!
//! Owns what of a chart arrives ([`Truncation`]), how it is cut, and how often that happens in practice
//! ([`Truncation::draw`]), so that a model can be trained on such charts and judged on them by the same code.
//! Changes nothing but what is there: standing to outcomes stays that of the whole chart, since whoever labels rows
//! knows it; a server that sees the cut chart does not.

use crate::patient_record::timeline::Kind;
use crate::prediction::network::{Day, History};
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use rand::Rng;
use std::collections::HashMap;

/// Resource types with their kinds: the first stands for one resource, the others come along with it.
/// With each type, how often it is missing where a chart is cut at all (see [`Truncation::draw`]).
const TYPES: [(&str, &[Kind], f64); 16] = [
    ("Condition", &[Kind::Condition, Kind::ConditionEnd], 0.05),
    ("Observation", &[Kind::Observation], 0.10),
    ("Encounter", &[Kind::Encounter, Kind::EncounterType, Kind::EncounterEnd], 0.20),
    ("MedicationRequest", &[Kind::Medication], 0.10),
    ("MedicationStatement", &[Kind::MedicationStatement], 0.50),
    ("MedicationAdministration", &[Kind::MedicationAdministration], 0.50),
    ("Procedure", &[Kind::Procedure], 0.20),
    ("Immunization", &[Kind::Immunization], 0.20),
    ("AllergyIntolerance", &[Kind::Allergy], 0.15),
    ("DiagnosticReport", &[Kind::Report], 0.30),
    ("ServiceRequest", &[Kind::Order], 0.40),
    ("CarePlan", &[Kind::CarePlan], 0.50),
    ("DocumentReference", &[Kind::Note], 0.40),
    ("ImagingStudy", &[Kind::Imaging], 0.60),
    ("Device", &[Kind::Device], 0.50),
    ("FamilyMemberHistory", &[Kind::FamilyHistory], 0.50),
];

/// What arrives of one resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// It is fetched at all.
    pub fetched: bool,
    /// Only what became known on the as-of day and this many days before; all of it when `None`.
    pub within_days: Option<i32>,
    /// Only the newest this many resources, as a first page sorted by date gives; all of them when `None`.
    pub newest: Option<usize>,
}

impl Sent {
    pub const WHOLE: Sent = Sent { fetched: true, within_days: None, newest: None };
    pub const NOTHING: Sent = Sent { fetched: false, within_days: None, newest: None };
}

/// What arrives of a chart, by resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncation([Sent; TYPES.len()]);

/// Among charts that are cut at all: shares with a bounded look-back and with one page only, and the bounds drawn between.
const LOOK_BACK_SHARE: f64 = 0.6;
const LOOK_BACK_YEARS: (f64, f64) = (0.5, 20.0);
const PAGE_SHARE: f64 = 0.5;
const PAGE: (f64, f64) = (10.0, 1000.0);

impl Truncation {
    /// Nothing is missing.
    pub const WHOLE: Truncation = Truncation([Sent::WHOLE; TYPES.len()]);

    /// The same for every type.
    pub fn of_all(sent: Sent) -> Self {
        Self([sent; TYPES.len()])
    }

    /// With something else for one resource type; a type that the chart does not know changes nothing.
    pub fn with(mut self, resource_type: &str, sent: Sent) -> Self {
        for ((name, ..), place) in TYPES.iter().zip(&mut self.0) {
            if *name == resource_type {
                *place = sent;
            }
        }
        self
    }

    /// Every resource type there is.
    pub fn resource_types() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|(name, ..)| *name)
    }

    /// What a real call may bring, for training: everything, but for `cut_share` of the draws (a model must not forget
    /// how to read a whole chart). Among those, each by itself:
    /// every resource type is missing as often as [`TYPES`] says (servers without it, scopes not granted, templates
    /// a client does not fill); in 60 % nothing before a look-back of half a year to 20 years, even on the logarithm
    /// (records begin with the last change of software or hospital); in 50 % only one page per type, of 10 to 1,000
    /// resources, even on the logarithm, newest first (clients that do not follow the next page). These rates are
    /// judgement, not measurement: no public count of what servers send exists. Training with them costs little where
    /// charts are whole; change them for a site whose EHR is known.
    pub fn draw(rng: &mut impl Rng, cut_share: f64) -> Self {
        if rng.random::<f64>() >= cut_share {
            return Self::WHOLE;
        }
        let between = |rng: &mut _, (low, high): (f64, f64)| {
            let part: f64 = Rng::random(rng);
            (low.ln() + part * (high.ln() - low.ln())).exp()
        };
        let years = (rng.random::<f64>() < LOOK_BACK_SHARE).then(|| between(rng, LOOK_BACK_YEARS));
        let page = (rng.random::<f64>() < PAGE_SHARE).then(|| between(rng, PAGE));
        let sent = Sent {
            fetched: true,
            within_days: years.map(|years| (years * 365.25) as i32),
            newest: page.map(|page| page.round() as usize),
        };
        Self(TYPES.map(|(_, _, missing)| if rng.random::<f64>() < missing { Sent::NOTHING } else { sent }))
    }

    /// Which of `events` (day, kind; in order of days) arrive as of `day`. A resource that became several entries on
    /// one day, or several of a code on one day, count as the chart counts them.
    pub fn arrives(&self, events: &[(i32, Kind)], day: i32) -> Vec<bool> {
        let mut seen = [0_usize; TYPES.len()];
        let mut arrives: Vec<bool> =
            events.iter().rev().map(|&(on, kind)| on <= day && self.takes(on, kind, day, &mut seen)).collect();
        arrives.reverse();
        arrives
    }

    /// Whether one more entry arrives, going from the newest to the oldest.
    fn takes(&self, on: i32, kind: Kind, day: i32, seen: &mut [usize; TYPES.len()]) -> bool {
        let Some(place) = TYPES.iter().position(|(_, kinds, _)| kinds.contains(&kind)) else { return true };
        let sent = self.0[place];
        if !sent.fetched || sent.within_days.is_some_and(|days| day.saturating_sub(on) > days) {
            return false;
        }
        let room = sent.newest.is_none_or(|newest| seen[place] < newest);
        if TYPES[place].1.first() == Some(&kind) {
            seen[place] += 1;
        }
        room
    }
}

/// The chart as of `day`, cut to what arrives. Codes that the vocabulary does not know keep their order.
pub fn truncate(chart: &EncodedChart, vocabulary: &Vocabulary, truncation: &Truncation, day: i32) -> EncodedChart {
    let keys = vocabulary.keys.len() as u32;
    let kind = |key: u32| match key.checked_sub(keys) {
        None => vocabulary.keys[key as usize].kind,
        Some(unknown) => chart.unknown[unknown as usize].0,
    };
    let dated: Vec<(i32, Kind)> = chart.events.iter().map(|event| (event.day, kind(event.key))).collect();
    let arrives = truncation.arrives(&dated, day);
    let mut cut = EncodedChart {
        as_of_day: day,
        birth_day: chart.birth_day,
        sex: chart.sex,
        deceased: chart.deceased,
        events: Vec::new(),
        unknown: Vec::new(),
        standing: chart.standing.clone(),
        events_read: 0,
    };
    let mut renumbered: HashMap<u32, u32> = HashMap::new();
    for (event, _) in chart.events.iter().zip(arrives).filter(|(_, arrives)| *arrives) {
        let mut event = *event;
        if event.key >= keys {
            event.key = *renumbered.entry(event.key).or_insert_with(|| {
                cut.unknown.push(chart.unknown[(event.key - keys) as usize].clone());
                keys + cut.unknown.len() as u32 - 1
            });
        }
        cut.events.push(event);
    }
    cut.events_read = cut.events.len();
    cut
}

/// The same for a history in a network's terms. `kinds`: those of the known keys.
pub fn cut(history: &History, kinds: &[Kind], truncation: &Truncation, day: i32) -> History {
    let kind = |key: u32| match (key as usize).checked_sub(kinds.len()) {
        None => kinds[key as usize],
        Some(unknown) => history.unknown[unknown].0,
    };
    let days = &history.days[..history.known_days(day)];
    let entries = |active: &Day| &history.entries[active.start as usize..active.end as usize];
    let dated: Vec<(i32, Kind)> =
        days.iter().flat_map(|active| entries(active).iter().map(|entry| (active.day, kind(entry.key)))).collect();
    let mut arrives = truncation.arrives(&dated, day).into_iter();
    let mut shown = History { days: Vec::new(), entries: Vec::new(), ..history.clone() };
    for active in days {
        let start = shown.entries.len() as u32;
        shown
            .entries
            .extend(entries(active).iter().zip(&mut arrives).filter(|(_, arrives)| *arrives).map(|(entry, _)| entry));
        let end = shown.entries.len() as u32;
        if end > start {
            shown.days.push(Day { day: active.day, start, end });
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::timeline::Sex;
    use crate::prediction::vocabulary::{ChartEvent, KeyEntry};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Keys 0 to 18 are one of each kind; 19 and 20 are unknown codes of two kinds.
    fn vocabulary() -> Vocabulary {
        let entry =
            |kind: &Kind| KeyEntry { key: format!("{kind:?}"), kind: *kind, display: String::new(), patients: 9 };
        Vocabulary::new(Kind::ALL.iter().map(entry).collect(), Vec::new(), Vec::new())
    }

    fn chart(happenings: &[(i32, u32)]) -> EncodedChart {
        let mut happenings = happenings.to_vec();
        happenings.sort_unstable();
        let event =
            |(place, &(day, key)): (usize, &(i32, u32))| ChartEvent { day, key, number: None, event: place as u32 };
        EncodedChart {
            as_of_day: 400,
            birth_day: Some(0),
            sex: Sex::Female,
            deceased: false,
            events: happenings.iter().enumerate().map(event).collect(),
            unknown: vec![(Kind::Condition, "one".into()), (Kind::Observation, "other".into())],
            standing: Vec::new(),
            events_read: happenings.len(),
        }
    }

    fn places(chart: &EncodedChart) -> Vec<u32> {
        chart.events.iter().map(|event| event.event).collect()
    }

    proptest! {
        #[test]
        fn what_arrives_is_part_of_the_chart_in_its_order(
            happenings in prop::collection::vec((0_i32..400, 0_u32..21), 0..80), seed in any::<u64>(), day in 0_i32..400
        ) {
            let (whole, words) = (chart(&happenings), vocabulary());
            let truncation = Truncation::draw(&mut ChaCha8Rng::seed_from_u64(seed), 0.5);
            prop_assert_eq!(&truncation, &Truncation::draw(&mut ChaCha8Rng::seed_from_u64(seed), 0.5));
            let cut = truncate(&whole, &words, &truncation, day);
            prop_assert!(places(&cut).is_sorted() && cut.events.iter().all(|event| event.day <= day));
            for event in &cut.events {
                let before = whole.events[event.event as usize];
                prop_assert_eq!(event.day, before.day);
                // An unknown code keeps its words under whatever number.
                let text = |chart: &EncodedChart, key: u32| match key.checked_sub(19) {
                    Some(unknown) => chart.unknown[unknown as usize].1.clone(),
                    None => key.to_string(),
                };
                prop_assert_eq!(text(&cut, event.key), text(&whole, before.key));
            }
            prop_assert_eq!(&truncate(&cut, &words, &truncation, day), &cut, "cutting again changes nothing");
            let all = truncate(&whole, &words, &Truncation::WHOLE, 400);
            prop_assert_eq!(places(&all), places(&whole));
        }

        #[test]
        fn look_back_and_page_are_kept_to(
            happenings in prop::collection::vec((0_i32..400, 0_u32..19), 0..80), days in 0_i32..300, page in 0_usize..6
        ) {
            let (whole, words) = (chart(&happenings), vocabulary());
            let sent = Sent { fetched: true, within_days: Some(days), newest: Some(page) };
            let cut = truncate(&whole, &words, &Truncation::of_all(sent), 350);
            prop_assert!(cut.events.iter().all(|event| (350 - days..=350).contains(&event.day)));
            for (_, kinds, _) in TYPES {
                let own = |event: &&ChartEvent| Kind::ALL[event.key as usize] == kinds[0];
                let inside = |event: &&ChartEvent| (350 - days..=350).contains(&event.day);
                let there = whole.events.iter().filter(own).filter(inside).count();
                prop_assert_eq!(cut.events.iter().filter(own).count(), there.min(page));
            }
        }
    }

    #[test]
    fn a_history_is_cut_like_its_chart() {
        let happenings: Vec<(i32, u32)> = (0..120).map(|i| (i * 7 % 390, (i * 5 % 21) as u32)).collect();
        let (whole, words) = (chart(&happenings), vocabulary());
        let kinds: Vec<Kind> = words.keys.iter().map(|entry| entry.kind).collect();
        let shown = |history: &History| -> Vec<(i32, u32)> {
            let entries = |day: &Day| &history.entries[day.start as usize..day.end as usize];
            history.days.iter().flat_map(|day| entries(day).iter().map(|entry| (day.day, entry.key))).collect()
        };
        let history = History::new(&whole, &words, 8);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..60 {
            let truncation = Truncation::draw(&mut rng, 0.9);
            let by_chart = truncate(&whole, &words, &truncation, 350);
            let numbers: Vec<(i32, u32)> = by_chart
                .events
                .iter()
                // Unknown codes are numbered anew in a cut chart and keep their numbers in a cut history.
                .map(|event| (event.day, whole.events[event.event as usize].key))
                .collect();
            assert_eq!(shown(&cut(&history, &kinds, &truncation, 350)), numbers);
        }
    }

    #[test]
    fn a_type_that_is_not_fetched_takes_its_kinds_along_and_no_other() {
        let happenings: Vec<(i32, u32)> = (0..19).map(|key| (key as i32, key)).collect();
        let truncation = Truncation::WHOLE.with("Encounter", Sent::NOTHING).with("Observation", Sent::NOTHING);
        let cut = truncate(&chart(&happenings), &vocabulary(), &truncation.with("Basic", Sent::NOTHING), 400);
        let missing: Vec<Kind> =
            Kind::ALL.into_iter().filter(|kind| !cut.events.iter().any(|event| event.key == *kind as u32)).collect();
        assert_eq!(missing, [Kind::Encounter, Kind::EncounterType, Kind::EncounterEnd, Kind::Observation]);
    }

    #[test]
    fn every_kind_belongs_to_one_type() {
        for kind in Kind::ALL {
            assert_eq!(TYPES.iter().filter(|(_, kinds, _)| kinds.contains(&kind)).count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn as_many_draws_are_whole_as_asked_and_conditions_are_seldom_missing() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let draws: Vec<Truncation> = (0..4_000).map(|_| Truncation::draw(&mut rng, 0.5)).collect();
        let share =
            |holds: &dyn Fn(&Truncation) -> bool| draws.iter().filter(|draw| holds(draw)).count() as f64 / 4_000.0;
        assert!((share(&|draw| *draw == Truncation::WHOLE) - 0.5).abs() < 0.03);
        assert!((share(&|draw| !draw.0[0].fetched) - 0.025).abs() < 0.01, "half of one in twenty");
        assert!((share(&|draw| draw.0.iter().any(|sent| sent.within_days.is_some())) - 0.3).abs() < 0.03);
        let pages = || draws.iter().flat_map(|draw| draw.0.iter().filter_map(|sent| sent.newest));
        assert!(pages().all(|page| (10..=1000).contains(&page)) && pages().any(|page| page > 500));
    }
}
