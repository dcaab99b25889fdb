//! Who is asked about, on which day, and what then happened.
//!
//! Owns the draw of index days and the meaning of a label, both as the independent evaluation defines them.
//! A label knows nothing of follow-up: who reads it checks that the window was watched to its end.

use crate::learning::life::dated;
use crate::learning::shard::PatientRow;
use crate::patient_record::timeline::Sex;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes, Standing};
use rand::Rng;

/// The first full day after the 30th birthday, in days since birth.
const FIRST_AGE_DAYS: i32 = 30 * 1461 / 4 + 1;
/// Days of record before an index day, and of follow-up after it.
const HISTORY_DAYS: i32 = 365;
const FOLLOW_UP_DAYS: i32 = 366;
/// Days between index days of one patient: among the first three, and among the others.
const FIRST_SPACING: i32 = 90;
const SPACING: i32 = 30;
const TRIES: usize = 12;

/// Draws up to `per_patient` index days: of every three two are visits (the year drawn first, so that dialysis does
/// not dominate) and one is a random day. Aged 30 or more, a year of record before, alive the day after, a year of
/// follow-up. `visits` ascending. Everything known by the end of an index day may be used.
pub fn index_days(row: &PatientRow, visits: &[i32], per_patient: usize, rng: &mut impl Rng) -> Vec<i32> {
    index_days_since(i32::MIN, row, visits, per_patient, rng)
}

/// How many index days are drawn, and from which years.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// At most.
    pub per_patient: usize,
    /// Only the last so many years of follow-up: older care was recorded otherwise.
    pub within_years: u32,
    /// In proportion to the years that can be drawn from, `per_patient` where these are `within_years`. As many from a
    /// short life as from a long one would make days shortly before a death more frequent than they are in care.
    pub by_length: bool,
}

impl Draw {
    /// As many from each patient.
    pub fn even(per_patient: usize, within_years: u32) -> Self {
        Self { per_patient, within_years, by_length: false }
    }

    fn count(self, (earliest, latest): (i32, i32), rng: &mut impl Rng) -> usize {
        if !self.by_length {
            return self.per_patient;
        }
        let share = f64::from(latest - earliest) / (f64::from(self.within_years) * 365.25);
        // Rounded by chance, so that very short lives are drawn as rarely as they should be.
        ((self.per_patient as f64 * share + rng.random::<f64>()) as usize).min(self.per_patient)
    }
}

/// [`index_days`] as `draw` says.
pub fn drawn_index_days(draw: Draw, row: &PatientRow, visits: &[i32], rng: &mut impl Rng) -> Vec<i32> {
    let since = since(draw.within_years, row);
    let Some(span) = span(since, row) else { return Vec::new() };
    let count = draw.count(span, rng);
    index_days_since(since, row, visits, count, rng)
}

/// Those of `days` (ascending) that could be index days of the last `within_years` years of follow-up.
pub fn eligible_days<'a>(within_years: u32, row: &PatientRow, days: &'a [i32]) -> &'a [i32] {
    let Some((earliest, latest)) = span(since(within_years, row), row) else { return &[] };
    let (from, to) = (days.partition_point(|&day| day < earliest), days.partition_point(|&day| day <= latest));
    days.get(from..to).unwrap_or_default()
}

fn since(within_years: u32, row: &PatientRow) -> i32 {
    row.follow_up_end - (f64::from(within_years) * 365.25) as i32
}

/// The first and the last day of a life that may be an index day, where there is more than one.
fn span(since: i32, row: &PatientRow) -> Option<(i32, i32)> {
    let first = dated(row).map(|(day, _)| day).next()?;
    let earliest = FIRST_AGE_DAYS.max(first.saturating_add(HISTORY_DAYS)).max(since);
    let latest = (row.follow_up_end - FOLLOW_UP_DAYS).min(row.death.map_or(i32::MAX, |death| death - 1));
    (latest > earliest).then_some((earliest, latest))
}

