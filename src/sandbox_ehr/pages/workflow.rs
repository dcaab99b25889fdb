//! The screens of a workflow: what the clinician is about to do, the drafts for it, and the buttons that fire its hooks.

use super::super::chart::{Chart, Resource};
use super::super::twin::{Hook, Kind, Snapshot};
use super::chart::{Opening, patient_banner};
use super::frame::frame;
use maud::{Markup, html};
use serde_json::Value;

/// One screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    Orders,
    Appointment,
    Admission,
    Discharge,
    Problems,
    Allergies,
    Refill,
    Verification,
}

impl Screen {
    pub const ALL: [Self; 8] = [
        Self::Orders,
        Self::Appointment,
        Self::Admission,
        Self::Discharge,
        Self::Problems,
        Self::Allergies,
        Self::Refill,
        Self::Verification,
    ];

    /// Its place in the address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Appointment => "appointment",
            Self::Admission => "admission",
            Self::Discharge => "discharge",
            Self::Problems => "problems",
            Self::Allergies => "allergies",
            Self::Refill => "refill",
            Self::Verification => "verification",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|screen| screen.word() == word)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Orders => "Order entry",
            Self::Appointment => "Book appointment",
            Self::Admission => "Admit",
            Self::Discharge => "Discharge",
            Self::Problems => "Problem list",
            Self::Allergies => "Allergies",
            Self::Refill => "Refill",
            Self::Verification => "Verify medication",
        }
    }

    /// What may be drafted here: type of resource, and what people call it.
    pub fn drafted(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Orders => &[
                ("MedicationRequest", "Medication"),
                ("ServiceRequest", "Laboratory, imaging, referral"),
                ("NutritionOrder", "Nutrition"),
                ("DeviceRequest", "Device"),
            ],
            Self::Appointment => &[("Appointment", "Appointment")],
            Self::Problems => &[("Condition", "Problem")],
            Self::Allergies => &[("AllergyIntolerance", "Allergy")],
            Self::Refill => &[("MedicationRequest", "Medication")],
            Self::Admission | Self::Discharge | Self::Verification => &[],
        }
    }

    /// The drafts that are begun here.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Orders => Some(Kind::Order),
            Self::Appointment => Some(Kind::Appointment),
            Self::Problems => Some(Kind::Problem),
            Self::Allergies => Some(Kind::Allergy),
            Self::Refill => Some(Kind::Medication),
            Self::Admission | Self::Discharge | Self::Verification => None,
        }
    }

    /// The drafts that become part of the chart once this screen's hook was fired; orders wait to be signed.
    pub fn enters(self) -> Option<Kind> {
        self.kind().filter(|kind| matches!(kind, Kind::Appointment | Kind::Problem | Kind::Allergy))
    }

    /// What was done with a draft that is part of the chart.
    fn done(self) -> &'static str {
        match self {
            Self::Appointment => "Booked",
            Self::Problems | Self::Allergies => "Recorded",
            _ => "Signed",
        }
    }

    /// What is fired here, and what its button says.
    fn hooks(self) -> &'static [(Hook, &'static str)] {
        match self {
            Self::Orders => &[
                (Hook::OrderSelect, "Select the last draft"),
                (Hook::OrderSign, "Review before signing"),
                (Hook::OrderDispatch, "Dispatch what is signed"),
            ],
            Self::Appointment => &[(Hook::AppointmentBook, "Book")],
            Self::Admission => &[(Hook::EncounterStart, "Admit")],
            Self::Discharge => &[(Hook::EncounterDischarge, "Discharge")],
            Self::Problems => &[(Hook::ProblemListItemCreate, "Add to the problem list")],
            Self::Allergies => &[(Hook::AllergyIntoleranceCreate, "Record the allergy")],
            Self::Refill => &[(Hook::MedicationRefill, "Request the refill")],
            Self::Verification => &[(Hook::MedicationVerify, "Verify the latest active order")],
        }
    }
}

/// The way to every screen of a patient.
pub fn workflows(patient: &str, here: Option<Screen>) -> Markup {
    html! {
        nav .workflows aria-label="Workflows" {
            a href={ "/patients/" (patient) } aria-current=[here.is_none().then_some("page")] { "Chart" }
            @for screen in Screen::ALL {
                " " a href={ "/patients/" (patient) "/do/" (screen.word()) }
                    aria-current=[(here == Some(screen)).then_some("page")] { (screen.title()) }
            }
        }
    }
}

