//! Procedure, Immunization, ServiceRequest and CarePlan. R5 renamed Procedure's `performed` to `occurrence`
//! and made ServiceRequest's `code` a CodeableReference.

use super::{Concept, Many, Moment, One, Period, Reference, Text, resource};

resource! {
    /// Something done to the patient.
    Procedure {
        status: Option<Text<'a>>,
        code: One<Concept<'a>>,
        subject: One<Reference<'a>>,
        performed_date_time: Option<Moment>,
        performed_period: One<Period>,
        occurrence_date_time: Option<Moment>,
        occurrence_period: One<Period>,
        recorded: Option<Moment>,
    }
}

impl Procedure<'_> {
    pub fn performed(&self) -> Option<Moment> {
        let period = self.performed_period.start().or(self.occurrence_period.start());
        self.performed_date_time.or(self.occurrence_date_time).or(period)
    }
}

resource! {
    /// A vaccine given.
    Immunization {
        status: Option<Text<'a>>,
        vaccine_code: One<Concept<'a>>,
        patient: One<Reference<'a>>,
        occurrence_date_time: Option<Moment>,
    }
}

resource! {
    /// An order of a test, treatment or referral.
    ServiceRequest {
        status: Option<Text<'a>>,
        intent: Option<Text<'a>>,
        do_not_perform: Option<bool>,
        code: One<Concept<'a>>,
        subject: One<Reference<'a>>,
        authored_on: Option<Moment>,
    }
}

resource! {
    /// A plan of care; its activities have no dates of their own and are not read.
    CarePlan {
        status: Option<Text<'a>>,
        intent: Option<Text<'a>>,
        category: Many<Concept<'a>>,
        subject: One<Reference<'a>>,
        period: One<Period>,
        created: Option<Moment>,
    }
}
