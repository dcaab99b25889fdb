//! Changed inputs: bits, pieces, and values of JSON or TOML, found by their brackets and quotation marks without parsing.
//! The same seed gives the same inputs everywhere.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// Longest input that is made, in bytes.
const LONGEST: usize = 64 << 10;

/// Values that parsers stumble over.
const VALUES: [&str; 28] = [
    "null",
    "true",
    "0",
    "-0",
    "1e999",
    "-1",
    "18446744073709551616",
    "1.50",
    "[]",
    "{}",
    "[[]]",
    "\"\"",
    "\" \"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"..\"",
    "\"../x\"",
    "\"Patient/x\"",
    "\"urn:uuid:x\"",
    "\"#x\"",
    "\"0000\"",
    "\"9999-12-31T23:59:60Z\"",
    "\"2020-02-30\"",
    "\"{{context.patientId}}\"",
    "\"{{today() - 99999 years}}\"",
    "\"{{\"",
    "{\"resourceType\":\"Bundle\",\"entry\":[]}",
    "\"\u{202e}\u{1f642}\"",
];

/// Makes inputs of others.
pub struct Mutator(ChaCha8Rng);

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// One of `corpus`, changed in one to eight places. An empty corpus gives bytes of chance.
    pub fn change(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(corpus);
        for _ in 0..self.0.random_range(1..=8) {
            if self.0.random_bool(0.6) {
                self.change_value(&mut input, corpus)
            } else {
                self.change_bytes(&mut input, corpus)
            }
            input.truncate(LONGEST);
        }
        input
    }

    fn one_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        match corpus.len() {
            0 => (0..64).map(|_| self.0.random()).collect(),
            many => corpus[self.0.random_range(0..many)].clone(),
        }
    }

    fn change_bytes(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let piece = self.range(input.len());
        match self.0.random_range(0..6) {
            0 => input
                .iter_mut()
                .skip(piece.start)
                .take(1)
                .for_each(|byte| *byte ^= 1_u8 << self.0.random_range(0..8_u32)),
            1 => input.iter_mut().skip(piece.start).take(1).for_each(|byte| *byte = self.0.random()),
            2 => drop(input.drain(piece)),
            3 => {
                let again = input[piece.clone()].to_vec();
                drop(input.splice(piece.end..piece.end, again));
            }
            4 => {
                let other = self.one_of(corpus);
                let from = self.range(other.len());
                drop(input.splice(piece, other[from].iter().copied()));
            }
            _ => input.truncate(piece.start),
        }
    }

    /// Replaces, drops, repeats, nests or exchanges one value.
    fn change_value(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let found = values(input);
        if found.is_empty() {
            return self.change_bytes(input, corpus);
        }
        let place = found[self.0.random_range(0..found.len())].clone();
        let value = input[place.clone()].to_vec();
        let new = match self.0.random_range(0..6) {
            0 | 1 => VALUES[self.0.random_range(0..VALUES.len())].as_bytes().to_vec(),
            2 => Vec::new(),
            3 => [&value[..], b",", &value].concat(),
            4 => {
                let levels = 1_usize << self.0.random_range(0..9_u32);
                [&b"[".repeat(levels)[..], &value, &b"]".repeat(levels)].concat()
            }
            _ => input[found[self.0.random_range(0..found.len())].clone()].to_vec(),
        };
        drop(input.splice(place, new));
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let (one, other) = (self.0.random_range(0..=length), self.0.random_range(0..=length));
        // Mostly small pieces, so that the rest stays as it is.
        let far = if self.0.random_bool(0.8) { 16 } else { length };
        one.min(other)..one.max(other).min(one.min(other) + far)
    }
}

/// Where texts, numbers and whole brackets stand.
fn values(input: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while at < input.len() {
        let start = at;
        match input[at] {
            b'"' => {
                at += 1;
                while at < input.len() && input[at] != b'"' {
                    at += if input[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(input.len());
                found.push(start..at);
            }
            b'{' | b'[' => {
                open.push(at);
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                found.extend(open.pop().map(|start| start..at));
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                let length =
                    input[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(byte));
                at += length.count();
                found.push(start..at);
            }
            _ => at += 1,
        }
    }
    found
}
