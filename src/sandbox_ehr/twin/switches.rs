//! Every habit of an EHR that a CDS service may meet, one switch each. The defaults are the specification's; a
//! [`super::Profile`] sets several.

use super::Takes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where the services come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discovery {
    /// The discovery document, before each round of calls.
    Fetched,
    /// Advisories that an analyst typed in; where nobody did, the list is read once as an analyst would.
    TypedIn,
}

/// What an empty search is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptySearch {
    /// A Bundle without entries.
    Bundle,
    Null,
    /// A Bundle of total 0 whose one entry is an OperationOutcome.
    Outcome,
}

/// Which address a call's token names for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jku {
    /// `/.well-known/jwks.json`
    Own,
    /// `/api/epic/2019/Security/Open/PublicKeys/sandbox`, the same keys
    Epic,
    None,
}

/// Which system actions are applied to drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemActions {
    Ignored,
    Applied,
    /// Only those that update an unsigned ServiceRequest.
    ServiceRequests,
}

/// How this EHR behaves. Each member is one switch of the control API; what comes from there goes through [`Switches::with`],
/// which holds each to what it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    // Which calls are made, and to whom.
    /// Real patients: nothing goes to a service without https, and no FHIR server without https is named.
    pub production: bool,
    /// The services are registered with the authorization server; otherwise they get neither prefetch nor tokens.
    pub registered: bool,
    pub discovery: Discovery,
    /// Of entries with one id only the last is kept.
    pub last_entry_of_id: bool,
    /// Hooks that are fired; empty: all.
    pub hooks: Vec<String>,
    /// Admission, discharge, allergy and problem list fire `patient-view`.
    pub native_triggers: bool,
    /// A `GET` without a body goes to a service before its first call of a round.
    pub get_first: bool,
    /// Each call and each feedback is sent twice, as after a dropped connection.
    pub repeats: bool,
    /// Services fired together get one `hookInstance`.
    pub shared_hook_instance: bool,
    /// Addresses end in a slash.
    pub trailing_slash: bool,
    /// The address of the list was typed in with a slash at its end, so that calls go to `cds-services//ID`.
    pub double_slash: bool,
    /// Calls come from a page in a browser: asked for before (CORS), and not made or not read where the answer forbids it.
    pub from_browser: bool,
    /// Bodies are packed with gzip.
    pub gzip: bool,
    pub content_type: String,
    /// What a call says that it takes (`Accept`).
    pub accept: Option<String>,

    // Who calls.
    pub signs: bool,
    pub signs_discovery: bool,
    /// `ES384` or `RS384`; otherwise what the EHR was started with.
    pub signature: Option<String>,
    /// Names the key in base64, with `+` and `=`.
    pub base64_kid: bool,
    pub jku: Jku,
    /// `nbf`, five minutes before `iat`.
    pub nbf: bool,
    /// From `iat` to `exp`.
    pub token_seconds: i64,
    /// How far this EHR's clock is ahead, or behind where negative.
    pub clock_skew_seconds: i64,
    /// Typed by hand in place of what the specification prescribes.
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub audience: Option<String>,

    // What a call says.
    /// `extension` with Epic's members, and one that nobody knows yet.
    pub vendor_extension: bool,
    /// The number of the workflow there is a number, not a string.
    pub trigger_as_number: bool,
    /// What `…fhir-version` there says.
    pub fhir_version: String,
    pub user_as_role: bool,
    /// The latest visit is named where none was chosen.
    pub in_encounter: bool,
    /// A member of a newer hook version stands in the context.
    pub unknown_context_member: bool,
    /// Medications come as entries of their own beside the orders for them.
    pub medications_beside_orders: bool,
    /// Medications come contained in the orders for them.
    pub contained_medications: bool,
    /// order-select is fired before anything is chosen: the draft has neither `intent` nor a medication.
    pub selects_before_choosing: bool,
    /// What each new draft order is called.
    pub order_id: Option<String>,
    /// A single `category` of a draft order is an object and no list.
    pub order_category_as_object: bool,
    /// Bundles of the context lack `type`.
    pub bundle_without_type: bool,
    pub absolute_references: bool,
    /// A single `category` is an object and no list, and a dose stands where it did before R4.
    pub older_shapes: bool,
    /// Codes of the house stand before standard ones.
    pub local_codes_first: bool,
    /// A drug with a code of RxNorm has a second one.
    pub several_drug_codes: bool,
    /// Letters of narrative that each resource carries, as of long stays.
    pub narrative_letters: usize,

    // What a service may read.
    pub fhir_server: bool,
    /// Stands in the FHIR server's address, `/fhir/TENANT`; another one there, or none, is refused with 403.
    pub tenant: Option<String>,
    pub access_token: bool,
    /// The token ends with the call.
    pub revokes_tokens: bool,
    pub token_life_seconds: u64,
    /// `scope` in a vendor's words.
    pub vendor_scope: bool,
    /// `fhirAuthorization` names the patient.
    pub names_patient: bool,
    /// Types that the user may not see, in any way.
    pub forbidden_types: Vec<String>,

    // Prefetch.
    pub prefetch: bool,
    pub empty_search: EmptySearch,
    /// Keys whose tokens stand for nothing, and reads that failed or found nothing, are left out: no null, no OperationOutcome.
    pub unresolved_left_out: bool,
    /// Resources of a page, in prefetch and from the FHIR server.
    pub page_size: Option<usize>,
    /// The next page is at the FHIR server's own address, `/fhir?_getpages=…`.
    pub getpages: bool,
    /// A parameter that a template repeats becomes one with a list, which the FHIR server refuses for dates.
    pub joins_repeated_parameters: bool,

    // What becomes of cards.
    /// Cards are held to what HL7's test kits ask, beyond the specification's letter.
    pub strict_cards: bool,
    /// `source.topic.code` of letters and digits, at most 100.
    pub plain_topics: bool,
    /// Only `selectionBehavior: any`, and one action a suggestion.
    pub one_action: bool,
    /// What an action says is shown, not the suggestion's label.
    pub shows_action_description: bool,
    /// Of a suggested order only what is ordered is used, not how.
    pub orderable_only: bool,
    /// Links that are not listed vanish without a word.
    pub drops_unlisted_links: bool,
    /// Hosts that links may lead to, beside those of the services and registered apps; `*`: any.
    pub link_hosts: Vec<String>,
    /// Links are shown under the name of the registered app, or their host.
    pub own_link_labels: bool,
    /// Apps are launched with an `iss` that is not percent-encoded.
    pub plain_iss: bool,
    /// A link with `autolaunchable` that is a card's only content is opened at once.
    pub autolaunch: bool,
    /// `detail` is what Epic's extension of the card says that it is: plain text or markdown.
    pub detail_content_type: bool,
    /// `detail` is taken for HTML: markup in it is objected to.
    pub html_detail: bool,
    pub system_actions: SystemActions,
    /// Reasons of the house that are offered beside the card's.
    pub own_reasons: Vec<String>,
    /// `overrideReasons`, and the reasons of the house in `extension`.
    pub feedback_plural: bool,
    /// Feedback waits until it is told to go, all together.
    pub feedback_batch: bool,
}

