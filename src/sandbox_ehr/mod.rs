//! A pretend EHR for demonstrations and tests. Its own command; never mounted by `serve`.
