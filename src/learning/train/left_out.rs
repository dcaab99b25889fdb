//! Outcomes that a run is not taught: what a few labels make of its state can then be asked honestly.
//!
//! Owns which named outcomes, auxiliary first occurrences and keys those are. No head foretells them: they weigh nothing
//! in the time-to-event loss, and their keys are not among those of the next day. They are still read as facts of the
//! past. Says which outcomes that are taught count the same codes; refuses names that no outcome has.

use crate::patient_record::timeline::Kind;
use crate::prediction::phenotype::{Phenotype, Phenotypes};
use crate::prediction::vocabulary::{Fact, KeyEntry, Vocabulary};
use anyhow::bail;
use std::collections::HashSet;

/// What a run is not taught.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    /// By outcome: the named ones, then the auxiliary first occurrences.
    outcomes: Vec<bool>,
    named: usize,
    keys: HashSet<u32>,
    /// Outcomes that are taught and count a code of one that is not.
    akin: Vec<usize>,
}

impl LeftOut {
    /// Finds the outcomes called `names`, their keys, and what else counts those.
    pub fn of(names: &[String], phenotypes: &Phenotypes, vocabulary: &Vocabulary) -> anyhow::Result<Self> {
        let named = phenotypes.outcomes.len();
        let mut outcomes = vec![false; named];
        for name in names {
            match phenotypes.index(name) {
                Some(index) => outcomes[index] = true,
                None => {
                    bail!("`data.leave_out` names `{name}`, which no outcome is called{}", nearest(name, phenotypes))
                }
            }
        }
        let (mut keys, mut akin) = (HashSet::new(), vec![false; named]);
        for (key, entry) in (0..).zip(&vocabulary.keys) {
            let counts = counted_by(phenotypes, entry);
            if counts.iter().any(|&outcome| outcomes[outcome]) {
                keys.insert(key);
                counts.into_iter().for_each(|outcome| akin[outcome] = true);
            }
        }
        let akin = (0..named).filter(|&outcome| akin[outcome] && !outcomes[outcome]).collect();
        let is_key = |name: &String| vocabulary.key(name).is_some_and(|key| keys.contains(&key));
        outcomes.extend(vocabulary.auxiliary.iter().map(is_key));
        Ok(Self { outcomes, named, keys, akin })
    }

    /// Whether an outcome is left out, named or auxiliary.
    pub fn is(&self, outcome: usize) -> bool {
        self.outcomes.get(outcome).copied().unwrap_or(false)
    }

    /// Whether a known key is one that a left-out outcome counts.
    pub fn has_key(&self, key: u32) -> bool {
        self.keys.contains(&key)
    }

    /// Sets the weights of what is left out to 0 and raises the others, so that named ones sum to as much as before.
    /// `weights` by outcome, auxiliary ones last.
    pub fn mute(&self, weights: &mut [f32]) {
        let named = self.named.min(weights.len());
        let before: f32 = weights[..named].iter().sum();
        let muted = |(weight, _): (&mut f32, &bool)| *weight = 0.0;
        weights.iter_mut().zip(&self.outcomes).filter(|(_, left_out)| **left_out).for_each(muted);
        let after: f32 = weights[..named].iter().sum();
        if after > 0.0 && after < before {
            weights.iter_mut().for_each(|weight| *weight *= before / after);
        }
    }

    /// What whoever starts a run should know: outcomes that are taught although they count the same codes.
    pub fn warning(&self, phenotypes: &Phenotypes) -> Option<String> {
        let akin: Vec<&str> = self.akin.iter().map(|&outcome| phenotypes.outcomes[outcome].0.as_str()).collect();
        let names = akin.join(", ");
        (!akin.is_empty()).then(|| {
            format!(
                "warning: taught although they count codes of an outcome that is left out: {names}; name them in \
                 `data.leave_out` too where a probe shall find nothing of them"
            )
        })
    }
}

