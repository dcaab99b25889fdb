//! What the answers of a journey say about one outcome: the moments with a card, the risk where cards tell it, and when
//! the outcome came into the record.
//!
//! Between two cards nothing is made up: without a card the risk is not known outside the service.

use super::super::card::Card;
use super::super::chart::Chart;
use super::super::facts::without_tag;
use super::{Journey, Told};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// The extension by which a Prodrome card says what it rests on.
const ASSESSMENT: &str = "org.prodrome.assessment";

/// One outcome over a life.
#[derive(Debug)]
pub struct Curve {
    /// The card's topic, else its phenotype or service.
    pub name: String,
    /// Days that the risk looks ahead; None where cards tell no risk.
    pub horizon_days: Option<u32>,
    /// Oldest first; never empty.
    pub points: Vec<Point>,
    /// The first problem of the record that names the outcome.
    pub recorded: Option<(String, Date)>,
}

/// A moment with a card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Of the journey's moments.
    pub place: usize,
    pub day: Date,
    /// From 0 to 1: the patient's, and the average of the same age and sex.
    pub risk: Option<f64>,
    pub average: Option<f64>,
}

/// What of the extension is drawn.
#[derive(Debug, Deserialize)]
struct Assessment {
    phenotype: String,
    horizon_days: u32,
    risk: f64,
    #[serde(default)]
    baseline_risk: Option<f64>,
}

impl Assessment {
    /// None where the card has no such extension, or one with a risk that cannot be.
    fn of(card: &Card) -> Option<Self> {
        let assessment = Self::deserialize(card.extension.as_ref()?.get(ASSESSMENT)?).ok()?;
        let risks = [Some(assessment.risk), assessment.baseline_risk];
        risks.iter().flatten().all(|risk| (0.0..=1.0).contains(risk)).then_some(assessment)
    }
}

/// One curve for each outcome that ever had a card, the first shown first.
pub fn curves(journey: &Journey, chart: &Chart) -> Vec<Curve> {
    let mut found: Vec<(String, Curve)> = Vec::new();
    for (place, moment) in journey.moments.iter().enumerate() {
        for told in moment.answer.iter().flat_map(|answer| &answer.told) {
            let assessment = Assessment::of(&told.card);
            let (risk, average) = assessment.as_ref().map_or((None, None), |it| (Some(it.risk), it.baseline_risk));
            let point = Point { place, day: moment.day, risk, average };
            let key = key(told, assessment.as_ref());
            match found.iter_mut().find(|(other, _)| *other == key) {
                Some((_, curve)) if curve.points.last().is_some_and(|last| last.place == place) => {}
                Some((_, curve)) => curve.points.push(point),
                None => found.push((key, curve(told, assessment, point, chart))),
            }
        }
    }
    found.into_iter().map(|(_, curve)| curve).collect()
}

fn key(told: &Told, assessment: Option<&Assessment>) -> String {
    match assessment {
        Some(it) => format!("{} within {}", it.phenotype, it.horizon_days),
        None => format!("{}: {}", told.service, topic(&told.card).unwrap_or_default()),
    }
}

fn curve(told: &Told, assessment: Option<Assessment>, first: Point, chart: &Chart) -> Curve {
    let spelled = assessment.as_ref().map(|it| it.phenotype.replace(['-', '_'], " "));
    let names: Vec<String> = topic(&told.card).into_iter().map(str::to_owned).chain(spelled).collect();
    let recorded = names.iter().find_map(|name| first_problem(chart, name));
    Curve {
        name: names.into_iter().next().unwrap_or_else(|| told.service.clone()),
        horizon_days: assessment.map(|it| it.horizon_days),
        points: vec![first],
        recorded,
    }
}

fn topic(card: &Card) -> Option<&str> {
    card.source.topic.as_ref()?["display"].as_str().filter(|display| !display.is_empty())
}

/// The first problem of the chart whose title holds every word of a name. Words are all that an EHR can compare here: a
/// card does not say by which codes the outcome is defined.
fn first_problem(chart: &Chart, name: &str) -> Option<(String, Date)> {
    let wanted: Vec<String> = words(name).collect();
    let names = |title: &str| {
        let problem = ["(disorder)", "(finding)"].iter().any(|tag| title.ends_with(tag));
        problem && !wanted.is_empty() && wanted.iter().all(|word| words(title).any(|other| other == *word))
    };
    first_problems(chart)
        .into_iter()
        .find(|(title, _)| names(title))
        .map(|(title, at)| (without_tag(title).into(), day(at)))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Every problem of a chart by title, with the moment it was first recorded, the earliest first.
fn first_problems(chart: &Chart) -> Vec<(&str, Timestamp)> {
    let mut firsts: Vec<(&str, Timestamp)> = Vec::new();
    for condition in chart.of_type("Condition") {
        let (title, Some(start)) = (&*condition.facts.title, condition.facts.start) else { continue };
        match firsts.iter_mut().find(|(other, _)| *other == title) {
            Some((_, first)) => *first = start.min(*first),
            None => firsts.push((title, start)),
        }
    }
    firsts.sort_by_key(|(_, at)| *at);
    firsts
}

/// The disorders of a chart and the days they were first recorded, the earliest first.
pub fn disorders(chart: &Chart) -> Vec<(&str, Date)> {
    let disorders = first_problems(chart).into_iter().filter(|(title, _)| title.ends_with("(disorder)"));
    disorders.map(|(title, at)| (without_tag(title), day(at))).collect()
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
