//! What all resources share: their header, and the shallow looks that need no full reading.

use super::datatype::{Reference, logical_id};
use super::{One, Text};
use serde::Deserialize;
use std::borrow::Cow;

/// Declares a resource by the fields that are read, adding the header that each has.
macro_rules! resource {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
        pub struct $name<'a> {
            /// Logical id
            pub id: Option<$crate::patient_record::fhir::Text<'a>>,
            /// Version and time of the last change
            pub meta: $crate::patient_record::fhir::One<$crate::patient_record::fhir::Meta<'a>>,
            $($(#[$field_about])* pub $field: $type,)*
        }
    };
}
pub(crate) use resource;

/// A shallow look at a resource, to route it without reading it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Scan<'a> {
    pub resource_type: Option<Text<'a>>,
    pub id: Option<Text<'a>>,
    subject: One<Reference<'a>>,
    patient: One<Reference<'a>>,
}

impl<'a> Scan<'a> {
    /// Looks at one resource; `None` if it is not JSON or its header has the wrong types.
    pub fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Logical id of the patient that the resource is about; a Patient's own id.
    pub fn patient_id(&self) -> Option<&str> {
        if self.resource_type.as_deref() == Some("Patient") {
            return self.id.as_deref();
        }
        logical_id(self.patient_reference()?, "Patient")
    }

    /// The reference to that patient, as written.
    pub fn patient_reference(&self) -> Option<&str> {
        self.subject.text().or(self.patient.text())
    }
}

/// The resource type, almost always found in the first bytes.
pub fn resource_type(json: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed<'a> {
        #[serde(borrow)]
        resource_type: Text<'a>,
    }
    if let Some(first) = first_member(json) {
        return Some(Cow::Borrowed(first));
    }
    serde_json::from_str::<Typed<'_>>(json).ok().map(|typed| typed.resource_type.0)
}

fn first_member(json: &str) -> Option<&str> {
    let value = json.trim_start().strip_prefix('{')?.trim_start().strip_prefix("\"resourceType\"")?;
    let (name, _) = value.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split_once('"')?;
    name.bytes().all(|byte| byte.is_ascii_alphabetic()).then_some(name)
}
