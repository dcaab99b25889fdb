//! The one door to a model: a question in, an answer out, soon or never.
//!
//! Owns the cache of answers and the engine behind it. The cache key is a hash of the model and of what the
//! model reads; no identifier is in it. Equal questions that come together are computed once; errors are
//! forgotten at once.

use super::answer::{Answer, Oracle, Question};
use super::engine::Engine;
pub use super::engine::{AskError, EngineSize};
use super::vocabulary::EncodedChart;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// Whether an answer was at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// Kept from before, or computed for an equal question that came a moment earlier.
    Hit,
    Miss,
}

impl CacheStatus {
    /// The word of the `X-Prodrome-Cache` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

/// SHA-256 of a model's identity and everything that its answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A model, its engine and the answers it gave.
pub struct Predictor {
    oracle: Arc<dyn Oracle>,
    engine: Engine,
    answers: Cache<Fingerprint, Arc<Answer>>,
    /// States are read on as many threads as the engine has.
    turns: Semaphore,
}

impl Predictor {
    /// Starts the engine. `cache_entries` answers are kept, the least used go first.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(oracle: Arc<dyn Oracle>, size: EngineSize, cache_entries: u64) -> std::io::Result<Self> {
        let engine = Engine::start(oracle.clone(), size)?;
        Ok(Self { oracle, engine, answers: Cache::new(cache_entries), turns: Semaphore::new(size.threads.max(1)) })
    }

    /// The model, for writing charts in its words.
    pub fn oracle(&self) -> &dyn Oracle {
        &*self.oracle
    }

    /// Names a question by content: equal charts of different people have equal fingerprints.
    pub fn fingerprint(&self, question: &Question) -> Fingerprint {
        let mut hash = Sha256::new();
        feed_text(&mut hash, self.oracle.identity());
        feed_chart(&mut hash, &question.chart);
        feed_number(&mut hash, question.max_explained as u64);
        for explain in question.explain.iter() {
            feed_text(&mut hash, &explain.phenotype);
            feed_number(&mut hash, explain.horizon_days.into());
            feed_number(&mut hash, explain.at_least.to_bits());
        }
        feed_number(&mut hash, question.pairs.len() as u64);
        for asked in question.pairs.iter() {
            feed_text(&mut hash, &asked.pair);
            feed_number(&mut hash, asked.at_least.to_bits());
        }
        Fingerprint(hash.finalize().into())
    }

    /// Answers a question before `deadline`.
    ///
    /// # Errors
    /// At once when too many wait; when the deadline passes; when the model fails.
    pub async fn ask(&self, question: Question, deadline: Instant) -> Result<(Arc<Answer>, CacheStatus), AskError> {
        let key = self.fingerprint(&question);
        let ask = async {
            loop {
                let compute = self.compute(question.clone(), deadline);
                match self.answers.entry(key).or_try_insert_with(compute).await {
                    Ok(entry) => {
                        let status = if entry.is_fresh() { CacheStatus::Miss } else { CacheStatus::Hit };
                        return Ok((entry.into_value(), status));
                    }
                    // An equal question was less patient than this one.
                    Err(error) if *error == AskError::TooLate && Instant::now() < deadline => {}
                    Err(error) => return Err(*error),
                }
            }
        };
        tokio::time::timeout_at(deadline.into(), ask).await.unwrap_or(Err(AskError::TooLate))
    }

    /// What the model makes of a chart before any outcome is asked ([`Oracle::state`]), before `deadline`.
    ///
    /// # Errors
    /// When the deadline passes; when the model fails.
    pub async fn state(&self, chart: Arc<EncodedChart>, deadline: Instant) -> Result<Vec<f32>, AskError> {
        let read = async {
            let _turn = self.turns.acquire().await.map_err(|_| AskError::Stopping)?;
            let oracle = self.oracle.clone();
            let reading = tokio::task::spawn_blocking(move || oracle.state(&chart));
            reading.await.unwrap_or(Err(AskError::Failed))
        };
        tokio::time::timeout_at(deadline.into(), read).await.unwrap_or(Err(AskError::TooLate))
    }

