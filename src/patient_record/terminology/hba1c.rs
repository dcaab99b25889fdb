//! Glycated haemoglobin, one quantity in two conventions: the share of NGSP (`%`) and the amount ratio of IFCC
//! (`mmol/mol`). They differ by more than a factor, so that units alone would make 48 mmol/mol a share of 4.8 %.
//!
//! Owns which codes mean the NGSP share and the master equation between the two. The IFCC's own code (LOINC 59261-8)
//! stays as it is: nobody sends it in the other convention.

use super::units::{Canonical, canonical, is_ratio_of_amounts};

/// LOINC codes of the NGSP share: haemoglobin A1c of total haemoglobin in blood, whatever the method or by HPLC.
const NGSP: [&str; 2] = ["4548-4", "17856-6"];
/// NGSP % = 0.09148 * IFCC mmol/mol + 2.152 (NGSP and IFCC, master equation).
const SLOPE: f64 = 0.091_48;
const OFFSET: f64 = 2.152;

/// The canonical form of a value of a code: its unit's ([`canonical`]), but an NGSP share sent in `mmol/mol`, however
/// spelt, is converted by the master equation. `loinc` is the bare code; `None` for a code of another system.
pub fn canonical_of(loinc: Option<&str>, value: f64, unit: &str) -> Canonical {
    let plain = canonical(value, unit);
    if !loinc.is_some_and(|code| NGSP.contains(&code)) || !plain.scaled || !is_ratio_of_amounts(unit) {
        return plain;
    }
    let millimoles_per_mole = plain.value * 1000.0;
    Canonical { value: (SLOPE * millimoles_per_mole + OFFSET) / 100.0, ..plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn percent(code: &str, value: f64, unit: &str, expected: f64) {
        let found = canonical_of(Some(code), value, unit);
        assert_eq!((&*found.unit, found.scaled), ("1", true), "{unit}");
        assert!((100.0 * found.value - expected).abs() < 0.005, "{value} {unit}: {}", 100.0 * found.value);
    }

    #[test]
    fn millimoles_per_mole_become_the_ngsp_share() {
        for (ifcc, ngsp) in [(20.0, 3.98), (42.0, 5.99), (48.0, 6.54), (53.0, 7.00), (75.0, 9.01), (108.0, 12.03)] {
            percent("4548-4", ifcc, "mmol/mol", ngsp);
            percent("17856-6", ifcc, "mmol/mol", ngsp);
        }
    }

    #[test]
    fn every_spelling_of_the_ratio_is_the_same_value() {
        for unit in ["mmol/mol", "mmol.mol-1", "mmol/mol{Hb}", "mol-1.mmol", "umol/mmol", "mmol{HbA1c}/mol{Hb}"] {
            percent("4548-4", 48.0, unit, 6.543);
        }
        percent("4548-4", 0.048, "mol/mol", 6.543);
    }

    #[test]
    fn shares_other_codes_and_unknown_units_stay_as_they_are() {
        percent("4548-4", 6.5, "%", 6.5);
        percent("4548-4", 65.0, "[ppth]", 6.5);
        percent("4548-4", 6.5, "%{mol}", 6.5);
        percent("59261-8", 48.0, "mmol/mol", 4.8);
        assert_eq!(canonical_of(None, 48.0, "mmol/mol"), canonical(48.0, "mmol/mol"));
        assert!(!canonical_of(Some("4548-4"), 48.0, "mmol per mol").scaled);
        assert_eq!(canonical_of(Some("4548-4"), 5.0, "mmol/L"), canonical(5.0, "mmol/L"));
    }
}
