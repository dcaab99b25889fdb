//! Charts to assessments: files read and encoded, questions answered, on all cores and in the order given.

use crate::patient_record::chart::file::{self, ChartFile, ChartFileError};
use crate::patient_record::timeline::{Second, Skipped, Source, Timeline};
use crate::prediction::answer::{Answer, Explain, Oracle, Question, Risk};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Questions that one core answers at a time.
const QUESTIONS_PER_BATCH: usize = 8;

/// What is asked of every chart alike.
pub struct Ask {
    /// For all charts; `None`: each chart's own timestamp, else `now`.
    pub as_of: Option<Second>,
    pub now: Second,
    pub explain: Arc<[Explain]>,
    pub max_explained: usize,
}

/// All that is said of one patient of one chart file.
pub struct Assessment {
    /// The file, as it was given or found.
    pub chart: PathBuf,
    /// Logical id.
    pub patient: Box<str>,
    pub as_of: Second,
    /// Events known by then.
    pub events_read: usize,
    pub skipped: Skipped,
    pub answer: Answer,
    /// The resources behind the answer's reasons, each once, the strongest first.
    pub basis: Vec<Source>,
}

impl Assessment {
    /// Why the server would stay silent about one risk.
    pub fn silence(&self, risk: &Risk) -> Option<&'static str> {
        self.answer.abstained.or(risk.abstained).map(|reason| reason.as_str())
    }
}

/// A chart that waits for its answer.
struct Asked<'a> {
    path: &'a Path,
    timeline: Timeline,
    skipped: Skipped,
    as_of: Second,
    question: Question,
}

/// Assesses every patient of every chart: one result per file, in order.
pub fn assess(model: &dyn Oracle, charts: &[PathBuf], ask: &Ask) -> Vec<Result<Vec<Assessment>, ChartFileError>> {
    let read: Vec<Result<Vec<Asked<'_>>, ChartFileError>> =
        charts.par_iter().map(|path| Ok(questions(model, path, file::read(path)?, ask))).collect();
    let questions: Vec<Question> = read.iter().flatten().flatten().map(|asked| asked.question.clone()).collect();
    let mut answers = questions
        .par_chunks(QUESTIONS_PER_BATCH)
        .map(|batch| model.answer(batch))
        .collect::<Vec<_>>()
        .into_iter()
        .flatten();
    read.into_iter()
        .map(|asked| {
            let asked = asked?.into_iter();
            Ok(asked.zip(answers.by_ref()).map(|(asked, answer)| assessment(asked, answer)).collect())
        })
        .collect()
}

fn questions<'a>(model: &dyn Oracle, path: &'a Path, chart: ChartFile, ask: &Ask) -> Vec<Asked<'a>> {
    let ChartFile { timelines, unattributed, timestamp } = chart;
    let as_of = ask.as_of.or(timestamp).unwrap_or(ask.now);
    let one = |timeline: Timeline| {
        // What belongs to nobody may belong to any of them: every line of the file tells it.
        let mut skipped = timeline.skipped.clone();
        skipped.merge(unattributed.clone());
        let chart = Arc::new(model.encode(&timeline, as_of));
        let question =
            Question { chart, explain: ask.explain.clone(), max_explained: ask.max_explained, pairs: Arc::from([]) };
        Asked { path, timeline, skipped, as_of, question }
    };
    timelines.into_iter().map(one).collect()
}

fn assessment(asked: Asked<'_>, answer: Answer) -> Assessment {
    let basis = basis(&asked, &answer);
    Assessment {
        chart: asked.path.to_owned(),
        events_read: asked.question.chart.events_read,
        patient: asked.timeline.patient.id,
        as_of: asked.as_of,
        skipped: asked.skipped,
        answer,
        basis,
    }
}

/// The resources of the answer's reasons that can be referred to.
fn basis(asked: &Asked<'_>, answer: &Answer) -> Vec<Source> {
    let mut basis: Vec<Source> = Vec::new();
    for reason in answer.reasons.iter().flat_map(|reasons| &reasons.reasons) {
        let event = asked.question.chart.events.get(reason.event as usize);
        let event = event.and_then(|event| asked.timeline.events.get(event.event as usize));
        let source = event.map(|event| asked.timeline.source(event));
        basis.extend(source.filter(|source| !source.id.is_empty() && !basis.contains(source)).cloned());
    }
    basis
}