    async fn compute(&self, question: Question, deadline: Instant) -> Result<Arc<Answer>, AskError> {
        let answer = self.engine.submit(question, deadline)?;
        answer.await.unwrap_or(Err(AskError::Failed)).map(Arc::new)
    }
}

fn feed_number(hash: &mut Sha256, number: u64) {
    hash.update(number.to_le_bytes());
}

fn feed_text(hash: &mut Sha256, text: &str) {
    feed_number(hash, text.len() as u64);
    hash.update(text);
}

/// Everything of a chart except provenance ([`super::vocabulary::ChartEvent::event`]).
fn feed_chart(hash: &mut Sha256, chart: &EncodedChart) {
    let EncodedChart { as_of_day, birth_day, sex, deceased, events, unknown, standing, events_read } = chart;
    hash.update(as_of_day.to_le_bytes());
    hash.update([u8::from(birth_day.is_some()), *sex as u8, u8::from(*deceased)]);
    hash.update(birth_day.unwrap_or_default().to_le_bytes());
    feed_number(hash, *events_read as u64);
    feed_number(hash, events.len() as u64);
    for event in events {
        let (number, value) = event.number.unwrap_or((u32::MAX, 0.0));
        hash.update(event.day.to_le_bytes());
        hash.update(event.key.to_le_bytes());
        hash.update(number.to_le_bytes());
        hash.update(value.to_bits().to_le_bytes());
    }
    feed_number(hash, unknown.len() as u64);
    for (kind, display) in unknown {
        hash.update([*kind as u8]);
        feed_text(hash, display);
    }
    hash.update(standing.iter().map(|standing| *standing as u8).collect::<Vec<u8>>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::timeline::{Second, Sex, Timeline};
    use crate::prediction::answer::Risk;
    use crate::prediction::model::Outcome;
    use crate::prediction::phenotype::Standing;
    use crate::prediction::vocabulary::ChartEvent;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::time::Duration;

    /// A logistic curve over age alone. Notes the size of each batch; its gate can hold batches back. A chart
    /// without birth date makes it panic.
    #[derive(Default)]
    struct AgeCurve {
        batches: Mutex<Vec<usize>>,
        closed: AtomicBool,
    }

    impl AgeCurve {
        fn batches(&self) -> Vec<usize> {
            self.batches.lock().unwrap().clone()
        }
    }

    impl Oracle for AgeCurve {
        fn encode(&self, _timeline: &Timeline, as_of: Second) -> EncodedChart {
            chart(as_of as i32, 0)
        }

        fn outcomes(&self) -> &[Outcome] {
            &[]
        }

        fn answer(&self, batch: &[Question]) -> Vec<Answer> {
            self.batches.lock().unwrap().push(batch.len());
            while self.closed.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let days = |chart: &EncodedChart| f64::from(chart.as_of_day - chart.birth_day.expect("a birth date"));
            let risk = |question: &Question| 1.0 / (1.0 + (-(days(&question.chart) / 365.25 - 70.0) / 10.0).exp());
            let answer = |risk: f64| Answer {
                risks: vec![Risk {
                    phenotype: "x".into(),
                    horizon_days: 365,
                    risk,
                    interval: None,
                    baseline_risk: risk,
                    abstained: None,
                }],
                reasons: vec![],
                pairs: vec![],
                abstained: None,
            };
            batch.iter().map(|question| answer(risk(question))).collect()
        }

        fn tokens(&self, question: &Question) -> usize {
            question.chart.events.len()
        }

        fn identity(&self) -> &str {
            "age-curve@1"
        }
    }

    fn chart(as_of_day: i32, provenance: u32) -> EncodedChart {
        let event = ChartEvent { day: 5, key: 3, number: Some((0, 1.5)), event: provenance };
        EncodedChart {
            as_of_day,
            birth_day: Some(0),
            sex: Sex::Female,
            deceased: false,
            events: vec![event; 100],
            unknown: vec![],
            standing: vec![Standing::AtRisk],
            events_read: 100,
        }
    }

    fn question(as_of_day: i32) -> Question {
        Question { chart: Arc::new(chart(as_of_day, 0)), explain: Arc::new([]), max_explained: 0, pairs: Arc::from([]) }
    }

    fn start(oracle: &Arc<AgeCurve>, queue_length: usize) -> Arc<Predictor> {
        let size = EngineSize { threads: 1, token_budget: 250, queue_length };
        Arc::new(Predictor::start(oracle.clone(), size, 100).unwrap())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    async fn wait_until(what: impl Fn() -> bool) {
        while !what() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_equal_question_is_answered_from_memory_and_its_provenance_does_not_count() {
        let oracle = Arc::new(AgeCurve::default());
        let predictor = start(&oracle, 8);
        let (first, status) = predictor.ask(question(20_000), soon()).await.unwrap();
        assert_eq!(status, CacheStatus::Miss);
        let elsewhere = Question { chart: Arc::new(chart(20_000, 7)), ..question(0) };
        let (second, status) = predictor.ask(elsewhere, soon()).await.unwrap();
        assert_eq!((&first, status), (&second, CacheStatus::Hit));
        let (other_day, status) = predictor.ask(question(20_001), soon()).await.unwrap();
        assert!(status == CacheStatus::Miss && other_day.risks[0].risk > first.risks[0].risk);
        assert_eq!(oracle.batches.lock().unwrap().len(), 2);
    }

    type Asked = tokio::task::JoinHandle<Result<(Arc<Answer>, CacheStatus), AskError>>;

    fn ask(predictor: &Arc<Predictor>, day: i32, deadline: Instant) -> Asked {
        let predictor = predictor.clone();
        tokio::spawn(async move { predictor.ask(question(day), deadline).await })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn equal_questions_at_once_are_computed_once_and_those_who_wait_share_a_batch() {
        let oracle = Arc::new(AgeCurve { closed: true.into(), ..AgeCurve::default() });
        let predictor = start(&oracle, 8);
        let mut asked = vec![ask(&predictor, 1, soon())];
        wait_until(|| !oracle.batches().is_empty()).await;
        asked.extend([1, 1, 2, 2, 3, 4].map(|day| ask(&predictor, day, soon())));
        wait_until(|| predictor.engine.waiting() == 3).await;
        oracle.closed.store(false, Relaxed);
        let mut misses = 0;
        for one in asked {
            misses += usize::from(one.await.unwrap().unwrap().1 == CacheStatus::Miss);
        }
        assert_eq!((misses, oracle.batches()), (4, vec![1, 2, 1]));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_queue_refuses_at_once_and_a_caller_who_left_is_never_run() {
        let oracle = Arc::new(AgeCurve { closed: true.into(), ..AgeCurve::default() });
        let predictor = start(&oracle, 1);
        let running = ask(&predictor, 1, soon());
        wait_until(|| !oracle.batches().is_empty()).await;
        let waiting = ask(&predictor, 2, soon());
        wait_until(|| predictor.engine.waiting() == 1).await;
        assert_eq!(predictor.ask(question(3), soon()).await, Err(AskError::Full));
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        oracle.closed.store(false, Relaxed);
        assert!(running.await.unwrap().is_ok());
        wait_until(|| predictor.engine.waiting() == 0).await;
        assert_eq!(predictor.ask(question(3), soon()).await.unwrap().1, CacheStatus::Miss);
        assert_eq!(oracle.batches(), [1, 1]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_deadline_ends_the_wait_and_is_not_remembered() {
        let oracle = Arc::new(AgeCurve { closed: true.into(), ..AgeCurve::default() });
        let predictor = start(&oracle, 8);
        let hasty = ask(&predictor, 1, Instant::now() + Duration::from_millis(30));
        let patient = ask(&predictor, 1, soon());
        assert_eq!(hasty.await.unwrap(), Err(AskError::TooLate));
        oracle.closed.store(false, Relaxed);
        assert!(patient.await.unwrap().is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_model_that_panics_fails_its_question_and_the_next_one_is_answered() {
        let oracle = Arc::new(AgeCurve::default());
        let predictor = start(&oracle, 8);
        let broken = EncodedChart { birth_day: None, ..chart(1, 0) };
        let asked = Question { chart: Arc::new(broken), ..question(0) };
        assert_eq!(predictor.ask(asked, soon()).await, Err(AskError::Failed));
        assert!(predictor.ask(question(1), soon()).await.is_ok());
    }
}
