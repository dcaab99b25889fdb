//! The rows of an evaluation: patients, index days, and what then happened, with the chart of each handed on once.
//!
//! Owns the join of a label file with a dataset, or the draw of index days where there is none, and the comparison
//! of foreign labels with our own: a difference is a finding. Keeps no chart: histories are long.

use super::agreement::Agreement;
use super::cohort::{Course, Draw, Window, drawn_index_days, label};
use super::labels::{Identity, Key, LabelFile};
use crate::learning::life::ShardReader;
use crate::learning::shard::{Dataset, PatientRow, Split};
use crate::patient_record::timeline::Sex;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes};
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use anyhow::bail;
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Years of follow-up that leave out none.
pub const WHOLE_LIFE: u32 = 200;

/// Where index days and labels come from.
pub enum Source<'a> {
    /// Another's file, joined by the dataset's identity list.
    File(&'a LabelFile, &'a HashMap<String, Identity>),
    /// Drawn here, and labelled with what the dataset shows.
    Drawn { split: Split, draw: Draw, seed: u64 },
}

/// One question: a patient on a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PanelRow {
    /// Number of the patient within the panel.
    pub patient: u32,
    /// Days since birth; its end is the as-of moment.
    pub day: i32,
    pub sex: Sex,
    /// Days that the record is watched after it.
    pub watched_days: i32,
    /// Days of record up to it.
    pub history_days: i32,
    /// Entries of the chart up to it.
    pub entries: u32,
}

impl PanelRow {
    /// Age at the as-of moment.
    pub fn age_years(&self) -> f64 {
        f64::from(self.day + 1) / 365.25
    }
}

/// What happened in every row, for one outcome within one horizon; `None`: not eligible or not followed up.
pub struct Target {
    /// Index in the phenotypes.
    pub outcome: usize,
    pub horizon_days: u32,
    /// From the end of the gap: for discrimination.
    pub after_gap: Vec<Option<bool>>,
    /// From the index day: for calibration, as risks are served.
    pub from_day_0: Vec<Option<bool>>,
    /// By row, whatever the horizon.
    pub courses: Vec<Course>,
}

/// Rows with their labels.
#[derive(Default)]
pub struct Panel {
    /// Pseudonyms by patient number.
    pub keys: Vec<Key>,
    pub splits: BTreeMap<Split, usize>,
    pub rows: Vec<PanelRow>,
    pub targets: Vec<Target>,
    /// By column name; empty where labels are our own.
    pub agreement: BTreeMap<String, Agreement>,
    /// Lines of the label file whose patient the dataset lacks.
    pub lines_without_patient: usize,
}

/// `follow_up_end` is rounded down by up to this much.
const FOLLOW_UP_STEP_DAYS: i32 = 28;

/// Walks the dataset once. `each` receives the chart of every row, in the order of `rows`.
pub fn gather(
    dataset: &Dataset,
    vocabulary: &Vocabulary,
    phenotypes: &Phenotypes,
    source: &Source<'_>,
    progress: &ProgressBar,
    mut each: impl FnMut(&PanelRow, EncodedChart) -> anyhow::Result<()>,
) -> anyhow::Result<Panel> {
    let lines = source.lines_by_key();
    let mut panel = Panel::with_targets(phenotypes);
    if let Source::File(file, _) = source {
        panel.lines_without_patient = file.lines.len() - lines.values().map(Vec::len).sum::<usize>();
        progress.set_length(file.lines.len() as u64);
    } else {
        progress.set_length(dataset.patients.values().sum());
    }
    let mut seen: HashSet<Key> = HashSet::new();
    for shard in dataset.shards() {
        let shard = shard?;
        let reader = ShardReader::new(&shard, vocabulary, phenotypes);
        for patient in &shard.patients {
            let questions = source.questions(patient, &reader, &lines);
            if questions.is_empty() {
                progress.inc(u64::from(matches!(source, Source::Drawn { .. })));
                continue;
            }
            if !seen.insert(patient.key) {
                bail!("the dataset holds one patient twice; ingest again");
            }
            let days = reader.outcome_days(patient);
            let number = panel.keys.len() as u32;
            panel.keys.push(patient.key);
            *panel.splits.entry(patient.split).or_default() += 1;
            progress.inc(if matches!(source, Source::File(..)) { questions.len() as u64 } else { 1 });
            for (day, line) in questions {
                let chart = reader.chart(patient, &days, day);
                let row = PanelRow {
                    patient: number,
                    day,
                    sex: patient.sex,
                    watched_days: patient.follow_up_end - day,
                    history_days: chart.events.first().map_or(0, |event| day - event.day),
                    entries: chart.events.len() as u32,
                };
                panel.label(phenotypes, source, patient, &days, day, line);
                panel.rows.push(row);
                each(&row, chart)?;
            }
        }
    }
    if let Source::File(file, _) = source {
        panel.lines_without_patient = file.lines.len() - panel.rows.len();
    }
    if panel.rows.is_empty() {
        bail!("no index day: the dataset and the labels have no patient in common, or nobody is old enough");
    }
    Ok(panel)
}

