//! Who may wait: a bounded queue, first come, first served. Says "full" at once instead of letting callers pile up.

use std::collections::VecDeque;
use std::time::Instant;

/// A question in the queue.
#[derive(Debug)]
pub struct Waiting<T> {
    /// What it adds to a batch.
    pub tokens: usize,
    /// No use answering after this.
    pub deadline: Instant,
    pub item: T,
}

/// The queue.
#[derive(Debug)]
pub struct Admission<T> {
    pub(super) waiting: VecDeque<Waiting<T>>,
    limit: usize,
}

impl<T> Admission<T> {
    /// A queue in which `limit` questions may wait.
    pub fn new(limit: usize) -> Self {
        Self { waiting: VecDeque::new(), limit: limit.max(1) }
    }

    /// Lets one more wait, or gives it back when the queue is full.
    pub fn admit(&mut self, one: Waiting<T>) -> Result<(), Waiting<T>> {
        if self.waiting.len() >= self.limit {
            return Err(one);
        }
        self.waiting.push_back(one);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
