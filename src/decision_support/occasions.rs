//! Which of a service's pairs the moment of a call asks about: drugs that its orders start, a hospital stay that it ends.
//!
//! Owns what a hook makes an occasion of; when a day is one is the package's to say.

use super::protocol::Context;
use super::service_definition::Service;
use crate::patient_record::timeline::{Event, Kind, Second, Timeline, UnsignedOrder};
use crate::prediction::occasion::Occasions;

/// A pair whose occasion has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Index among the service's pairs.
    pub pair: usize,
    /// Index among the unsigned orders of the one that starts the drug; `None` for a discharge.
    pub order: Option<usize>,
}

/// What happens at the moment of a call. `timeline` holds none of the orders.
pub struct Happening<'a> {
    /// As the service is registered for it.
    pub hook: &'a str,
    pub context: &'a Context,
    pub timeline: &'a Timeline,
    pub orders: &'a [UnsignedOrder],
    pub as_of: Second,
}

/// The pairs to ask about, each once: of several orders that start one class of drugs the first counts.
pub fn begun(service: &Service, occasions: &Occasions, now: &Happening<'_>) -> Vec<Begun> {
    let days: Vec<(&str, Option<usize>)> = match now.hook {
        "encounter-discharge" => now.ended(occasions).into_iter().map(|name| (name, None)).collect(),
        _ => now.started(occasions),
    };
    let asked = service.pairs.iter().enumerate().filter_map(|(pair, shown)| {
        let (_, order) = days.iter().find(|(name, _)| *name == shown.occasion)?;
        Some(Begun { pair, order: *order })
    });
    asked.collect()
}

impl Happening<'_> {
    fn started<'o>(&self, occasions: &'o Occasions) -> Vec<(&'o str, Option<usize>)> {
        let past = self.timeline.known_at(self.as_of);
        let of = |(index, order): (usize, &UnsignedOrder)| {
            let names = occasions.started_by(&order.event, past, self.as_of);
            names.into_iter().map(move |name| (name, Some(index)))
        };
        self.orders.iter().enumerate().flat_map(of).collect()
    }

    /// What the encounter that ends is; where the record does not hold it, the hook's word that it is a discharge stands.
    fn ended<'o>(&self, occasions: &'o Occasions) -> Vec<&'o str> {
        let id = self.context.encounter_id.as_deref().unwrap_or_default();
        let is_it = |event: &&Event| event.kind == Kind::Encounter && *self.timeline.source(event).id == *id;
        match self.timeline.known_at(self.as_of).iter().find(is_it) {
            Some(beginning) => occasions.ended_by(beginning),
            None => occasions.discharges(),
        }
    }
}
