//! Another model's scores beside ours: the same rows, the same draws of patients, so that differences are paired.
//!
//! Owns the form of a score file (`patient,day,TASK@DAYS,...`, as `prodrome export` names patients, days and columns)
//! and the comparison. A column that is missing is an outcome without comparison; a row that is missing is an error,
//! since an AUROC on rows that one model chose would flatter it. AUROCs stand on the labels after the gap.

use super::figures::{Estimate, LEAST_EVENTS};
use super::labels::Key;
use super::metrics::{Ranking, interval};
use super::panel::Panel;
use super::report::{difference, estimate, horizon};
use super::summary::{Judged, outcome_sets};
use crate::learning::shard::hex;
use anyhow::{Context, bail};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

/// Scores of another model.
pub struct Scores {
    pub name: String,
    /// Place of each `TASK@DAYS` in a row.
    columns: HashMap<String, usize>,
    /// By pseudonym and day since birth; `NaN`: no score.
    rows: HashMap<(String, i32), Vec<f64>>,
}

impl Scores {
    /// Reads a file, gzip where its name ends in `.gz`.
    pub fn open(name: &str, path: &Path) -> anyhow::Result<Self> {
        let what = || format!("scores `{}`", path.display());
        let file = std::fs::File::open(path).with_context(what)?;
        if path.extension().is_some_and(|end| end == "gz") {
            Self::read(name, flate2::read::GzDecoder::new(file)).with_context(what)
        } else {
            Self::read(name, file).with_context(what)
        }
    }

    /// Reads CSV text.
    pub fn read(name: &str, text: impl Read) -> anyhow::Result<Self> {
        let mut csv = csv::Reader::from_reader(text);
        let header = csv.headers()?.clone();
        if (header.get(0), header.get(1)) != (Some("patient"), Some("day")) {
            bail!("the first columns are `patient,day`, as `prodrome export` writes them");
        }
        let columns = header.iter().skip(2).enumerate().map(|(place, column)| (column.to_owned(), place)).collect();
        let mut rows = HashMap::new();
        for (number, record) in csv.records().enumerate() {
            let record = record?;
            let line = || format!("line {}", number + 2);
            let day = record.get(1).unwrap_or("").parse().with_context(line)?;
            let cells = record.iter().skip(2).map(|cell| match cell {
                "" => Ok(f64::NAN),
                cell => cell.parse::<f64>().ok().filter(|score| score.is_finite()).context("a score is a number"),
            });
            let cells: Vec<f64> = cells.collect::<anyhow::Result<_>>().with_context(line)?;
            if rows.insert((record.get(0).unwrap_or("").to_owned(), day), cells).is_some() {
                bail!("{}: this patient and day stand twice", line());
            }
        }
        Ok(Self { name: name.to_owned(), columns, rows })
    }

    /// Scores of one column for these rows; `None` where the model has no such column.
    pub fn column(&self, column: &str, rows: impl Iterator<Item = (Key, i32)>) -> anyhow::Result<Option<Vec<f64>>> {
        let Some(&place) = self.columns.get(column) else { return Ok(None) };
        let scores = rows.map(|(key, day)| {
            self.rows.get(&(hex(&key), day)).and_then(|row| row.get(place)).copied().unwrap_or(f64::NAN)
        });
        let scores: Vec<f64> = scores.collect();
        match scores.iter().filter(|score| score.is_nan()).count() {
            0 => Ok(Some(scores)),
            missing => bail!(
                "{missing} of {} rows have no score for {column}; score every row of the split that has a label",
                scores.len()
            ),
        }
    }
}

/// AUROC of ours, of theirs, and ours − theirs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    pub ours: Estimate,
    pub theirs: Estimate,
    pub difference: Estimate,
}

/// One outcome.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedTask {
    pub outcome: String,
    pub title: String,
    pub horizon_days: u32,
    pub accepted: bool,
    pub events: usize,
    pub auroc: Pair,
}

/// The mean over a set of outcomes that both models answer.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedMean {
    pub name: &'static str,
    pub outcomes: usize,
    /// Outcomes where our AUROC is higher.
    pub wins: usize,
    pub auroc: Pair,
}

