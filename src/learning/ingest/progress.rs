//! How far a step has come: a bar on a terminal, a line now and then elsewhere.

use crate::platform::terminal::remark;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(15);

/// Progress of one step, in bytes.
pub struct Progress {
    step: &'static str,
    bar: ProgressBar,
    total: u64,
    started: Instant,
    last_line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Starts a step of `total` bytes, of which `done` were done by an earlier run.
    pub fn start(step: &'static str, total: u64, done: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        bar.set_length(total);
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:>8} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_prefix(step);
        bar.set_position(done);
        bar.reset_eta();
        let started = Instant::now();
        Self { step, bar, total, started, last_line: (!terminal).then(|| Mutex::new(started)) }
    }

    /// So many bytes more.
    pub fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
        let Some(last_line) = &self.last_line else { return };
        let Ok(mut last) = last_line.try_lock() else { return };
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let left = match self.bar.eta() {
                left if left.is_zero() => "unknown time".to_owned(),
                left => HumanDuration(left).to_string(),
            };
            let (done, rate) = (HumanBytes(self.bar.position()), HumanBytes(self.bar.per_sec() as u64));
            remark!("{}: {done} of {}, {rate}/s, {left} left", self.step, HumanBytes(self.total));
        }
    }

    /// Ends the step.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        remark!("{}: done in {:.1} s", self.step, self.started.elapsed().as_secs_f64());
    }
}
