//! How long before the diagnosis the first alert would have come, at a fixed rate of alerts.
//!
//! The threshold is the risk that one in twenty of the rows at risk reach, whatever the package's own, so that
//! models are compared at equal trouble. Index days are few and years apart: a lead time is that of the day that
//! happened to be asked about, and a model asked at every visit would be earlier.

use super::figures::LEAST_EVENTS;
use super::panel::{Panel, Target};
use serde::Serialize;
use std::collections::BTreeMap;

/// Share of rows that are alerted.
pub const ALERT_RATE: f64 = 0.05;

/// Days between alert and diagnosis, over patients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LeadTime {
    pub threshold: f64,
    /// Patients whom the event befell within the horizon of one of their index days.
    pub patients: usize,
    /// Those of them who were alerted on such a day.
    pub alerted: usize,
    /// From the first such alert to the event; `None` where nobody was alerted.
    pub days: Option<Quartiles>,
}

/// The middle and the quarters beside it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quartiles {
    pub lower: f64,
    pub median: f64,
    pub upper: f64,
}

impl Quartiles {
    /// By linear interpolation; `None` of nothing.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * values.len().checked_sub(1)? as f64;
            let (low, high) = (values.get(place.floor() as usize)?, values.get(place.ceil() as usize)?);
            Some(low + place.fract() * (high - low))
        };
        Some(Self { lower: at(0.25)?, median: at(0.5)?, upper: at(0.75)? })
    }
}

impl LeadTime {
    /// `None` with few patients whom it befell.
    pub fn of(panel: &Panel, target: &Target, scores: &[f64]) -> Option<Self> {
        let rows = panel.rows.iter().zip(&target.courses).zip(scores).filter(|((_, course), _)| course.at_risk);
        let rows: Vec<(u32, i32, Option<i32>, f64)> =
            rows.map(|((row, course), &score)| (row.patient, row.day, course.next, score)).collect();
        let found = Self::of_rows(&rows, target.horizon_days as i32)?;
        (found.patients >= LEAST_EVENTS).then_some(found)
    }

    /// Rows at risk: patient, index day, days to the event if any, risk.
    fn of_rows(rows: &[(u32, i32, Option<i32>, f64)], horizon: i32) -> Option<Self> {
        let mut risks: Vec<f64> = rows.iter().map(|row| row.3).collect();
        risks.sort_by(|a, b| b.total_cmp(a));
        let alerts = (ALERT_RATE * risks.len() as f64).round().max(1.0) as usize;
        let threshold = *risks.get(alerts - 1)?;
        // By patient: the first alerted day and the days from it to the event.
        let mut befallen: BTreeMap<u32, Option<(i32, i32)>> = BTreeMap::new();
        for &(patient, day, next, risk) in rows {
            let Some(days) = next.filter(|&days| days <= horizon) else { continue };
            let first = befallen.entry(patient).or_default();
            if risk >= threshold && first.is_none_or(|(earlier, _)| day < earlier) {
                *first = Some((day, days));
            }
        }
        let days = Quartiles::of(befallen.values().flatten().map(|&(_, days)| f64::from(days)));
        let alerted = befallen.values().flatten().count();
        Some(Self { threshold, patients: befallen.len(), alerted, days })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_alert_that_the_event_follows_counts() {
        // Forty rows, two alerts allowed... of three at 0.9 all are at the threshold, since ties are not split.
        let mut rows = vec![
            (1, 3_000, Some(100), 0.9), // the later alert of patient 1
            (1, 1_000, Some(300), 0.9), // the first
            (1, 500, Some(800), 0.9),   // too far from the event
            (2, 1_000, Some(50), 0.1),  // befallen, never alerted
        ];
        rows.extend((10..46).map(|patient| (patient, 1_000, None, 0.2)));
        let found = LeadTime::of_rows(&rows, 365).unwrap();
        assert_eq!((found.threshold, found.patients, found.alerted), (0.9, 2, 1));
        assert_eq!(found.days, Some(Quartiles { lower: 300.0, median: 300.0, upper: 300.0 }));
    }

    #[test]
    fn quartiles_by_hand() {
        let found = Quartiles::of([4.0, 1.0, 3.0, 2.0, 5.0].into_iter());
        assert_eq!(found, Some(Quartiles { lower: 2.0, median: 3.0, upper: 4.0 }));
        assert_eq!(Quartiles::of([1.0, 2.0].into_iter()).unwrap().median, 1.5);
        assert_eq!(Quartiles::of(std::iter::empty()), None);
    }

    #[test]
    fn nobody_at_risk_has_no_lead_time() {
        assert_eq!(LeadTime::of_rows(&[], 365), None);
    }
}