/// The outcomes, by index, that an event with this key may be an occurrence of. The end of a condition counts as the
/// condition, and a kind of encounter as an encounter of that kind: foretelling either would tell of the outcome.
pub fn counted_by(phenotypes: &Phenotypes, key: &KeyEntry) -> Vec<usize> {
    let text = key.key.split_once('|').map_or("", |(_, code)| code);
    let (code, value) = match (key.kind, text.split_once('=')) {
        (Kind::Observation, Some((code, value))) => (code, Some(value.to_owned())),
        _ => (text, None),
    };
    let fact = |kind, code: &str, value| Fact { kind, code: code.into(), value, display: key.display.clone() };
    if key.kind == Kind::EncounterType {
        let of_type = |(index, (_, outcome)): (usize, &(String, Phenotype))| {
            let class = outcome.classes.first().map_or("", String::as_str);
            let counts = phenotypes.role(&fact(Kind::Encounter, class, Some(code.to_owned()))).counts;
            (!outcome.types.is_empty() && counts.contains(&(index as u16))).then_some(index)
        };
        let of_type = phenotypes.outcomes.iter().enumerate().filter_map(of_type);
        let as_code = phenotypes.role(&fact(key.kind, code, None)).counts.into_iter().map(usize::from);
        return of_type.chain(as_code).collect();
    }
    let kind = if key.kind == Kind::ConditionEnd { Kind::Condition } else { key.kind };
    phenotypes.role(&fact(kind, code, value)).counts.into_iter().map(usize::from).collect()
}

/// ` (did you mean ...?)` where a name is near.
fn nearest(name: &str, phenotypes: &Phenotypes) -> String {
    let distance = |known: &&String| strsim::damerau_levenshtein(known, name);
    let near = phenotypes.outcomes.iter().map(|(known, _)| known).min_by_key(distance);
    near.filter(|known| distance(known) <= 3).map_or_else(String::new, |known| format!(" (did you mean `{known}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::phenotype::DEFAULT;

    fn key(kind: Kind, code: &str) -> KeyEntry {
        KeyEntry { key: format!("{}|{code}", kind.short()), kind, display: String::new(), patients: 9 }
    }

    fn vocabulary() -> Vocabulary {
        let keys = vec![
            key(Kind::Condition, "S:431855005"),
            key(Kind::ConditionEnd, "S:431855005"),
            key(Kind::Condition, "S:44054006"),
            key(Kind::Encounter, "IMP"),
        ];
        Vocabulary::new(keys, Vec::new(), vec!["COND|S:431855005".into(), "COND|S:44054006".into()])
    }

    fn left_out(names: &[&str]) -> anyhow::Result<(LeftOut, Phenotypes)> {
        let phenotypes = Phenotypes::parse(DEFAULT)?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Ok((LeftOut::of(&names, &phenotypes, &vocabulary())?, phenotypes))
    }

    #[test]
    fn an_outcome_takes_its_auxiliary_first_occurrences_and_its_keys_along() {
        let (out, phenotypes) = left_out(&["ckd-any"]).unwrap();
        let named = phenotypes.outcomes.len();
        assert!(out.is(phenotypes.index("ckd-any").unwrap()) && out.is(named) && !out.is(named + 1));
        assert!(out.has_key(0) && out.has_key(1), "the end of a disease tells of the disease");
        assert!(!out.has_key(2) && !out.has_key(3));
        let mut weights = vec![1.0; named + 2];
        out.mute(&mut weights);
        assert_eq!((weights[phenotypes.index("ckd-any").unwrap()], weights[named]), (0.0, 0.0));
        assert!((weights[..named].iter().sum::<f32>() - named as f32).abs() < 1e-3, "the loss stays as large");
        assert!(weights[named + 1] > 1.0);
    }

    #[test]
    fn who_is_taught_the_same_codes_under_another_name_is_named() {
        let (out, phenotypes) = left_out(&["diabetes-any"]).unwrap();
        assert!(out.warning(&phenotypes).unwrap().contains("type-2-diabetes"));
        let (out, phenotypes) = left_out(&[]).unwrap();
        assert_eq!(out.warning(&phenotypes), None);
    }

    #[test]
    fn a_misspelt_outcome_is_an_error_that_names_the_nearest() {
        let error = left_out(&["ckd-nay"]).unwrap_err().to_string();
        assert!(error.contains("`ckd-nay`") && error.contains("`ckd-any`"), "{error}");
    }
}