/// Our model beside another one.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    pub name: String,
    /// Outcomes with enough events that the other model does not answer.
    pub unanswered: usize,
    pub means: Vec<ComparedMean>,
    pub tasks: Vec<ComparedTask>,
}

/// AUROCs of ours and theirs, on the rows and on each draw of patients.
pub struct Drawn {
    pub here: (f64, f64),
    pub draws: Vec<Option<(f64, f64)>>,
}

impl Drawn {
    /// Each with the middle 95 % of its draws.
    pub fn pair(&self) -> Option<Pair> {
        let of = |figure: fn((f64, f64)) -> f64| {
            let (low, high) = interval(self.draws.iter().map(|draw| draw.map(figure)))?;
            Some(Estimate { value: figure(self.here), low, high })
        };
        Some(Pair { ours: of(|a| a.0)?, theirs: of(|a| a.1)?, difference: of(|a| a.0 - a.1)? })
    }

    /// Outcome by outcome and draw by draw; a draw without one of the outcomes has no mean.
    pub fn mean(several: &[&Drawn]) -> Option<Self> {
        let n = several.len() as f64;
        let mean =
            |all: Vec<(f64, f64)>| (all.iter().map(|a| a.0).sum::<f64>() / n, all.iter().map(|a| a.1).sum::<f64>() / n);
        let draws = several.iter().map(|one| one.draws.len()).min()?;
        let at = |draw: usize| several.iter().map(|one| one.draws[draw]).collect::<Option<Vec<_>>>().map(mean);
        Some(Self { here: mean(several.iter().map(|one| one.here).collect()), draws: (0..draws).map(at).collect() })
    }
}

