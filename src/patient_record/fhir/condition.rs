//! Condition, AllergyIntolerance and FamilyMemberHistory. Their fields that matter here did not change
//! between releases.

use super::{Concept, Many, Moment, One, Period, Reference, Text, concept_code, resource};

resource! {
    /// A diagnosis, problem or finding.
    Condition {
        verification_status: One<Concept<'a>>,
        code: One<Concept<'a>>,
        subject: One<Reference<'a>>,
        encounter: One<Reference<'a>>,
        onset_date_time: Option<Moment>,
        onset_period: One<Period>,
        abatement_date_time: Option<Moment>,
        abatement_period: One<Period>,
        recorded_date: Option<Moment>,
    }
}

impl Condition<'_> {
    pub fn onset(&self) -> Option<Moment> {
        self.onset_date_time.or(self.onset_period.start())
    }

    /// When it was over: the end of an abatement period.
    pub fn abatement(&self) -> Option<Moment> {
        let period = || self.abatement_period.as_ref().and_then(|period| period.end.or(period.start));
        self.abatement_date_time.or_else(period)
    }

    /// Entered in error, or looked for and not found.
    pub fn refuted(&self) -> bool {
        refuted(&self.verification_status)
    }
}

resource! {
    /// An allergy or intolerance.
    AllergyIntolerance {
        verification_status: One<Concept<'a>>,
        code: One<Concept<'a>>,
        patient: One<Reference<'a>>,
        onset_date_time: Option<Moment>,
        onset_period: One<Period>,
        recorded_date: Option<Moment>,
    }
}

impl AllergyIntolerance<'_> {
    pub fn onset(&self) -> Option<Moment> {
        self.onset_date_time.or(self.onset_period.start())
    }

    /// Entered in error, or looked for and not found.
    pub fn refuted(&self) -> bool {
        refuted(&self.verification_status)
    }
}

fn refuted(status: &One<Concept<'_>>) -> bool {
    concept_code(status).is_some_and(|code| matches!(code.code.as_ref(), "entered-in-error" | "refuted"))
}

resource! {
    /// What a relative has.
    FamilyMemberHistory {
        status: Option<Text<'a>>,
        patient: One<Reference<'a>>,
        date: Option<Moment>,
        relationship: One<Concept<'a>>,
        condition: Many<FamilyCondition<'a>>,
    }
}

/// One condition of a relative.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct FamilyCondition<'a> {
    pub code: One<Concept<'a>>,
}
