//! Random numbers that are a function of a seed, a day and a purpose.
//!
//! Owns the draws of the planted world. Numbers are looked up, not taken from a stream: two futures of one patient
//! that differ in a drug meet the same luck on the same day (common random numbers), and a run does not depend on
//! the order or the number of threads.

/// What a number is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    Sex,
    Birth,
    /// Days until the next event of care.
    When,
    /// Which event of care it is.
    Which,
    Switch,
    StartTamerol,
    StartIdlerol,
    RenewTamerol,
    RenewIdlerol,
    Asked,
    HazeMeasured,
    /// A normal number takes two places.
    Meander = 16,
    Glow = 18,
    Haze = 20,
    /// The first of the outcomes: each has its own.
    Outcome = 32,
}

/// A seed from which numbers are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(u64);

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Chance {
    /// The seed named by several numbers.
    pub fn of(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0, |seed, &part| mix(seed ^ mix(part))))
    }

    /// Between 0 and 1, never either.
    fn number(self, day: i32, purpose: u32) -> f64 {
        let bits = mix(self.0 ^ mix((u64::from(day as u32) << 32) | u64::from(purpose)));
        ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Uniform between 0 and 1, never either.
    pub fn uniform(self, day: i32, purpose: Purpose) -> f64 {
        self.number(day, purpose as u32)
    }

    /// True with this probability.
    pub fn happens(self, probability: f64, day: i32, purpose: Purpose) -> bool {
        self.uniform(day, purpose) < probability
    }

    /// Mean 0, variance 1.
    pub fn normal(self, day: i32, purpose: Purpose) -> f64 {
        let (one, other) = (self.number(day, purpose as u32), self.number(day, purpose as u32 + 1));
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    /// Days without an event, counted from `day`, where each day has one with probability 1 - exp(-`per_day`).
    pub fn wait(self, per_day: f64, day: i32, purpose: Purpose) -> i32 {
        days(self.uniform(day, purpose), per_day)
    }

    /// The same for outcome number `outcome`.
    pub fn wait_for_outcome(self, per_day: f64, day: i32, outcome: usize) -> i32 {
        days(self.number(day, Purpose::Outcome as u32 + outcome as u32), per_day)
    }
}

fn days(uniform: f64, per_day: f64) -> i32 {
    // A cast from a float saturates: no rate at all is a wait beyond every life.
    ((-uniform.ln() / per_day) as i32).min(1_000_000)
}
