//! One chart, read once and assessed at several moments: now, and as of its last visits.
//!
//! For a page that shows a clinician a record and how its outlook moved. Each moment has its row in the audit; that of now
//! names every outcome that may be shown, so that feedback finds it.

use super::chart::{self, ChartSource, Charted};
use super::{Asker, AssessError, AssessRequest, Assessment, Purpose, judge};
use crate::decision_support::answer_hook::HookParts;
use crate::decision_support::service_definition::Mode;
use crate::patient_record::timeline::{Kind, SECONDS_PER_DAY, Second, Timeline};
use crate::prediction::answer::Explain;
use futures_util::future::try_join_all;
use std::sync::Arc;

/// What stands in audit and feedback in place of a service's id.
pub const PAGE_SERVICE: &str = "smart-page";
/// Visits that are looked back to.
const MOST_VISITS: usize = 5;
/// Visits nearer to one another than this count as one.
const APART: Second = 30 * SECONDS_PER_DAY;
/// Risks whose evidence is looked for; it costs more than the risks themselves.
const MOST_EXPLAINED: usize = 5;

/// A record with its assessments.
#[derive(Clone, Debug)]
pub struct Course {
    /// Everything that was read; also what was known only after an earlier moment.
    pub timeline: Arc<Timeline>,
    pub now: Assessment,
    /// As of the end of the days of its last visits, the oldest first; `None`: they could not be assessed, as when the
    /// model was busy, which takes nothing from `now`.
    pub earlier: Option<Vec<Assessment>>,
}

/// Reads a chart once and assesses it now and at its last visits, every outcome, with the evidence of those that a live
/// service would show.
///
/// # Errors
/// As [`super::assess`].
pub async fn assess_course(
    parts: &Arc<HookParts>,
    source: ChartSource,
    as_of: Second,
    asker: &Asker,
) -> Result<Course, AssessError> {
    let charted = chart::read(parts, source, as_of).await?;
    let asked = request(as_of);
    let now = judge(parts, &charted, &asked, page(parts), asker);
    let (now, earlier) = tokio::join!(now, judge_visits(parts, &charted, as_of, asker));
    let earlier = earlier.inspect_err(|error| tracing::warn!(%error, "a page is shown without its trend")).ok();
    Ok(Course { now: now?, timeline: charted.timeline, earlier })
}

/// The chart as of its last visits, while the model already thinks about now.
async fn judge_visits(
    parts: &Arc<HookParts>,
    charted: &Charted,
    as_of: Second,
    asker: &Asker,
) -> Result<Vec<Assessment>, AssessError> {
    let past = at_visits(parts, charted, as_of).await?;
    try_join_all(past.iter().map(|(moment, charted)| judge_past(parts, charted, *moment, asker))).await
}

async fn judge_past(
    parts: &Arc<HookParts>,
    charted: &Charted,
    moment: Second,
    asker: &Asker,
) -> Result<Assessment, AssessError> {
    judge(parts, charted, &request(moment), quiet(), asker).await
}

fn request(as_of: Second) -> AssessRequest {
    AssessRequest { as_of, phenotypes: Vec::new() }
}

fn quiet() -> Purpose {
    Purpose { operation: PAGE_SERVICE, hook: "smart-launch", explain: Vec::new(), max_explained: 0, shown: false }
}

fn page(parts: &HookParts) -> Purpose {
    let live = parts.catalogue.services().iter().filter(|service| service.mode == Mode::Live);
    let explain = live.flat_map(|service| &service.outcomes).map(|shown| Explain {
        phenotype: shown.phenotype.clone(),
        horizon_days: shown.horizon_days,
        at_least: shown.threshold,
    });
    Purpose { explain: explain.collect(), max_explained: MOST_EXPLAINED, shown: true, ..quiet() }
}

/// The chart as it could be read at the end of its last visits.
async fn at_visits(
    parts: &Arc<HookParts>,
    charted: &Charted,
    as_of: Second,
) -> Result<Vec<(Second, Charted)>, AssessError> {
    let moments = last_visits(&charted.timeline, as_of);
    let (parts, timeline, unread) = (parts.clone(), charted.timeline.clone(), charted.unread.clone());
    let encode = move |moment: Second| {
        let encoded = Arc::new(parts.predictor.oracle().encode(&timeline, moment));
        (moment, Charted { timeline: timeline.clone(), encoded, unread: unread.clone() })
    };
    let encoding = tokio::task::spawn_blocking(move || moments.into_iter().map(encode).collect());
    encoding.await.map_err(|_| AssessError::Interrupted)
}

/// Ends of the days of the last visits, the oldest first.
fn last_visits(timeline: &Timeline, as_of: Second) -> Vec<Second> {
    let visits = timeline.known_at(as_of).iter().rev().filter(|event| event.kind == Kind::Encounter);
    let ends = visits.map(|visit| (visit.known.div_euclid(SECONDS_PER_DAY) + 1) * SECONDS_PER_DAY - 1);
    let mut moments: Vec<Second> = Vec::new();
    for end in ends {
        if moments.len() < MOST_VISITS && end.saturating_add(APART) <= *moments.last().unwrap_or(&as_of) {
            moments.push(end);
        }
    }
    moments.reverse();
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::chart::ChartReader;
    use serde_json::json;

    fn timeline(days: &[&str]) -> Timeline {
        let mut reader = ChartReader::new();
        reader.take_json(br#"{"resourceType": "Patient", "id": "p", "birthDate": "1960-01-01"}"#).expect("a patient");
        for (number, day) in days.iter().enumerate() {
            let visit = json!({"resourceType": "Encounter", "id": number.to_string(), "status": "finished",
                               "class": {"code": "AMB"}, "subject": {"reference": "Patient/p"},
                               "period": {"start": format!("{day}T09:00:00Z")}});
            reader.take_json(visit.to_string().as_bytes()).expect("a visit");
        }
        reader.finish_one("p").expect("a timeline")
    }

    fn days(moments: &[Second]) -> Vec<String> {
        let write = |moment: &Second| crate::patient_record::moment::write(*moment);
        moments.iter().map(write).collect()
    }

    #[test]
    fn the_last_visits_lie_a_month_apart_and_before_now() {
        let now = "2020-06-20T12:00:00Z".parse::<jiff::Timestamp>().expect("a time").as_second();
        let visits = timeline(&["2019-01-10", "2020-03-01", "2020-03-20", "2020-05-01", "2020-06-18", "2021-01-01"]);
        let moments = last_visits(&visits, now);
        assert_eq!(days(&moments), ["2019-01-10T23:59:59Z", "2020-03-20T23:59:59Z", "2020-05-01T23:59:59Z"]);
    }

    #[test]
    fn at_most_five_are_looked_back_to() {
        let visits = timeline(&["2010-01-10", "2011-01-10", "2012-01-10", "2013-01-10", "2014-01-10", "2015-01-10"]);
        assert_eq!(last_visits(&visits, 1_600_000_000).len(), MOST_VISITS);
        assert!(last_visits(&timeline(&[]), 1_600_000_000).is_empty());
    }
}