impl Source<'_> {
    /// Label lines by pseudonym; empty where nothing is read from a file.
    fn lines_by_key(&self) -> HashMap<Key, Vec<(i32, usize)>> {
        let mut lines: HashMap<Key, Vec<(i32, usize)>> = HashMap::new();
        if let Source::File(file, identities) = self {
            for (number, line) in file.lines.iter().enumerate() {
                if let Some(identity) = identities.get(&line.patient) {
                    let day = line.as_of_day - identity.birth_day;
                    lines.entry(identity.key).or_default().push((day, number));
                }
            }
        }
        lines
    }

    /// The index days of one patient, each with its line of the file if any.
    fn questions(
        &self,
        patient: &PatientRow,
        reader: &ShardReader<'_>,
        lines: &HashMap<Key, Vec<(i32, usize)>>,
    ) -> Vec<(i32, Option<usize>)> {
        match self {
            Source::File(..) => {
                let lines = lines.get(&patient.key).map(Vec::as_slice).unwrap_or_default();
                lines.iter().map(|&(day, line)| (day, Some(line))).collect()
            }
            Source::Drawn { split, .. } if *split != patient.split => Vec::new(),
            Source::Drawn { draw, seed, .. } => {
                // One stream per patient: a draw does not depend on who else is in the dataset.
                let seed = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(patient.key).finalize();
                let mut rng = ChaCha8Rng::from_seed(seed.into());
                let visits = reader.visit_days(patient);
                let days = drawn_index_days(*draw, patient, &visits, &mut rng);
                days.into_iter().map(|day| (day, None)).collect()
            }
        }
    }
}

impl Panel {
    /// No rows yet, one target per outcome and horizon.
    fn with_targets(phenotypes: &Phenotypes) -> Self {
        let targets = (0..phenotypes.outcomes.len())
            .flat_map(|outcome| {
                phenotypes.horizons_days.iter().map(move |&horizon_days| Target {
                    outcome,
                    horizon_days,
                    after_gap: Vec::new(),
                    from_day_0: Vec::new(),
                    courses: Vec::new(),
                })
            })
            .collect();
        Self { targets, ..Self::default() }
    }

    /// Adds one row's labels: the file's where it has the column, else our own.
    fn label(
        &mut self,
        phenotypes: &Phenotypes,
        source: &Source<'_>,
        patient: &PatientRow,
        days: &[OutcomeDays],
        day: i32,
        line: Option<usize>,
    ) {
        let Self { targets, agreement, .. } = self;
        for target in targets {
            let name = &phenotypes.outcomes[target.outcome].0;
            let ends = day + target.horizon_days as i32;
            target.courses.push(Course::of(phenotypes, target.outcome, &days[target.outcome], patient.sex, day));
            for gap_days in [phenotypes.gap_days as i32, 0] {
                let window = Window { gap_days, horizon_days: target.horizon_days as i32 };
                let ours = label(phenotypes, target.outcome, &days[target.outcome], patient.sex, day, window);
                let theirs = source.cell(name, target.horizon_days, gap_days == 0, line);
                let value = match &theirs {
                    Some((column, theirs)) => {
                        let watched = (patient.follow_up_end - ends, FOLLOW_UP_STEP_DAYS);
                        agreement.entry(column.clone()).or_default().count(ours, *theirs, watched);
                        *theirs
                    }
                    None => ours.filter(|_| ends <= patient.follow_up_end),
                };
                if gap_days == 0 { target.from_day_0.push(value) } else { target.after_gap.push(value) }
            }
        }
    }
}

impl Source<'_> {
    /// The file's cell, with the column's name; `None` where there is no such column.
    fn cell(
        &self,
        outcome: &str,
        horizon_days: u32,
        from_day_0: bool,
        line: Option<usize>,
    ) -> Option<(String, Option<bool>)> {
        let Source::File(file, _) = self else { return None };
        let place = file.columns.iter().position(|column| {
            column.outcome == outcome && column.horizon_days == horizon_days && column.from_day_0 == from_day_0
        })?;
        let cell = file.lines.get(line?)?.cells.get(place).copied().flatten();
        Some((format!("{outcome}@{horizon_days}{}", if from_day_0 { "+0" } else { "" }), cell))
    }
}
