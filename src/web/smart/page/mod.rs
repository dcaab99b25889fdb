//! The page behind a card: one patient's record and outlook on one screen, for a clinician with ten seconds.
//!
//! Owns what the page shows and how it is drawn, its style and scripts ([`assets`]) and its feedback form. Knows no
//! session: whoever calls [`page`] reads the chart and says where the forms go. Draws a risk only where a
//! live service of this installation may show it and the model is not silent; what was not read is said to be not read.

pub mod assets;
mod banner;
mod evidence;
pub mod feedback;
mod frame;
mod missing;
mod outcome;
mod outlook;
pub mod resource;
mod shapes;
mod standing;
mod timeline;
mod trend;
mod wording;

use crate::decision_support::assess::{Assessment, Course, NOTE};
use crate::decision_support::cards::wording::date;
use crate::decision_support::service_definition::Catalogue;
use crate::patient_record::timeline::{Second, Sex, Timeline};
pub use banner::{Banner, Person};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use standing::{Standing, sorted};
use uuid::Uuid;

/// What is known of a page apart from the chart.
#[derive(Clone, Debug, Default)]
pub struct PageContext {
    pub banner: Banner,
    /// Where resources of this chart are shown, each at `{it}/{Type}/{id}`: evidence links lead there. `None`: they are
    /// named only.
    pub resources_at: Option<String>,
    /// Sent back with every form, where whoever takes it wants one.
    pub form_token: Option<String>,
    /// The card that the page was opened from.
    pub card: Option<LaunchCard>,
    /// Where this installation's documentation stands.
    pub documentation_url: Option<String>,
    /// Whose session it is and how it ends, at the foot of the page.
    pub session: Option<Markup>,
}

/// A card that led here, so that feedback finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchCard {
    /// The service that showed it.
    pub service: String,
    pub uuid: Uuid,
    /// What it was about; `None`: not known, so that it has a form of its own.
    pub phenotype: Option<String>,
}

/// The page of a chart that was read and assessed.
pub fn page(course: &Course, catalogue: &Catalogue, context: &PageContext) -> Markup {
    let drawn = Drawn::new(course, catalogue, context);
    let entries = timeline::entries(&course.timeline, course.now.as_of);
    let span = timeline::Span::of(&entries, &course.timeline, course.now.as_of);
    frame::frame(
        "Outlook",
        &html! {
            (patient(&context.banner, &course.now, &course.timeline))
            (outlook::headline(&drawn))
            (feedback::of_launch_card(&drawn))
            (record(&drawn, &entries, &span))
            (outlook::in_detail(&drawn))
            (outlook::below_threshold(&drawn))
            (outlook::not_shown(&drawn))
            (missing::missing(&drawn))
            (about(&drawn))
            @if let Some(session) = &context.session { section .panel .session aria-label="This session" { (session) } }
            // Most of the page's bytes, and nothing that is seen: last, so that all else stands there first.
            (timeline::data(&entries, &span))
        },
    )
}

/// Everything that the parts of a page are drawn from.
struct Drawn<'a> {
    course: &'a Course,
    context: &'a PageContext,
    catalogue: &'a Catalogue,
    standings: Vec<Standing<'a>>,
    marks: Vec<timeline::Mark>,
}

impl<'a> Drawn<'a> {
    fn new(course: &'a Course, catalogue: &'a Catalogue, context: &'a PageContext) -> Self {
        let standings = sorted(&course.now, catalogue);
        let marks = evidence::marks(&standings, &course.timeline);
        Self { course, context, catalogue, standings, marks }
    }
}

fn patient(banner: &Banner, now: &Assessment, timeline: &Timeline) -> Markup {
    let sex = match timeline.patient.sex {
        Sex::Female => "Woman",
        Sex::Male => "Man",
        Sex::Unknown => "Sex not stated",
    };
    let age = timeline.patient.birth.and_then(|birth| age(birth, now.as_of));
    html! {
        header .patient {
            (banner::drawn(banner))
            h1 { (sex) @if let Some(age) = age { ", " (age) " years" } @else { ", age not known" } }
            p .quiet {
                "As of " time datetime=(date(now.as_of)) { (date(now.as_of)) } " · " (now.events_read)
                " events of this record read · patient " code { (now.patient) }
            }
        }
    }
}

fn age(birth: Second, as_of: Second) -> Option<i32> {
    let day = |second| jiff::Timestamp::from_second(second).ok().map(|at| at.to_zoned(TimeZone::UTC).date());
    let (birth, today) = (day(birth)?, day(as_of)?);
    let had_birthday = (today.month(), today.day()) >= (birth.month(), birth.day());
    Some(i32::from(today.year()) - i32::from(birth.year()) - i32::from(!had_birthday))
}

/// The record as a picture, with the keys that move it.
fn record(drawn: &Drawn<'_>, entries: &[timeline::Entry], span: &timeline::Span) -> Markup {
    html! {
        section .panel #record aria-labelledby="record-title" {
            div .panel-head {
                h2 #record-title { "The record" }
                div .tools role="group" aria-label="Zoom" hidden {
                    button type="button" data-zoom="out" aria-label="Zoom out" { "−" }
                    button type="button" data-zoom="in" aria-label="Zoom in" { "+" }
                    button type="button" data-zoom="731" { "2 years" }
                    button type="button" data-zoom="3653" { "10 years" }
                    button type="button" data-zoom="all" { "Whole life" }
                }
            }
            (timeline::picture(entries, span, &drawn.marks))
            p #timeline-keys .quiet .keys hidden {
                "Arrow keys move, plus and minus zoom, 0 shows the whole life; with a mouse, hover, and Ctrl with the wheel zooms."
                @if !drawn.marks.is_empty() { " Circles: the evidence below." }
            }
            div #happened .happened hidden {
                p .when role="status" {}
                ul {}
            }
            details {
                summary { "The record as a table" }
                (timeline::years(entries))
            }
        }
    }
}

/// What the model is, and what it is not.
fn about(drawn: &Drawn<'_>) -> Markup {
    let services = drawn.catalogue.services().iter().filter(|service| !service.outcomes.is_empty());
    html! {
        section .panel #model aria-labelledby="model-title" {
            h2 #model-title { "The model" }
            p { code { (drawn.course.now.model) } ". " (NOTE) }
            details {
                summary { "What the numbers mean, and their limits" }
                ul {
                    li { "A risk is the calibrated probability that the outcome happens for the first time within the horizon; dying first counts as no event." }
                    li { "The interval says where the risk would lie had other patients calibrated it (95 %). Doubt in the weights and differences between patients of one risk are not in it." }
                    li { "The average is that of patients of the same age and sex." }
                    li { "Evidence was found by leaving facts out of the record and asking again. It is association, not effect: changing it need not change the risk." }
                    li { "The model stays silent about charts and outcomes that it cannot judge, and says why. Silence is not a low risk." }
                }
            }
            ul .services {
                @for service in services {
                    li { (service.title) ": " strong { (standing::mode(service.mode)) } }
                }
            }
            @if let Some(url) = &drawn.context.documentation_url {
                p { a href=(url) rel="noreferrer" target="_blank" { "Model card and documentation" } }
            }
        }
    }
}
