//! Foreign labels beside our own: every difference is a finding that needs an explanation.

use serde::Serialize;

/// How a foreign label column compares with our own labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Cells that both sides answered.
    pub compared: usize,
    pub different: usize,
    /// Answered by the file where we say not eligible.
    pub only_theirs: usize,
    /// Answered by us and surely followed up, empty in the file.
    pub only_ours: usize,
    /// Empty in the file, and our rounded end of follow-up cannot tell why.
    pub unclear: usize,
}

impl Agreement {
    /// Counts one cell. `watched`: days of follow-up left at the window's end, and how far that may be rounded.
    pub fn count(&mut self, ours: Option<bool>, theirs: Option<bool>, watched: (i32, i32)) {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => {
                self.compared += 1;
                self.different += usize::from(ours != theirs);
            }
            (None, Some(_)) => self.only_theirs += 1,
            (Some(_), None) if watched.0 >= 0 => self.only_ours += 1,
            (Some(_), None) if watched.0 > -watched.1 => self.unclear += 1,
            _ => {}
        }
    }

    /// Adds the counts of other rows.
    pub fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.different += other.different;
        self.only_theirs += other.only_theirs;
        self.only_ours += other.only_ours;
        self.unclear += other.unclear;
    }

    /// Differences that need an explanation.
    pub fn findings(&self) -> usize {
        self.different + self.only_theirs + self.only_ours
    }
}
