//! Whom the EHR takes after: several switches at once. What the profiles know comes from the vendors' public pages and
//! sample messages; the names are theirs, the profiles are ours.

use super::{Discovery, EmptySearch, Switches, SystemActions};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The specification.
    Plain,
    Epic,
    Oracle,
    /// HL7's test kit for coverage requirements.
    Inferno,
    /// The CDS Hooks community's page for trying out services.
    PublicSandbox,
}

impl Profile {
    pub const ALL: [Self; 5] = [Self::Plain, Self::Epic, Self::Oracle, Self::Inferno, Self::PublicSandbox];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Epic => "epic",
            Self::Oracle => "oracle",
            Self::Inferno => "inferno",
            Self::PublicSandbox => "public-sandbox",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// What it switches. Names that a service would have to be configured for (`issuer`, `jku`, `tenant`) stay as they
    /// are.
    pub fn switches(self) -> Switches {
        let hooks = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match self {
            Self::Plain => Switches::default(),
            Self::Epic => Switches {
                discovery: Discovery::TypedIn,
                hooks: hooks(&["patient-view", "order-select", "order-sign"]),
                native_triggers: true,
                signature: Some("RS384".to_owned()),
                base64_kid: true,
                nbf: true,
                token_seconds: 900,
                vendor_extension: true,
                user_as_role: true,
                medications_beside_orders: true,
                absolute_references: true,
                older_shapes: true,
                local_codes_first: true,
                several_drug_codes: true,
                revokes_tokens: false,
                token_life_seconds: 300,
                vendor_scope: true,
                names_patient: false,
                empty_search: EmptySearch::Outcome,
                plain_topics: true,
                one_action: true,
                shows_action_description: true,
                orderable_only: true,
                drops_unlisted_links: true,
                own_link_labels: true,
                autolaunch: true,
                detail_content_type: true,
                system_actions: SystemActions::ServiceRequests,
                feedback_plural: true,
                ..Switches::default()
            },
            Self::Oracle => Switches {
                discovery: Discovery::TypedIn,
                hooks: hooks(&["patient-view"]),
                get_first: true,
                signature: Some("RS384".to_owned()),
                drops_unlisted_links: true,
                ..Switches::default()
            },
            Self::Inferno => Switches {
                signature: Some("ES384".to_owned()),
                in_encounter: true,
                strict_cards: true,
                ..Switches::default()
            },
            Self::PublicSandbox => Switches {
                last_entry_of_id: true,
                hooks: hooks(&["patient-view", "order-select", "order-sign"]),
                from_browser: true,
                signature: Some("ES384".to_owned()),
                selects_before_choosing: true,
                order_id: Some("request-123".to_owned()),
                order_category_as_object: true,
                bundle_without_type: true,
                access_token: false,
                unresolved_left_out: true,
                joins_repeated_parameters: true,
                plain_iss: true,
                html_detail: true,
                ..Switches::default()
            },
        }
    }
}
