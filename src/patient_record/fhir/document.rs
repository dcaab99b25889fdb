//! DocumentReference and Device. R5 made Device's `type` a list and dropped its patient.

use super::{Concept, Moment, One, Reference, Text, resource};

resource! {
    /// A document about the patient: its type and date only, never its text.
    DocumentReference {
        status: Option<Text<'a>>,
        doc_status: Option<Text<'a>>,
        r#type: One<Concept<'a>>,
        subject: One<Reference<'a>>,
        date: Option<Moment>,
    }
}

resource! {
    /// A device. It has no date of use in any release.
    Device {
        status: Option<Text<'a>>,
        r#type: One<Concept<'a>>,
        patient: One<Reference<'a>>,
    }
}
