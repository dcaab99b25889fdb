//! The app that an EHR opens beside a chart, by SMART App Launch.

pub mod page;
