//! The charts of which the model says nothing: what its package was not made for, and what it has hardly seen the like of.

use super::Model;
use crate::patient_record::timeline::Sex;
use crate::prediction::answer::Abstention;
use crate::prediction::network::History;
use crate::prediction::vocabulary::EncodedChart;

impl Model {
    /// Why nothing may be shown for a chart of which the readers say `raw`.
    pub(super) fn abstention(&self, chart: &EncodedChart, history: &History, raw: &[f64]) -> Option<Abstention> {
        let known = history.known_days(chart.as_of_day);
        let age = chart.birth_day.map(|_| history.age_years(chart.as_of_day) as f64);
        let first = history.days.first().map_or(chart.as_of_day, |day| day.day);
        let window = &history.days[known.saturating_sub(self.context.saturating_sub(1))..known];
        let entries =
            window.first().map_or(0, |day| day.start as usize)..window.last().map_or(0, |day| day.end as usize);
        let keys = self.vocabulary.keys.len() as u32;
        let unknown = history.entries[entries.clone()].iter().filter(|entry| entry.key >= keys).count();
        let limits = &self.limits;
        if chart.deceased {
            Some(Abstention::Deceased)
        } else if age.is_none_or(|age| age < limits.least_age_years || age > limits.most_age_years) {
            Some(Abstention::AgeOutOfRange)
        } else if chart.sex == Sex::Unknown {
            Some(Abstention::SexUnknown)
        } else if known < limits.least_active_days || chart.as_of_day - first < limits.least_history_days {
            Some(Abstention::ThinChart)
        } else if unknown as f64 > limits.most_unknown_share * entries.len().max(1) as f64 {
            Some(Abstention::UnfamiliarCodes)
        } else if self.is_far(raw) {
            Some(Abstention::UnlikeCalibration)
        } else {
            None
        }
    }

    /// Whether the readers say of a chart what they say of hardly any calibration chart.
    fn is_far(&self, raw: &[f64]) -> bool {
        let limit = self.limits.most_distance.zip(self.distance.as_ref());
        limit.is_some_and(|(limit, distance)| distance.of(raw) > limit)
    }
}