fn index_days_since(since: i32, row: &PatientRow, visits: &[i32], per_patient: usize, rng: &mut impl Rng) -> Vec<i32> {
    let Some((earliest, latest)) = span(since, row) else { return Vec::new() };
    let from = visits.partition_point(|&day| day < earliest);
    let to = visits.partition_point(|&day| day <= latest);
    let visits = visits.get(from..to).unwrap_or_default();
    let mut years: Vec<i32> = visits.iter().map(|day| day / 365).collect();
    years.dedup();
    let mut drawn: Vec<i32> = Vec::with_capacity(per_patient);
    for rank in 0..per_patient {
        let spacing = if rank < 3 { FIRST_SPACING } else { SPACING };
        let day = (0..TRIES)
            .map(|_| {
                if rank % 3 == 2 || visits.is_empty() {
                    return rng.random_range(earliest..=latest);
                }
                let year = years[rng.random_range(0..years.len())];
                let from = visits.partition_point(|day| day / 365 < year);
                let to = visits.partition_point(|day| day / 365 <= year);
                visits[rng.random_range(from..to)]
            })
            .find(|day| drawn.iter().all(|other| (day - other).abs() >= spacing));
        drawn.extend(day);
    }
    drawn
}

/// The window of a label, in days after the index day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Events on the first `gap_days` days do not count; who has a first-only outcome in them leaves.
    pub gap_days: i32,
    pub horizon_days: i32,
}

/// Whether outcome `index` happened in the window after the end of `day`; `None` for who cannot have it.
/// Death before the outcome is no event.
pub fn label(
    phenotypes: &Phenotypes,
    index: usize,
    days: &OutcomeDays,
    sex: Sex,
    day: i32,
    window: Window,
) -> Option<bool> {
    if phenotypes.stands(index, days, sex, day) != Standing::AtRisk {
        return None;
    }
    let (opens, closes) = (day + window.gap_days, day + window.horizon_days);
    if phenotypes.outcomes[index].1.first_only {
        let first = days.days.first().copied().unwrap_or(i32::MAX);
        return (first > opens).then_some(first <= closes);
    }
    Some(days.days.iter().any(|&event| event > opens && event <= closes))
}

/// What became of one outcome after one index day, as far as the record goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// It could still happen, at the end of the index day.
    pub at_risk: bool,
    /// It could still happen after the gap: a first occurrence in the gap leaves.
    pub at_risk_after_gap: bool,
    /// It had happened before; an outcome that comes once is then not at risk.
    pub before: bool,
    /// Days to the first occurrence after the index day.
    pub next: Option<i32>,
    /// Days to the first occurrence after the gap.
    pub next_after_gap: Option<i32>,
}

