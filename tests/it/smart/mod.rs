//! Our SMART app at EHRs, over HTTP with a browser's cookies: at the sandbox EHR from a card to the page, and at an EHR that
//! lies in every way a test can think of; and what a clinician sees on its page.

mod attacks;
mod banner;
mod browser;
mod card_handles;
mod clinicians_page;
mod ehr_of_tests;
mod evidence;
mod from_cards;
mod headline;
mod id_tokens;
mod page;
mod registrations;
mod secrecy;
mod sessions;
mod suggested_tests;
