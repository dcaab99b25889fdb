//! Why bytes are not an R4 resource. Holds positions and R4's own names, never content.

/// Position of something in a document, both counted from 1; the column counts bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place of a byte offset.
    pub(crate) fn of(bytes: &[u8], offset: usize) -> Self {
        let before = bytes.get(..offset).unwrap_or(bytes);
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        Self { line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(), column: 1 + before.len() - line_start }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why bytes are not an R4 resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FenceError {
    #[error("the document has {bytes} bytes; at most {limit} are read")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the document is not UTF-8 text")]
    NotText,
    #[error("the document is not one JSON value: {0}")]
    NotJson(Place),
    #[error("arrays and objects are nested more than {limit} deep at {place}")]
    TooDeep { place: Place, limit: usize },
    #[error("the document holds more than {limit} values")]
    TooManyValues { limit: usize },
    #[error("a key stands twice in one object: the second at {0}")]
    DuplicateKey(Place),
    #[error("the document is not a FHIR resource: `resourceType` is missing")]
    NotAResource,
    #[error("`resourceType` is not a type of FHIR R4")]
    UnknownType,
    #[error("the resource is a {0}, not a Bundle")]
    NotABundle(&'static str),
    #[error("not a valid {expected} at {place}")]
    Format { expected: &'static str, place: Place },
    #[error("{resource_type} lacks the required element `{element}`")]
    Missing { resource_type: &'static str, element: String },
    #[error("{resource_type} holds an element that FHIR R4 does not define there{}", at(.place))]
    UnknownElement { resource_type: &'static str, place: Option<Place> },
    #[error("{resource_type} does not have the shape of FHIR R4: an element has the wrong type{}", at(.place))]
    Shape { resource_type: &'static str, place: Option<Place> },
    #[error("{resource_type} could not be read: the FHIR model gave up")]
    GaveUp { resource_type: &'static str },
    #[error("{resource_type} could not be written: {why}")]
    Unwritable { resource_type: &'static str, why: &'static str },
}

fn at(place: &Option<Place>) -> String {
    place.map(|place| format!(" at {place}")).unwrap_or_default()
}
