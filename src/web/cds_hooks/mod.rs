//! The three endpoints of CDS Hooks, one file each.
