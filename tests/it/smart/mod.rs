//! The app that an EHR opens beside a chart.

mod page;
