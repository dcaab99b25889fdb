//! A life in sixty-four numbers, by which the same life is recognised under another id, with its dates moved or with
//! some of its events gone.
//!
//! Its tokens are a key, with its number where it has one, and the days since the active day before and until the one
//! after; the smallest hashes stand for all (a bottom-k sketch). The share of smallest hashes that two lives have in
//! common estimates how alike they are. Numbers matter: two children of one vaccination plan differ in little else.

use sha2::{Digest, Sha256};

/// Hashes kept of a life.
const KEPT: usize = 64;
/// Lives with fewer tokens are alike by chance.
const FEWEST: usize = 40;

/// Ascending, each once; empty for a life too short to be recognised.
pub struct Sketch(pub Vec<u64>);

impl Sketch {
    /// The hash of a key's text.
    pub fn hash_of(text: &str) -> u64 {
        let digest = Sha256::digest(text);
        u64::from_le_bytes(std::array::from_fn(|place| digest[place]))
    }

    /// The hash of a key together with its number.
    pub fn with_number(key: u64, number: Option<f32>) -> u64 {
        number.map_or(key, |number| mixed(key ^ u64::from(number.to_bits())))
    }

    /// Of active days in order, each with the hashes of what stood there.
    pub fn of(days: &[(i32, Vec<u64>)]) -> Self {
        let mut tokens: Vec<u64> = days
            .windows(3)
            .flat_map(|three| {
                let gaps = (i64::from(three[1].0 - three[0].0) << 32) ^ i64::from(three[2].0 - three[1].0);
                three[1].1.iter().map(move |what| mixed(what ^ mixed(gaps as u64)))
            })
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        if tokens.len() < FEWEST {
            tokens.clear();
        }
        tokens.truncate(KEPT);
        Self(tokens)
    }

    /// How alike two lives are, 0 to 1: the share of the smallest hashes of both together that both have.
    pub fn likeness(&self, other: &Self) -> f64 {
        let most = KEPT.min(self.0.len().max(other.0.len()));
        let (mut a, mut b, mut union, mut common) = (0, 0, 0, 0);
        while union < most && (a < self.0.len() || b < other.0.len()) {
            let (x, y) = (self.0.get(a).copied().unwrap_or(u64::MAX), other.0.get(b).copied().unwrap_or(u64::MAX));
            union += 1;
            common += usize::from(x == y);
            a += usize::from(x <= y);
            b += usize::from(y <= x);
        }
        common as f64 / most.max(1) as f64
    }
}

/// Spreads the bits of a number (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
