//! Step three: parts become the dataset. Follow-up ends are set, the vocabulary is learned, and `dataset.json` is
//! written last, so that a dataset without it is known to be unfinished.

use super::audit::Lines;
use super::part::{self, Part, Person};
use super::pseudonym::write_private;
use super::state::{State, write_whole};
use super::tally::{Findings, Tally};
use super::{Options, report, vocabulary};
use crate::learning::shard::{Dataset, PatientRow, SHARD_FORMAT, Split, hex};
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Follow-up ends are rounded down to whole steps, so that they do not give the birth date away.
const FOLLOW_UP_STEP: i32 = 28;

/// Writes everything but the shards' raw material, which stays in the spill until all is done.
pub fn seal(state: &State, spill: &Path, options: &Options) -> anyhow::Result<Dataset> {
    let mut tally = Tally::default();
    for bucket in 0..state.buckets as usize {
        tally.add(read_part(spill, bucket)?.tally);
    }
    refuse_two_splits(&tally.findings)?;
    let vocabulary = vocabulary::learn(&mut tally);
    let (export_day, stated) = match (options.export_date, tally.latest) {
        (Some(date), _) => (day_of(date), true),
        (None, Some(latest)) => (latest, false),
        (None, None) => bail!("nothing dated was found in the sources; state --export-date YYYY-MM-DD"),
    };
    let dataset = write_shards(state, spill, export_day, &mut tally.findings, options)?;
    let report = report::Report::of(&tally, state, &dataset, &vocabulary, (export_day, stated));
    write_whole(&options.out.join("vocabulary.json"), &serde_json::to_vec_pretty(&vocabulary)?)?;
    write_whole(&options.out.join("report.json"), &serde_json::to_vec_pretty(&report)?)?;
    write_whole(&options.out.join("report.md"), report.markdown().as_bytes())?;
    write_whole(&options.out.join("dataset.json"), &serde_json::to_vec_pretty(&dataset)?)?;
    Ok(dataset)
}

fn read_part(spill: &Path, bucket: usize) -> anyhow::Result<Part> {
    let path = part::path(spill, bucket);
    Part::read(&path).with_context(|| format!("`{}` is damaged; remove it and repeat the command", path.display()))
}

/// A patient in two splits would be tested on what was learned from her.
fn refuse_two_splits(findings: &Findings) -> anyhow::Result<()> {
    let keys = &findings.in_two_splits;
    if keys.is_empty() {
        return Ok(());
    }
    let some: Vec<String> = keys.iter().take(5).map(|key| hex(&key[..8])).collect();
    bail!(
        "{} patients lie in folders of more than one split (salted hashes: {}{}); move each patient to one folder, \
         or leave out --split-by-folder, and remove the spill folder",
        keys.len(),
        some.join(", "),
        if keys.len() > some.len() { ", ..." } else { "" }
    )
}

/// Days since 1970-01-01.
pub fn day_of(date: jiff::civil::Date) -> i32 {
    (date - jiff::civil::date(1970, 1, 1)).get_days()
}

fn write_shards(
    state: &State,
    spill: &Path,
    export_day: i32,
    findings: &mut Findings,
    options: &Options,
) -> anyhow::Result<Dataset> {
    let folder = options.out.join("shards");
    std::fs::create_dir_all(&folder).with_context(|| format!("`{}`", folder.display()))?;
    let mut audit = Lines::default();
    let mut identities = String::from("patient,key,birth_date,split\n");
    let mut patients: BTreeMap<Split, u64> = Split::ALL.into_iter().map(|split| (split, 0)).collect();
    let (mut events, mut shards, mut names) = (0, Vec::new(), Sha256::new());
    for bucket in 0..state.buckets as usize {
        let Part { mut shard, persons, .. } = read_part(spill, bucket)?;
        let rows = std::mem::take(&mut shard.patients).into_iter().zip(&persons);
        for (mut row, person) in rows {
            if !close(&mut row, person, export_day, findings) {
                continue;
            }
            *patients.entry(row.split).or_default() += 1;
            events += row.events.len() as u64;
            identities.push_str(&identity_line(&row, person));
            person.audit.iter().for_each(|stated| audit.push(row.key, stated));
            shard.patients.push(row);
        }
        let name = format!("{bucket:04}.zst");
        let bytes = shard.to_bytes()?;
        names.update(Sha256::digest(&bytes));
        write_whole(&folder.join(&name), &bytes)?;
        shards.push(name);
    }
    if options.identity {
        write_private(&options.out.join("identity.csv"), identities.as_bytes())?;
    }
    if options.audit {
        audit.write(&options.out.join("audit.csv"))?;
    }
    let sha256 = hex(&names.finalize());
    Ok(Dataset { format: SHARD_FORMAT, patients, events, shards, sha256, folder: options.out.clone() })
}

