//! UCUM units in canonical form, by the `octofhir-ucum` library, each unit text analysed once.
//!
//! The canonical unit of a dimension is the one that clinicians use (`mg/dL`, `mm[Hg]`, `Cel`), not UCUM's base
//! units: a card can show it, and no value leaves the range of an f32 (a mole is 6e23 in base units).
//! Units of different dimensions never share a canonical text, so their values are never mixed.

use octofhir_ucum::{ErrorKind, UnitExpr, get_canonical_units, parse_expression};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

/// A number in canonical units.
#[derive(Clone, Debug, PartialEq)]
pub struct Canonical {
    pub value: f64,
    /// Canonical unit text; the sender's own text where `scaled` is false.
    pub unit: Box<str>,
    /// Whether the unit was understood.
    pub scaled: bool,
}

/// The canonical unit of each dimension met in practice. A dimension that is not here keeps UCUM's base units.
const CLINICAL: [&str; 17] = [
    "1", "kg", "cm", "m2", "mL", "min", "/min", "mm[Hg]", "Cel", "mg/dL", "10*3/uL", "mL/min", "kg/m2", "U/L",
    "mg/min", "cm/s", "mV",
];
/// The same for amounts of substance, which UCUM counts as plain numbers: a concentration of cells and one of
/// molecules are kept apart.
const AMOUNTS: [&str; 4] = ["mmol", "mmol/L", "mmol/kg", "mmol/min"];

/// Longer texts are not analysed: no unit in use comes near it.
const LONGEST_UNIT: usize = 80;
/// How many unit texts are remembered; what a hostile chart sends beyond that is analysed each time.
const REMEMBERED_UNITS: usize = 4_096;

/// `value * factor + offset` is the value in `unit`.
struct Conversion {
    factor: f64,
    offset: f64,
    unit: Box<str>,
    scaled: bool,
}

