//! Encounter. R5 made `class` a list of CodeableConcepts and renamed `period` to `actualPeriod`.

use super::{Concept, Moment, One, Period, Reference, Text, resource};
use crate::patient_record::terminology::{Code, CodeSystem};

resource! {
    /// A visit or a stay.
    Encounter {
        status: Option<Text<'a>>,
        class: One<Concept<'a>>,
        r#type: One<Concept<'a>>,
        subject: One<Reference<'a>>,
        period: One<Period>,
        actual_period: One<Period>,
    }
}

impl Encounter<'_> {
    /// The class as HL7's ActCode where there is one; a class without a system is taken for one.
    pub fn class(&self) -> Option<Code> {
        let class = self.class.as_ref()?;
        let mut code = class.choose(|system| *system == CodeSystem::ActCode).or_else(|| class.to_code())?;
        if code.system == CodeSystem::Other("".into()) {
            code.system = CodeSystem::ActCode;
        }
        Some(code)
    }

    pub fn start(&self) -> Option<Moment> {
        self.span()?.start
    }

    pub fn end(&self) -> Option<Moment> {
        self.span()?.end
    }

    fn span(&self) -> Option<&Period> {
        self.period.as_ref().or(self.actual_period.as_ref())
    }
}
