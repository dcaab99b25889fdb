//! UCUM units in canonical form, by the `octofhir-ucum` library, each unit text analysed once.

/// A number in canonical units.
#[derive(Clone, Debug, PartialEq)]
pub struct Canonical {
    pub value: f64,
    /// Canonical unit text; the sender's own text where `scaled` is false.
    pub unit: Box<str>,
    /// Whether the unit was understood.
    pub scaled: bool,
}

/// Converts a value to the canonical form of its UCUM unit. A unit that UCUM does not know leaves the value
/// as it is, marked unscaled; it never becomes absent.
pub fn canonical(value: f64, unit: &str) -> Canonical {
    let _ = (value, unit);
    unimplemented!("reader")
}