impl Switches {
    /// The same but for these settings.
    ///
    /// # Errors
    /// When a name is no switch, or its switch does not take the value; says what it takes.
    pub fn with(&self, settings: Map<String, Value>) -> Result<Self, NotTaken> {
        let mut all = serde_json::to_value(self)?;
        for (name, setting) in settings {
            let Some(takes) = Takes::of(&name) else { return Err(NotTaken::Unknown(name)) };
            if !takes.lets(&setting) {
                return Err(NotTaken::Value(name, takes));
            }
            all[name] = setting;
        }
        Ok(serde_json::from_value(all)?)
    }

    /// Base address of the FHIR server of the page at `page`, without a final slash.
    pub fn fhir_base(&self, page: &str) -> String {
        match &self.tenant {
            Some(tenant) => format!("{page}/fhir/{tenant}"),
            None => format!("{page}/fhir"),
        }
    }
}

/// Why switches are left as they are.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("`{0}` is no switch: `GET /control` names them all")]
    Unknown(String),
    #[error("`{0}` takes {1}")]
    Value(String, Takes),
    #[error(transparent)]
    Unreadable(#[from] serde_json::Error),
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            production: false,
            registered: true,
            discovery: Discovery::Fetched,
            last_entry_of_id: false,
            hooks: Vec::new(),
            native_triggers: false,
            get_first: false,
            repeats: false,
            shared_hook_instance: false,
            trailing_slash: false,
            double_slash: false,
            from_browser: false,
            gzip: false,
            content_type: "application/json".to_owned(),
            accept: None,
            signs: true,
            signs_discovery: true,
            signature: None,
            base64_kid: false,
            jku: Jku::Own,
            nbf: false,
            token_seconds: 300,
            clock_skew_seconds: 0,
            issuer: None,
            subject: None,
            audience: None,
            vendor_extension: false,
            trigger_as_number: false,
            fhir_version: "R4".to_owned(),
            user_as_role: false,
            in_encounter: false,
            unknown_context_member: false,
            medications_beside_orders: false,
            contained_medications: false,
            selects_before_choosing: false,
            order_id: None,
            order_category_as_object: false,
            bundle_without_type: false,
            absolute_references: false,
            older_shapes: false,
            local_codes_first: false,
            several_drug_codes: false,
            narrative_letters: 0,
            fhir_server: true,
            tenant: None,
            access_token: true,
            revokes_tokens: true,
            token_life_seconds: 60,
            vendor_scope: false,
            names_patient: true,
            forbidden_types: Vec::new(),
            prefetch: true,
            empty_search: EmptySearch::Bundle,
            unresolved_left_out: false,
            page_size: None,
            getpages: false,
            joins_repeated_parameters: false,
            strict_cards: false,
            plain_topics: false,
            one_action: false,
            shows_action_description: false,
            orderable_only: false,
            drops_unlisted_links: false,
            link_hosts: Vec::new(),
            own_link_labels: false,
            plain_iss: false,
            autolaunch: false,
            detail_content_type: false,
            html_detail: false,
            system_actions: SystemActions::Ignored,
            own_reasons: Vec::new(),
            feedback_plural: false,
            feedback_batch: false,
        }
    }
}
