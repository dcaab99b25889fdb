//! What the record shows of a patient: the whole state of the planted world.
//!
//! Owns the facts that hazards may depend on, each one readable from the written record. There is no hidden severity,
//! no frailty, no household: what is not here does not exist.

use super::world::{Drug, Finding};

/// A day that never was.
pub const NEVER: i32 = -1_000_000;

/// Days since birth of what happened, and the last laboratory values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    pub female: bool,
    /// The last routine visit.
    pub visit: i32,
    pub cough: i32,
    pub rash: i32,
    /// The cough that last came before the last rash.
    pub cough_before_rash: i32,
    /// The last spell and the one before.
    pub spells: [i32; 2],
    pub elm: i32,
    /// The last four fevers, latest first.
    pub fevers: [i32; 4],
    pub grey_mark: i32,
    pub green_mark: i32,
    /// The last of the two lasting drugs ordered was quillamine.
    pub on_quillamine: bool,
    /// When quillamine last took the place of pallidine.
    pub switched: i32,
    /// Day and value of the last meander and of the one before.
    pub meander: [(i32, f64); 2],
    pub glow: f64,
    /// Last orders.
    pub tamerol: i32,
    pub idlerol: i32,
}

/// What a routine visit writes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visit {
    pub meander: f64,
    pub glow: f64,
    pub haze: Option<f64>,
    /// Quillamine was ordered, otherwise pallidine.
    pub quillamine: bool,
    pub tamerol: bool,
    pub idlerol: bool,
}

impl Shown {
    /// A patient of whom nothing is known yet.
    pub fn nothing(female: bool) -> Self {
        Self {
            female,
            visit: NEVER,
            cough: NEVER,
            rash: NEVER,
            cough_before_rash: NEVER,
            spells: [NEVER; 2],
            elm: NEVER,
            fevers: [NEVER; 4],
            grey_mark: NEVER,
            green_mark: NEVER,
            on_quillamine: false,
            switched: NEVER,
            meander: [(NEVER, 0.0); 2],
            glow: 0.0,
            tamerol: NEVER,
            idlerol: NEVER,
        }
    }

    /// Writes down a finding.
    pub fn find(&mut self, finding: Finding, day: i32) {
        match finding {
            Finding::AmberCough => self.cough = day,
            Finding::BlueRash => (self.rash, self.cough_before_rash) = (day, self.cough),
            Finding::VioletSpell => self.spells = [day, self.spells[0]],
            Finding::ElmExposure => self.elm = day,
            Finding::FenFever => {
                self.fevers.rotate_right(1);
                self.fevers[0] = day;
            }
            Finding::GreyMark => self.grey_mark = day,
            Finding::GreenMark => self.green_mark = day,
        }
    }

    /// Writes down a routine visit.
    pub fn see(&mut self, visit: &Visit, day: i32) {
        if visit.quillamine && !self.on_quillamine && self.visit != NEVER {
            self.switched = day;
        }
        self.on_quillamine = visit.quillamine;
        self.visit = day;
        self.meander = [(day, visit.meander), self.meander[0]];
        self.glow = visit.glow;
        if visit.tamerol {
            self.tamerol = day;
        }
        if visit.idlerol {
            self.idlerol = day;
        }
    }

    /// Orders a drug by hand: what happens if it is begun on this day.
    pub fn start(&mut self, drug: Drug, day: i32) {
        match drug {
            Drug::Tamerol => self.tamerol = day,
            Drug::Idlerol => self.idlerol = day,
        }
    }
}