type Reference = (&'static str, f64, f64);

/// Base unit text to clinical unit, factor and offset; apart for amounts.
static REFERENCES: LazyLock<[HashMap<String, Reference>; 2]> = LazyLock::new(|| {
    let table = |units: &[&'static str]| {
        units
            .iter()
            .filter_map(|&unit| {
                let base = get_canonical_units(unit).ok()?;
                Some((base.unit, (unit, base.factor.to_f64(), base.offset.to_f64())))
            })
            .collect()
    };
    [table(&CLINICAL), table(&AMOUNTS)]
});

static REMEMBERED: LazyLock<RwLock<HashMap<Box<str>, Arc<Conversion>>>> = LazyLock::new(Default::default);

/// Converts a value to the canonical form of its UCUM unit. A unit that UCUM does not know leaves the value
/// as it is, marked unscaled; it never becomes absent. An empty unit is the unity.
pub fn canonical(value: f64, unit: &str) -> Canonical {
    let conversion = conversion(unit);
    let converted = value.mul_add(conversion.factor, conversion.offset);
    if conversion.scaled && !converted.is_finite() {
        return Canonical { value, unit: unit.into(), scaled: false };
    }
    Canonical { value: converted, unit: conversion.unit.clone(), scaled: conversion.scaled }
}

fn conversion(unit: &str) -> Arc<Conversion> {
    if let Ok(remembered) = REMEMBERED.read()
        && let Some(found) = remembered.get(unit)
    {
        return found.clone();
    }
    let analysed = Arc::new(analyse(unit));
    if unit.len() <= LONGEST_UNIT
        && let Ok(mut remembered) = REMEMBERED.write()
        && remembered.len() < REMEMBERED_UNITS
    {
        remembered.insert(unit.into(), analysed.clone());
    }
    analysed
}

fn analyse(unit: &str) -> Conversion {
    let unknown = || Conversion { factor: 1.0, offset: 0.0, unit: unit.into(), scaled: false };
    if unit.is_empty() {
        return Conversion { factor: 1.0, offset: 0.0, unit: "1".into(), scaled: true };
    }
    if unit.len() > LONGEST_UNIT {
        return unknown();
    }
    let Ok(expression) = parse_expression(unit) else {
        return unknown();
    };
    let base = match get_canonical_units(unit) {
        Ok(base) => base,
        // A logarithmic unit such as `[pH]` is understood and is its own canonical unit.
        Err(error) if matches!(error.kind, ErrorKind::SpecialUnitError { .. }) => {
            return Conversion { scaled: true, ..unknown() };
        }
        Err(_) => return unknown(),
    };
    let amount = usize::from(counts_molecules(&expression));
    let (factor, offset) = (base.factor.to_f64(), base.offset.to_f64());
    let found = REFERENCES.get(amount).and_then(|table| table.get(&base.unit));
    let clinical = found.or_else(|| REFERENCES.first().and_then(|table| table.get(&base.unit)));
    let (unit, scale, zero) = clinical.map_or((base.unit.as_str(), 1.0, 0.0), |&reference| reference);
    Conversion { factor: factor / scale, offset: (offset - zero) / scale, unit: unit.into(), scaled: true }
}

/// Whether a mole, an equivalent or an osmole stands in the expression.
fn counts_molecules(expression: &UnitExpr) -> bool {
    match expression {
        UnitExpr::Symbol(symbol) => ["mol", "eq", "osm"].iter().any(|amount| symbol.ends_with(amount)),
        UnitExpr::Power(inner, _) | UnitExpr::Annotated(inner, _) | UnitExpr::Reciprocal(inner) => {
            counts_molecules(inner)
        }
        UnitExpr::Product(terms) => terms.iter().any(counts_molecules),
        UnitExpr::Quotient(above, below) => counts_molecules(above) != counts_molecules(below),
        UnitExpr::Numeric(_) | UnitExpr::Annotation(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(value: f64, unit: &str, expected: f64, canonical_unit: &str) {
        let found = canonical(value, unit);
        assert_eq!((found.unit.as_ref(), found.scaled), (canonical_unit, true), "{unit}");
        assert!((found.value - expected).abs() <= 1e-9 * expected.abs().max(1e-9), "{unit}: {}", found.value);
    }

    #[test]
    fn units_of_one_dimension_become_one_number() {
        same(90.0, "mg/dL", 90.0, "mg/dL");
        same(0.9, "g/L", 90.0, "mg/dL");
        same(120.0, "mm[Hg]", 120.0, "mm[Hg]");
        same(16.0, "kPa", 120.010_200_867, "mm[Hg]");
        same(7.5, "10*3/uL", 7.5, "10*3/uL");
        same(7.5, "10*9/L", 7.5, "10*3/uL");
        same(80.0, "mL/min/{1.73_m2}", 80.0, "mL/min");
        same(5.4, "%", 0.054, "1");
        same(3.0, "{score}", 3.0, "1");
        same(3.0, "", 3.0, "1");
        same(12.0, "ng/dl", 1.2e-5, "mg/dL");
    }

    #[test]
    fn temperatures_keep_their_zero() {
        same(37.0, "Cel", 37.0, "Cel");
        same(98.6, "[degF]", 37.0, "Cel");
        same(310.15, "K", 37.0, "Cel");
    }

    #[test]
    fn molecules_and_cells_are_different_numbers() {
        same(140.0, "mmol/L", 140.0, "mmol/L");
        same(140.0, "meq/L", 140.0, "mmol/L");
        same(140_000.0, "umol/L", 140.0, "mmol/L");
        same(48.0, "mmol/mol", 0.048, "1");
        assert_ne!(canonical(1.0, "[IU]/L").unit, canonical(1.0, "U/L").unit);
    }

    #[test]
    fn what_is_not_ucum_stays_as_it_was_sent() {
        for unit in ["millimetres of mercury", "mg/dL ", "mm Hg", "((((", "{", "\u{0}", &"m".repeat(100_000)] {
            let found = canonical(1.5, unit);
            assert_eq!((found.value, found.unit.as_ref(), found.scaled), (1.5, unit, false));
        }
        same(7.4, "[pH]", 7.4, "[pH]");
        assert!(!canonical(f64::MAX, "10*300/L").scaled);
    }

    #[test]
    fn every_clinical_unit_is_its_own_canonical_form() {
        for unit in CLINICAL.iter().chain(&AMOUNTS) {
            same(2.5, unit, 2.5, unit);
        }
    }
}
