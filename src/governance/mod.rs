//! What was said (audit) and what was done with it (feedback). Keeps ids of answers, never of patients.
