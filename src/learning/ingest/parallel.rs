//! Work shared by a few threads, stopped by the first error.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Gives `items` in order to `jobs` threads. `work` gets the thread's number and a source of items, and returns
/// when that is dry. After an error no thread gets another item.
pub fn in_parallel<'a, T: Sync>(
    jobs: usize,
    items: &'a [T],
    work: impl Fn(usize, &mut dyn FnMut() -> Option<&'a T>) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for worker in 0..jobs.max(1) {
            let (next, failed, work) = (&next, &failed, &work);
            scope.spawn(move || {
                let mut take = || items.get(next.fetch_add(1, Ordering::Relaxed));
                if let Err(error) = work(worker, &mut take) {
                    next.store(items.len(), Ordering::Relaxed);
                    if let Ok(mut first) = failed.lock() {
                        first.get_or_insert(error);
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(error),
        Err(_) => anyhow::bail!("a worker of the ingest ended abnormally"),
    }
}
