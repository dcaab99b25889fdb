//! Our own API as its callers meet it: who is let in, what a token allows, what is answered.
//! `caller` gives tokens; `letting_in` tries the attacks of SMART's resource servers; `assess` and `read` look at answers,
//! `describe` at what the API says of itself.

mod assess;
mod caller;
mod describe;
mod introspection;
mod letting_in;
mod read;
