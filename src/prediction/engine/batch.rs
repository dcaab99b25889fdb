//! Who runs together: the longest run from the front of the queue that fits the token budget.
//!
//! Strictly in order, so nobody is overtaken and nobody starves; a question larger than the budget runs alone.

use super::admission::{Admission, Waiting};
use std::time::Instant;

/// What was taken from the queue.
#[derive(Debug)]
pub struct Batch<T> {
    /// To be run together, in order of arrival.
    pub run: Vec<Waiting<T>>,
    /// To be told that their time is over.
    pub expired: Vec<Waiting<T>>,
    /// Callers who had left; nobody is told.
    pub left: usize,
}

/// Takes the next batch. Empty only when nobody waits who can still be served.
pub fn next_batch<T>(
    queue: &mut Admission<T>,
    token_budget: usize,
    now: Instant,
    has_left: impl Fn(&T) -> bool,
) -> Batch<T> {
    let mut batch = Batch { run: Vec::new(), expired: Vec::new(), left: 0 };
    let mut tokens = 0;
    while let Some(first) = queue.waiting.front() {
        let servable = !has_left(&first.item) && first.deadline > now;
        if servable && !batch.run.is_empty() && tokens + first.tokens > token_budget {
            break;
        }
        let Some(first) = queue.waiting.pop_front() else { break };
        if servable {
            tokens += first.tokens;
            batch.run.push(first);
        } else if has_left(&first.item) {
            batch.left += 1;
        } else {
            batch.expired.push(first);
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    /// Arrival number, whether its caller left.
    type Caller = (usize, bool);

    proptest! {
        #[test]
        fn batches_keep_the_budget_the_order_and_everyone(
            callers in proptest::collection::vec((0usize..300, 0u64..20, any::<bool>()), 0..60),
            budget in 1usize..400,
            limit in 1usize..80,
        ) {
            let start = Instant::now();
            let now = start + Duration::from_secs(10);
            let mut queue = Admission::new(limit);
            let mut admitted = Vec::new();
            for (number, &(tokens, deadline, left)) in callers.iter().enumerate() {
                let deadline = start + Duration::from_secs(deadline);
                let taken = queue.admit(Waiting { tokens, deadline, item: (number, left) }).is_ok();
                prop_assert_eq!(taken, number < limit);
                if taken {
                    admitted.push((number, tokens, deadline, left));
                }
            }
            let mut ran = Vec::new();
            let (mut expired, mut gone) = (Vec::new(), 0);
            while !queue.is_empty() {
                let batch = next_batch(&mut queue, budget, now, |caller: &Caller| caller.1);
                let total: usize = batch.run.iter().map(|one| one.tokens).sum();
                prop_assert!(total <= budget || batch.run.len() == 1);
                prop_assert!(!batch.run.is_empty() || queue.is_empty());
                ran.extend(batch.run.iter().map(|one| one.item.0));
                expired.extend(batch.expired.iter().map(|one| one.item.0));
                gone += batch.left;
            }
            let of = |wanted: fn(bool, bool) -> bool| -> Vec<usize> {
                admitted.iter().filter(|(_, _, deadline, left)| wanted(*left, *deadline > now)).map(|one| one.0).collect()
            };
            prop_assert_eq!(ran, of(|left, in_time| !left && in_time));
            prop_assert_eq!(expired, of(|left, in_time| !left && !in_time));
            prop_assert_eq!(gone, of(|left, _| left).len());
        }
    }

    #[test]
    fn those_who_wait_together_run_together() {
        let mut queue = Admission::new(8);
        let now = Instant::now();
        for number in 0..4 {
            queue.admit(Waiting { tokens: 128, deadline: now + Duration::from_secs(1), item: number }).unwrap();
        }
        let batch = next_batch(&mut queue, 400, now, |_| false);
        assert_eq!(batch.run.iter().map(|one| one.item).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