/// Compares our judged outcomes with each of the others' scores.
pub fn compare(
    others: &[Scores],
    panel: &Panel,
    judged: &[Judged<'_>],
    draws: &[Vec<u16>],
) -> anyhow::Result<Vec<Beside>> {
    others.iter().map(|other| with(other, panel, judged, draws).with_context(|| other.name.clone())).collect()
}

fn with(other: &Scores, panel: &Panel, judged: &[Judged<'_>], draws: &[Vec<u16>]) -> anyhow::Result<Beside> {
    let enough: Vec<&Judged<'_>> = judged.iter().filter(|one| one.task.events >= LEAST_EVENTS).collect();
    let found: Vec<Option<Drawn>> =
        enough.par_iter().map(|one| drawn(other, panel, one, draws)).collect::<anyhow::Result<_>>()?;
    let both: Vec<(&Judged<'_>, &Drawn)> =
        enough.iter().zip(&found).filter_map(|(one, drawn)| Some((*one, drawn.as_ref()?))).collect();
    let means = outcome_sets().into_iter().filter_map(|(name, belongs)| {
        let set: Vec<&Drawn> = both.iter().filter(|(one, _)| belongs(&one.task)).map(|(_, drawn)| *drawn).collect();
        let wins = set.iter().filter(|drawn| drawn.here.0 > drawn.here.1).count();
        Some(ComparedMean { name, outcomes: set.len(), wins, auroc: Drawn::mean(&set)?.pair()? })
    });
    let tasks = both.iter().filter_map(|(one, drawn)| {
        let task = &one.task;
        Some(ComparedTask {
            outcome: task.outcome.clone(),
            title: task.title.clone(),
            horizon_days: task.horizon_days,
            accepted: task.accepted,
            events: task.events,
            auroc: drawn.pair()?,
        })
    });
    Ok(Beside {
        name: other.name.clone(),
        unanswered: enough.len() - both.len(),
        means: means.collect(),
        tasks: tasks.collect(),
    })
}

/// `None` where the other model does not answer or an AUROC has no value.
fn drawn(other: &Scores, panel: &Panel, one: &Judged<'_>, draws: &[Vec<u16>]) -> anyhow::Result<Option<Drawn>> {
    let labels = one.target.after_gap.iter().enumerate();
    let labelled: Vec<(usize, bool)> = labels.filter_map(|(row, label)| Some((row, (*label)?))).collect();
    let column = format!("{}@{}", one.task.outcome, one.task.horizon_days);
    let asked = labelled.iter().map(|&(row, _)| {
        let row = &panel.rows[row];
        (panel.keys[row.patient as usize], row.day)
    });
    let Some(theirs) = other.column(&column, asked)? else { return Ok(None) };
    let events: Vec<bool> = labelled.iter().map(|row| row.1).collect();
    let ours: Vec<f64> = labelled.iter().map(|row| one.scores.model[row.0]).collect();
    let patients: Vec<usize> = labelled.iter().map(|row| panel.rows[row.0].patient as usize).collect();
    let (ours, theirs) = (Ranking::new(&events, &ours), Ranking::new(&events, &theirs));
    let aurocs = |weight: &dyn Fn(usize) -> f64| Some((ours.auroc(weight)?, theirs.auroc(weight)?));
    let Some(here) = aurocs(&|_| 1.0) else { return Ok(None) };
    let draws = draws.iter().map(|draw| aurocs(&|row| f64::from(draw[patients[row]]))).collect();
    Ok(Some(Drawn { here, draws }))
}

/// The section of the report; nothing without another model.
pub fn section(all: &[Beside]) -> String {
    let mut page = String::new();
    for other in all {
        let _ = writeln!(
            page,
            "## Beside {}\n\nAUROC on the same rows (labels after the gap), ours − theirs paired",
            other.name
        );
        let _ = writeln!(page, "on the same draws of patients. Outcomes it does not answer: {}.\n", other.unanswered);
        page.push_str("| outcomes | n | ours | theirs | ours − theirs | wins |\n|---|---|---|---|---|---|\n");
        for mean in &other.means {
            let cells = cells(&mean.auroc);
            let _ = writeln!(page, "| {} | {} | {cells} | {} |", mean.name, mean.outcomes, mean.wins);
        }
        page.push_str("\n| outcome | horizon | events | ours | theirs | ours − theirs |\n|---|---|---|---|---|---|\n");
        for task in &other.tasks {
            let (star, cells) = (if task.accepted { " *" } else { "" }, cells(&task.auroc));
            let _ =
                writeln!(page, "| {}{star} | {} | {} | {cells} |", task.title, horizon(task.horizon_days), task.events);
        }
        page.push('\n');
    }
    page
}

fn cells(auroc: &Pair) -> String {
    format!("{} | {} | {}", estimate(&auroc.ours), estimate(&auroc.theirs), difference(&auroc.difference))
}

/// A line per set of outcomes for the terminal.
pub fn short(all: &[Beside]) -> String {
    let mut text = String::new();
    for (other, mean) in all.iter().flat_map(|other| other.means.iter().map(move |mean| (other, mean))) {
        let Pair { ours, theirs, difference: by } = mean.auroc;
        let who = format!("beside {}, {} ({})", other.name, mean.name, mean.outcomes);
        let _ = writeln!(
            text,
            "{who}: ours {:.3}, theirs {:.3}, ours - theirs {}, higher in {}",
            ours.value,
            theirs.value,
            difference(&by),
            mean.wins
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_by_patient_and_day() {
        let key = [1; 16];
        let text = format!("patient,day,a@365\n{},10,0.25\n{},11,\n", hex(&key), hex(&key));
        let scores = Scores::read("LightGBM", text.as_bytes()).unwrap();
        assert_eq!(scores.column("a@365", [(key, 10)].into_iter()).unwrap(), Some(vec![0.25]));
        assert_eq!(scores.column("b@365", [(key, 10)].into_iter()).unwrap(), None);
        for day in [11, 12] {
            let error = scores.column("a@365", [(key, 10), (key, day)].into_iter()).unwrap_err();
            assert!(error.to_string().contains("1 of 2 rows"), "{error}");
        }
    }

    #[test]
    fn what_is_no_score_file_is_an_error_that_names_nobody() {
        for (text, why) in [
            ("patient,as_of,a@365\nsecret,10,0.1\n", "patient,day"),
            ("patient,day,a@365\nsecret,10,high\n", "line 2"),
            ("patient,day,a@365\nsecret,soon,0.1\n", "line 2"),
            ("patient,day,a@365\nsecret,10,0.1\nsecret,10,0.1\n", "twice"),
        ] {
            let error = Scores::read("x", text.as_bytes()).err().map(|error| format!("{error:#}")).unwrap();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }
}