/// Sets a row's end and leaves out what the export cannot have known. False: the whole row.
fn close(row: &mut PatientRow, person: &Person, export_day: i32, findings: &mut Findings) -> bool {
    let last = export_day - person.birth;
    if last < 0 {
        findings.births_after_export += 1;
        return false;
    }
    let mut day = 0;
    let known = row.events.iter().take_while(|event| {
        day += event.after_days;
        day <= last
    });
    let known = known.count();
    findings.events_after_export += (row.events.len() - known) as u64;
    row.events.truncate(known);
    if row.death.is_some_and(|death| death > last) {
        findings.deaths_after_export += 1;
        row.death = None;
    }
    let last_event: i32 = row.events.iter().map(|event| event.after_days).sum();
    let end = if person.undated_death { last_event } else { last };
    row.follow_up_end = end.div_euclid(FOLLOW_UP_STEP) * FOLLOW_UP_STEP;
    true
}

/// A line of `identity.csv`; quoted, since ids come from outside.
fn identity_line(row: &PatientRow, person: &Person) -> String {
    let Some(id) = &person.id else { return String::new() };
    let id = id.replace('"', "\"\"");
    format!("\"{id}\",{},{},{}\n", hex(&row.key), date_of(person.birth), row.split.as_str())
}

/// The calendar date of a day since 1970-01-01.
pub fn date_of(day: i32) -> String {
    use jiff::ToSpan;
    jiff::civil::date(1970, 1, 1).checked_add(day.days()).map(|date| date.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::shard::EventRow;
    use crate::patient_record::timeline::Sex;

    fn row(after_days: &[i32], death: Option<i32>) -> PatientRow {
        let events = after_days.iter().map(|&after_days| EventRow { after_days, fact: 0, number: None }).collect();
        PatientRow { key: [0; 16], split: Split::Train, sex: Sex::Female, follow_up_end: 0, death, events }
    }

    fn person(birth: i32, undated_death: bool) -> Person {
        Person { birth, undated_death, id: None, audit: None }
    }

    #[test]
    fn follow_up_ends_on_a_whole_step_and_never_after_the_export() {
        for (export, expected) in [(55, 28), (56, 56), (83, 56), (84, 84)] {
            let mut life = row(&[1, 3], None);
            assert!(close(&mut life, &person(0, false), export, &mut Findings::default()));
            assert_eq!(life.follow_up_end, expected);
        }
    }

    #[test]
    fn what_the_export_cannot_have_known_is_left_out_and_counted() {
        let mut findings = Findings::default();
        let mut life = row(&[10, 10, 100], Some(500));
        assert!(close(&mut life, &person(0, false), 100, &mut findings));
        assert_eq!((life.events.len(), life.death), (2, None));
        assert_eq!((findings.events_after_export, findings.deaths_after_export), (1, 1));
        assert!(!close(&mut row(&[], None), &person(200, false), 100, &mut findings));
        assert_eq!(findings.births_after_export, 1);
    }

    #[test]
    fn who_died_at_an_unknown_date_is_followed_to_the_last_event() {
        let mut life = row(&[10, 50], None);
        close(&mut life, &person(0, true), 1_000, &mut Findings::default());
        assert_eq!(life.follow_up_end, 56);
    }

    #[test]
    fn days_and_dates_are_the_same_calendar() {
        assert_eq!(date_of(day_of(jiff::civil::date(2026, 1, 1))), "2026-01-01");
        assert_eq!(day_of(jiff::civil::date(1969, 12, 31)), -1);
    }
}
