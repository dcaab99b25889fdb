//! The demo as its user meets it: the real server and the real page, driven over HTTP.

mod api;
mod page;
mod process;
mod time_machine;
