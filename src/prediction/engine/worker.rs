//! Threads that run batches. Owns the queue's lock; a panic of the model fails its batch and nothing else.

use super::AskError;
use super::admission::{Admission, Waiting};
use super::batch::next_batch;
use crate::prediction::answer::{Answer, Oracle, Question};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::oneshot;

type Reply = oneshot::Sender<Result<Answer, AskError>>;

/// How large an engine is.
#[derive(Clone, Copy, Debug)]
pub struct EngineSize {
    pub threads: usize,
    /// Tokens that one batch may hold.
    pub token_budget: usize,
    /// Questions that may wait.
    pub queue_length: usize,
}

/// A model and the threads that run it. Dropping it finishes what waits, then joins the threads.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    oracle: Arc<dyn Oracle>,
    token_budget: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Admission<(Question, Reply)>,
    stopping: bool,
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(oracle: Arc<dyn Oracle>, size: EngineSize) -> std::io::Result<Self> {
        let state = State { queue: Admission::new(size.queue_length), stopping: false };
        let shared =
            Shared { oracle, token_budget: size.token_budget, state: Mutex::new(state), changed: Condvar::new() };
        let mut engine = Self { shared: Arc::new(shared), threads: Vec::new() };
        for number in 0..size.threads.max(1) {
            let shared = engine.shared.clone();
            let thread = std::thread::Builder::new().name(format!("model-{number}")).spawn(move || shared.work())?;
            engine.threads.push(thread);
        }
        Ok(engine)
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// Queues a question. Dropping the receiver withdraws it, if it does not run yet.
    pub fn submit(
        &self,
        question: Question,
        deadline: Instant,
    ) -> Result<oneshot::Receiver<Result<Answer, AskError>>, AskError> {
        let tokens = self.shared.oracle.tokens(&question).max(1);
        let (reply, receiver) = oneshot::channel();
        let mut state = self.shared.lock();
        if state.stopping {
            return Err(AskError::Stopping);
        }
        state.queue.admit(Waiting { tokens, deadline, item: (question, reply) }).map_err(|_| AskError::Full)?;
        drop(state);
        self.shared.changed.notify_one();
        Ok(receiver)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches the model's panics; there is nothing else to learn from its end.
            let _ended = thread.join();
        }
    }
}

impl Shared {
    /// A poisoned lock still guards a whole queue: nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(batch) = self.wait() {
            let (questions, replies): (Vec<Question>, Vec<Reply>) = batch.into_iter().unzip();
            let answers = catch_unwind(AssertUnwindSafe(|| self.oracle.answer(&questions)));
            match answers {
                Ok(answers) if answers.len() == replies.len() => {
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // A caller who left in the meantime needs no answer.
                        let _left = reply.send(Ok(answer));
                    }
                }
                _ => replies.into_iter().for_each(|reply| drop(reply.send(Err(AskError::Failed)))),
            }
        }
    }

    /// The next questions to run; `None` when the engine stops and nobody waits.
    fn wait(&self) -> Option<Vec<(Question, Reply)>> {
        let mut state = self.lock();
        loop {
            if state.queue.is_empty() {
                if state.stopping {
                    return None;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let batch = next_batch(&mut state.queue, self.token_budget, Instant::now(), |(_, reply)| reply.is_closed());
            for late in batch.expired {
                let _left = late.item.1.send(Err(AskError::TooLate));
            }
            if !batch.run.is_empty() {
                return Some(batch.run.into_iter().map(|one| one.item).collect());
            }
        }
    }
}