/// A screen; `answer` is what was said last.
pub fn screen(screen: Screen, chart: &Chart, opening: Opening, desk: &Snapshot, answer: Option<&Markup>) -> Markup {
    let at = address(screen, chart);
    frame(
        &format!("{}: {}", screen.title(), chart.name),
        &html! {
            nav .crumbs { a href="/" { "Patients" } " / " a href={ "/patients/" (chart.id) } { (chart.name) } " / "
                span aria-current="page" { (screen.title()) } }
            (patient_banner(chart, opening))
            (workflows(&chart.id, Some(screen)))
            div .columns {
                section .decision-support aria-labelledby="cds" {
                    div .panel-head { h2 #cds { "Decision support" } }
                    div #answer aria-live="polite" {
                        @match answer {
                            Some(answer) => { (answer) }
                            None => p .empty { "What services say appears here." }
                        }
                    }
                }
                div .chart {
                    section .panel aria-labelledby="work" {
                        h2 #work { (screen.title()) }
                        @if screen.kind().is_some() {
                            div #basket { (basket(screen, chart, desk)) }
                            (add_form(screen, &at))
                        }
                        @if let (Screen::Discharge, Some(day)) = (screen, opening.as_of) {
                            p .quiet {
                                "The visit that ends is the latest stay in hospital, or the latest visit where there was none. It \
                                 ended on " (day) ", and services are asked as of the end of that day."
                            }
                        }
                        (fire_form(screen, &at))
                    }
                }
            }
        },
    )
}

fn address(screen: Screen, chart: &Chart) -> String {
    format!("/patients/{}/do/{}", chart.id, screen.word())
}

/// What was begun on this screen, and what of it is part of the chart by now.
pub fn basket(screen: Screen, chart: &Chart, desk: &Snapshot) -> Markup {
    let at = address(screen, chart);
    let is_here = |resource_type: &str| screen.kind().is_some_and(|kind| kind.holds_type(resource_type));
    let drafts = desk.drafts.iter().filter(|draft| is_here(draft["resourceType"].as_str().unwrap_or_default()));
    let drafts: Vec<&Value> = drafts.collect();
    let done: Vec<String> = desk.record.iter().filter(|one| is_here(&one.resource_type)).map(|one| name(one)).collect();
    html! {
        @if drafts.is_empty() { p .quiet { "No drafts." } }
        ul .drafts {
            @for draft in drafts {
                @let name = format!("{}/{}", draft["resourceType"].as_str().unwrap_or_default(), draft["id"].as_str().unwrap_or_default());
                li {
                    span {
                        (title(draft))
                        @if let Some(start) = draft["start"].as_str() { ", " time datetime=(start) { (start) } }
                        " " span .quiet { (name) }
                    }
                    form method="post" action={ (at) "/remove" } {
                        input type="hidden" name="draft" value=(name);
                        button type="submit" aria-label={ "Remove " (name) } { "Remove" }
                    }
                }
            }
        }
        @if !done.is_empty() { p .quiet { (screen.done()) ": " (done.join(", ")) } }
    }
}

/// Says after a hook what became part of the chart, and draws the basket anew where only a part of the page is replaced.
pub fn entered(screen: Screen, count: usize, basket: Option<&Markup>) -> Markup {
    html! {
        p .took { strong { (screen.done()) ": " (count) "." } " Part of the chart that the FHIR server gives from now on." }
        @if let Some(basket) = basket { div hidden data-replaces="#basket" { (basket) } }
    }
}

/// What people call a resource of the record.
fn name(resource: &Resource) -> String {
    let body: Value = serde_json::from_str(resource.body.get()).unwrap_or_default();
    let start = body["start"].as_str().and_then(|start| start.get(..16)).map(|start| start.replace('T', " "));
    match start {
        Some(start) => format!("{}, {start} UTC", title(&body)),
        None => title(&body).to_owned(),
    }
}

fn title(draft: &Value) -> &str {
    let concepts = ["medicationCodeableConcept", "code", "serviceType", "codeCodeableConcept"];
    let concepts = concepts.iter().map(|name| &draft[*name]);
    let texts = concepts.flat_map(|concept| [&concept["text"], &concept["coding"][0]["display"]]);
    let other = [&draft["description"], &draft["oralDiet"]["type"][0]["text"]];
    texts.chain(other).find_map(Value::as_str).unwrap_or("without a name")
}

fn add_form(screen: Screen, at: &str) -> Markup {
    let kinds = screen.drafted();
    html! {
        form .add method="post" action={ (at) "/add" } {
            @if kinds.len() > 1 {
                label { "Kind " select name="kind" { @for (kind, name) in kinds { option value=(kind) { (name) } } } }
            } @else {
                @for (kind, _) in kinds { input type="hidden" name="kind" value=(kind); }
            }
            label { "What " input type="text" name="text" maxlength="200" placeholder="in words, or leave it to the code"; }
            label { "Code " input type="text" name="code" list="choices" maxlength="200" placeholder="choose one, or system|code"; }
            datalist #choices { @for one in screen.choices() { option value=(one.token()) { (one.name) } } }
            @if screen == Screen::Appointment {
                label { "When (UTC) " input type="datetime-local" name="when" required; }
            }
            button type="submit" { "Add draft" }
        }
    }
}

fn fire_form(screen: Screen, at: &str) -> Markup {
    html! {
        form .fire method="post" action={ (at) "/fire" } data-into="#answer" {
            @if screen == Screen::Orders {
                label { "Dispatch to " input type="text" name="performer" value="Organization/laboratory" maxlength="200"; }
            }
            @for (place, (hook, says)) in screen.hooks().iter().enumerate() {
                button .primary[place == 0] type="submit" name="hook" value=(hook.name()) { (says) }
            }
        }
        @if screen == Screen::Orders {
            form method="post" action={ (at) "/sign" } { button type="submit" { "Sign all orders" } }
        }
    }
}