impl Course {
    /// The course of outcome `index` after `day`.
    pub fn of(phenotypes: &Phenotypes, index: usize, days: &OutcomeDays, sex: Sex, day: i32) -> Self {
        let gap_days = phenotypes.gap_days as i32;
        let at_risk = |gap_days| {
            label(phenotypes, index, days, sex, day, Window { gap_days, horizon_days: i32::MAX - day }).is_some()
        };
        let first_after = |from: i32| days.days.iter().find(|&&event| event > from).map(|event| event - day);
        Self {
            at_risk: at_risk(0),
            at_risk_after_gap: at_risk(gap_days),
            before: days.days.first().is_some_and(|&first| first <= day),
            next: first_after(day),
            next_after_gap: first_after(day + gap_days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::shard::{EventRow, Split};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn life(first: i32, death: Option<i32>, follow_up_end: i32) -> PatientRow {
        let events = vec![EventRow { after_days: first, fact: 0, number: None }];
        PatientRow { key: [0; 16], split: Split::Test, sex: Sex::Female, follow_up_end, death, events }
    }

    proptest! {
        #[test]
        fn index_days_keep_to_age_history_life_follow_up_and_spacing(
            first in -100_i32..20_000, length in 0_i32..30_000, dies in prop::option::of(0_i32..30_000),
            visits in prop::collection::vec(0_i32..40_000, 0..60), seed in any::<u64>()
        ) {
            let mut visits = visits;
            visits.sort_unstable();
            visits.dedup();
            let row = life(first, dies.map(|after| first + after), first + length);
            let days = index_days(&row, &visits, 12, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(days.len() <= 12);
            for (rank, &day) in days.iter().enumerate() {
                prop_assert!(f64::from(day) >= 30.0 * 365.25 && day >= first + 365);
                prop_assert!(day + 366 <= first + length && row.death.is_none_or(|death| day < death));
                prop_assert!(days[..rank].iter().all(|other| (day - other).abs() >= 30));
            }
            let recent = drawn_index_days(Draw::even(12, 5), &row, &visits, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(recent.iter().all(|day| f64::from(first + length - day) <= 5.0 * 365.25));
            let eligible = eligible_days(5, &row, &visits);
            prop_assert!(recent.iter().all(|day| !visits.contains(day) || eligible.contains(day)));
            prop_assert!(eligible.iter().all(|&day| day >= first + 365 && day + 366 <= first + length));
            let again = index_days(&row, &visits, 12, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(days, again);
        }
    }

    #[test]
    fn drawn_by_length_a_life_of_half_the_years_gets_half_the_days() {
        let draw = Draw { per_patient: 8, within_years: 20, by_length: true };
        let visits: Vec<i32> = (0..200).map(|visit| visit * 150).collect();
        let mean = |years: f64| {
            let row = life(12_000, None, 12_000 + HISTORY_DAYS + FOLLOW_UP_DAYS + (years * 365.25) as i32);
            let count = |seed| drawn_index_days(draw, &row, &visits, &mut ChaCha8Rng::seed_from_u64(seed)).len();
            (0..200).map(count).sum::<usize>() as f64 / 200.0
        };
        assert!((mean(10.0) - 4.0).abs() < 0.3, "{}", mean(10.0));
        assert!(mean(1.0) < 0.6, "{}", mean(1.0));
        assert!(mean(40.0) > 7.5, "{}", mean(40.0));
    }

    #[test]
    fn two_of_three_index_days_are_visits_spread_over_the_years() {
        // Dialysis in one year: a visit every second day; one visit in each of twenty other years.
        let mut visits: Vec<i32> = (0..180).map(|i| 15_000 + 2 * i).collect();
        visits.extend((1..=20).map(|year| 15_400 + year * 365));
        let row = life(0, None, 30_000);
        let mut days = Vec::new();
        for seed in 0..40 {
            days.extend(index_days(&row, &visits, 12, &mut ChaCha8Rng::seed_from_u64(seed)));
        }
        let at_visits = days.iter().filter(|day| visits.contains(day)).count() as f64 / days.len() as f64;
        assert!((0.60..0.75).contains(&at_visits), "{at_visits}");
        let at_dialysis = days.iter().filter(|day| visits[..180].contains(day)).count() as f64 / days.len() as f64;
        assert!(at_dialysis < 0.25, "{at_dialysis}");
    }

    fn outcomes() -> Phenotypes {
        Phenotypes::parse(
            r#"
            format = 1
            gap_days = 30
            horizons_days = [365]
            [outcome.a-first]
            title = "first only"
            group = "disease"
            rule = "condition"
            first_only = true
            codes = ["S:1"]
            [outcome.b-again]
            title = "may come again"
            group = "disease"
            rule = "condition"
            codes = ["S:2"]
            only_sex = "Female"
            "#,
        )
        .unwrap()
    }

    /// The label with the gap and the one from the first day.
    fn both(index: usize, days: &[i32], day: i32, sex: Sex) -> (Option<bool>, Option<bool>) {
        let days = OutcomeDays { days: days.to_vec(), ..OutcomeDays::default() };
        let of = |gap_days| label(&outcomes(), index, &days, sex, day, Window { gap_days, horizon_days: 365 });
        (of(30), of(0))
    }

    #[test]
    fn a_first_occurrence_counts_once_and_leaves_when_it_falls_into_the_gap() {
        assert_eq!(both(0, &[], 1_000, Sex::Male), (Some(false), Some(false)));
        assert_eq!(both(0, &[1_000], 1_000, Sex::Male), (None, None), "known by the end of the index day");
        assert_eq!(both(0, &[1_001], 1_000, Sex::Male), (None, Some(true)));
        assert_eq!(both(0, &[1_030], 1_000, Sex::Male), (None, Some(true)), "the last day of the gap");
        assert_eq!(both(0, &[1_031], 1_000, Sex::Male), (Some(true), Some(true)));
        assert_eq!(both(0, &[1_365], 1_000, Sex::Male), (Some(true), Some(true)), "the last day of the window");
        assert_eq!(both(0, &[1_366], 1_000, Sex::Male), (Some(false), Some(false)));
    }

    #[test]
    fn a_recurrent_outcome_counts_whatever_happened_before() {
        assert_eq!(both(1, &[900], 1_000, Sex::Female), (Some(false), Some(false)));
        assert_eq!(both(1, &[900, 1_010], 1_000, Sex::Female), (Some(false), Some(true)));
        assert_eq!(both(1, &[900, 1_010, 1_200], 1_000, Sex::Female), (Some(true), Some(true)));
        assert_eq!(both(1, &[1_200], 1_000, Sex::Male), (None, None), "the other sex cannot have it");
    }
}
