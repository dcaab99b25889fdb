//! How fast what happens, per year, as a function of what the record shows and of age. The table of
//! `docs/guides/planted-world.md` is this file in words.
//!
//! Owns every number of the planted world. Times since an event are counted at the beginning of a stretch of
//! [`STRETCH`] days of life, so that hazards are constant within it and futures can be computed exactly.

use super::chance::{Chance, Purpose};
use super::shown::{NEVER, Shown, Visit};
use super::world::{Drug, Finding, N, Which};

/// Days of life within which no hazard changes unless something happens.
pub const STRETCH: i32 = 30;
/// Days in a year.
pub const YEAR: f64 = 365.25;
/// A drug is taken for so long after its last order.
const SUPPLY: i32 = 540;

/// The first day of the stretch that holds `day`.
pub fn stretch_start(day: i32) -> i32 {
    day - day.rem_euclid(STRETCH)
}

/// Whether an event lies at least `from` and less than `to` days before the stretch that holds `day`.
fn between(event: i32, day: i32, from: i32, to: i32) -> bool {
    let since = (stretch_start(day) - event).max(0);
    event != NEVER && (from..to).contains(&since)
}

fn times(condition: bool, factor: f64) -> f64 {
    if condition { factor } else { 1.0 }
}

/// Whether a drug is being taken.
pub fn takes(shown: &Shown, drug: Drug, day: i32) -> bool {
    let order = match drug {
        Drug::Tamerol => shown.tamerol,
        Drug::Idlerol => shown.idlerol,
    };
    between(order, day, 0, SUPPLY)
}

/// The change of the meander between its last two values, per year; zero when they are older than three years.
fn slope(shown: &Shown, day: i32) -> f64 {
    let [(last, value), (first, before)] = shown.meander;
    if first == NEVER || !between(last, day, 0, 3 * 365) {
        return 0.0;
    }
    (value - before) / (f64::from(last - first) / YEAR)
}

/// Events per year of every outcome on `day`, in the order of [`super::world::OUTCOMES`].
pub fn outcomes(shown: &Shown, day: i32) -> [f64; N] {
    let age = f64::from(stretch_start(day)) / YEAR;
    let fevers = shown.fevers.iter().filter(|&&fever| between(fever, day, 0, 5 * 365)).count();
    let (grey, green) = (shown.grey_mark != NEVER, shown.green_mark != NEVER);
    let coughed_first = shown.rash - shown.cough_before_rash <= 2 * 365;
    let close = shown.spells[0] - shown.spells[1] <= 240;
    let tamerol = takes(shown, Drug::Tamerol, day);
    let mut hazard = [0.0; N];
    let mut set = |which: Which, per_year: f64| hazard[which as usize] = per_year;
    set(Which::CoinFlip, 0.05);
    set(Which::AgeAlone, 0.004 * (0.05 * (age - 30.0)).exp());
    set(Which::AgeAndSex, 0.004 * (0.04 * (age - 40.0)).exp() * times(shown.female, 4.0));
    set(Which::Count, 0.006 * 2.4_f64.powi(fevers as i32));
    set(Which::Marks, 0.003 * times(grey, 1.5) * times(green, 1.5) * times(grey && green, 8.0));
    set(Which::Order, 0.006 * times(coughed_first && between(shown.rash, day, 0, 5 * 365), 20.0));
    set(Which::Switch, 0.006 * times(between(shown.switched, day, 0, 2 * 365), 20.0));
    set(Which::Interval, 0.006 * times(close && between(shown.spells[0], day, 0, 4 * 365), 20.0));
    set(Which::Echo, 0.006 * times(between(shown.elm, day, 180, 720), 20.0));
    set(Which::Drift, 0.012 * (-slope(shown, day) / 6.0).clamp(-2.0, 3.0).exp());
    set(Which::Treated, 0.015 * (0.06 * (shown.glow - 110.0)).clamp(-3.0, 3.0).exp() * times(tamerol, 0.35));
    set(Which::SideEffect, 0.010 * times(tamerol, 6.0));
    set(Which::Death, 0.0015 * (0.085 * (age - 40.0)).exp() * times(shown.female, 0.7));
    hazard
}

/// Events of care per year on `day`: a routine visit, then the findings in their order.
pub fn care(shown: &Shown, day: i32) -> [f64; 1 + Finding::ALL.len()] {
    let visit = if between(shown.visit, day, 0, 120) { 0.0 } else { 2.0 };
    let once = |mark: i32| if mark == NEVER { 0.03 } else { 0.0 };
    [visit, 0.2, 0.2, 0.35, 0.25, 0.35, once(shown.grey_mark), once(shown.green_mark)]
}

/// One decimal, as the record shows it: hazards see no more digits than the reader.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What a routine visit on `day` measures and orders.
pub fn visit(shown: &Shown, day: i32, chance: Chance) -> Visit {
    let age = f64::from(day) / YEAR;
    let (old_meander, old_glow) = (shown.meander[0], shown.glow);
    // Glow tends to a level that rises with age and is lower under tamerol.
    let tends_to = 100.0 + 0.5 * (age - 45.0) - if takes(shown, Drug::Tamerol, day) { 30.0 } else { 0.0 };
    let (meander, glow) = if shown.visit == NEVER {
        (100.0 + 15.0 * chance.normal(day, Purpose::Meander), tends_to + 12.0 * chance.normal(day, Purpose::Glow))
    } else {
        let years = f64::from(day - shown.visit) / YEAR;
        // The meander keeps eight tenths of its slope and is drawn back to 100.
        let keeps = 0.8 * slope(shown, day) - 0.1 * (old_meander.1 - 100.0);
        let slope = keeps + 6.0 * chance.normal(day, Purpose::Meander);
        let pulled = old_glow + (1.0 - (-0.25 * years).exp()) * (tends_to - old_glow);
        (old_meander.1 + slope * years, pulled + 11.0 * years.sqrt() * chance.normal(day, Purpose::Glow))
    };
    let (meander, glow) = (rounded(meander), rounded(glow.max(40.0)));
    let measured = chance.happens(0.7, day, Purpose::HazeMeasured);
    let haze = measured.then(|| rounded(50.0 + 10.0 * chance.normal(day, Purpose::Haze)));
    let other = chance.happens(if shown.visit == NEVER { 0.5 } else { 0.15 }, day, Purpose::Switch);
    // Severity decides who gets a drug; who has it mostly keeps it.
    let severe = logistic((glow - 122.0) / 6.0);
    let order = |drug, first: f64, start, renew| match takes(shown, drug, day) {
        true => chance.happens(0.92, day, renew),
        false => chance.happens(first * severe, day, start),
    };
    Visit {
        meander,
        glow,
        haze,
        quillamine: shown.on_quillamine != other,
        tamerol: order(Drug::Tamerol, 0.5, Purpose::StartTamerol, Purpose::RenewTamerol),
        idlerol: order(Drug::Idlerol, 0.4, Purpose::StartIdlerol, Purpose::RenewIdlerol),
    }
}
