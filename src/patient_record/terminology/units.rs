//! UCUM units in canonical form, by the `octofhir-ucum` library, each unit text analysed once.
//!
//! The canonical unit of a dimension is the one that clinicians use (`mg/dL`, `mm[Hg]`, `Cel`), not UCUM's base
//! units: a card can show it, and no value leaves the range of an f32 (a mole is 6e23 in base units).
//! Units of different dimensions never share a canonical text, so their values are never mixed.

use octofhir_ucum::{ErrorKind, UnitExpr, get_canonical_units, parse_expression};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

/// A number in canonical units. Magnitudes differ widely between codes: what guards a spread must be relative to it.
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

/// Cells are measured in these; in `mL` and `kg` their numbers would vanish beside those of bodies.
const CELLULAR: [&str; 2] = ["fL", "pg"];
/// How many times smaller than the clinical unit of its dimension a unit of cells is.
const CELL_SCALE: f64 = 1e-10;

/// What senders write and UCUM does not know, or takes for another unit (`pH` is the picohenry, `K` the kelvin).
const COLLOQUIAL: [(&str, &str); 24] = [
    ("pH", "[pH]"),
    ("mmHg", "mm[Hg]"),
    ("mm Hg", "mm[Hg]"),
    ("bpm", "/min"),
    ("beats/min", "/min"),
    ("breaths/min", "/min"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("in", "[in_i]"),
    ("inches", "[in_i]"),
    ("°C", "Cel"),
    ("degC", "Cel"),
    ("°F", "[degF]"),
    ("degF", "[degF]"),
    ("IU/L", "[IU]/L"),
    ("mIU/L", "m[IU]/L"),
    ("mcg/mL", "ug/mL"),
    ("mcg/dL", "ug/dL"),
    ("sec", "s"),
    ("K/uL", "10*3/uL"),
    ("10^3/uL", "10*3/uL"),
    ("10^6/uL", "10*6/uL"),
    ("10^9/L", "10*9/L"),
    ("10^12/L", "10*12/L"),
];

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

/// Base unit text to clinical unit, factor and offset; apart for amounts and for cells.
static REFERENCES: LazyLock<[HashMap<String, Reference>; 3]> = LazyLock::new(|| {
    let table = |units: &[&'static str]| {
        units
            .iter()
            .filter_map(|&unit| {
                let base = get_canonical_units(unit).ok()?;
                Some((base.unit, (unit, base.factor.to_f64(), base.offset.to_f64())))
            })
            .collect()
    };
    [table(&CLINICAL), table(&AMOUNTS), table(&CELLULAR)]
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

fn analyse(sent: &str) -> Conversion {
    let unknown = || Conversion { factor: 1.0, offset: 0.0, unit: sent.into(), scaled: false };
    if sent.len() > LONGEST_UNIT {
        return unknown();
    }
    let unit = match sent {
        "" => "1",
        sent => COLLOQUIAL.iter().find(|(colloquial, _)| *colloquial == sent).map_or(sent, |(_, unit)| unit),
    };
    let Ok(expression) = parse_expression(unit) else {
        return unknown();
    };
    let base = match get_canonical_units(unit) {
        Ok(base) => base,
        // A logarithmic unit such as `[pH]` is understood and is its own canonical unit.
        Err(error) if matches!(error.kind, ErrorKind::SpecialUnitError { .. }) => {
            return Conversion { unit: unit.into(), scaled: true, ..unknown() };
        }
        Err(_) => return unknown(),
    };
    let (factor, offset) = (base.factor.to_f64(), base.offset.to_f64());
    let [clinical, amounts, cellular] = &*REFERENCES;
    let mut reference = clinical.get(&base.unit);
    if amounts_of_substance(&expression) != 0 {
        reference = amounts.get(&base.unit).or(reference);
    }
    if reference.is_some_and(|(_, scale, _)| factor < scale * CELL_SCALE) {
        reference = cellular.get(&base.unit).or(reference);
    }
    let (unit, scale, zero) = reference.map_or((base.unit.as_str(), 1.0, 0.0), |&reference| reference);
    Conversion { factor: factor / scale, offset: (offset - zero) / scale, unit: unit.into(), scaled: true }
}

/// Whether a unit is an amount of substance per amount of substance (`mmol/mol`, `mmol.mol-1`), in whatever spelling.
pub(super) fn is_ratio_of_amounts(unit: &str) -> bool {
    let cancels = |expression| holds_moles(&expression) && amounts_of_substance(&expression) == 0;
    conversion(unit).unit.as_ref() == "1" && parse_expression(unit).is_ok_and(cancels)
}

fn holds_moles(expression: &UnitExpr) -> bool {
    match expression {
        UnitExpr::Symbol(symbol) => symbol.ends_with("mol"),
        UnitExpr::Power(inner, _) | UnitExpr::Annotated(inner, _) | UnitExpr::Reciprocal(inner) => holds_moles(inner),
        UnitExpr::Product(terms) => terms.iter().any(holds_moles),
        UnitExpr::Quotient(above, below) => holds_moles(above) || holds_moles(below),
        UnitExpr::Numeric(_) | UnitExpr::Annotation(_) => false,
    }
}

/// The power to which an amount of substance (mole, equivalent, osmole) stands in the expression; 0 where they cancel.
fn amounts_of_substance(expression: &UnitExpr) -> i32 {
    match expression {
        UnitExpr::Symbol(symbol) => i32::from(["mol", "eq", "osm"].iter().any(|amount| symbol.ends_with(amount))),
        UnitExpr::Power(inner, power) => amounts_of_substance(inner).saturating_mul(*power),
        UnitExpr::Annotated(inner, _) => amounts_of_substance(inner),
        UnitExpr::Reciprocal(inner) => amounts_of_substance(inner).saturating_neg(),
        UnitExpr::Product(terms) => terms.iter().map(amounts_of_substance).fold(0, i32::saturating_add),
        UnitExpr::Quotient(above, below) => amounts_of_substance(above).saturating_sub(amounts_of_substance(below)),
        UnitExpr::Numeric(_) | UnitExpr::Annotation(_) => 0,
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
        same(48.0, "mmol.mol-1", 0.048, "1");
        assert_ne!(canonical(1.0, "[IU]/L").unit, canonical(1.0, "U/L").unit);
    }

    #[test]
    fn what_is_not_ucum_stays_as_it_was_sent() {
        for unit in ["millimetres of mercury", "mg/dL ", "mm  Hg", "((((", "{", "\u{0}", &"m".repeat(100_000)] {
            let found = canonical(1.5, unit);
            assert_eq!((found.value, found.unit.as_ref(), found.scaled), (1.5, unit, false));
        }
        assert!(!canonical(f64::MAX, "10*300/L").scaled);
    }

    #[test]
    fn cells_are_measured_on_their_own_scale() {
        same(29.0, "pg", 29.0, "pg");
        same(90.0, "fL", 90.0, "fL");
        same(3_300.0, "g", 3.3, "kg");
        same(5.0, "uL", 0.005, "mL");
    }

    #[test]
    fn colloquial_units_are_understood() {
        for (colloquial, unit) in COLLOQUIAL {
            assert_eq!(canonical(7.0, colloquial), canonical(7.0, unit), "{colloquial}");
        }
        same(7.4, "pH", 7.4, "[pH]");
    }

    #[test]
    fn every_clinical_unit_is_its_own_canonical_form() {
        for unit in CLINICAL.iter().chain(&AMOUNTS).chain(&CELLULAR) {
            same(2.5, unit, 2.5, unit);
        }
    }
}
