//! The orders of a session, taken beside the chart: read as they would be once signed, and kept out of every timeline.

use super::{ChartError, ChartReader, UNKNOWN_TYPE, check_json, label};
use crate::patient_record::fhir::{self, Bundle, Moment};
use crate::patient_record::timeline::draft::Draft;
use crate::patient_record::timeline::extract::extract_unsigned;
use crate::patient_record::timeline::{Second, SkipReason, Timeline, UnsignedOrder};

/// An order in the making, and its text.
pub(super) type OrderDraft = (Draft, Box<str>);

impl ChartReader {
    /// Takes a Bundle of unsigned orders, each dated `at`. `chosen` says of resource type and id which are meant; the
    /// others are background and left alone. Medications that come along are there to be referred to.
    ///
    /// # Errors
    /// Where the text is no Bundle. Entries that cannot be read are counted.
    pub fn take_orders(
        &mut self,
        json: &str,
        at: Second,
        chosen: impl Fn(&str, &str) -> bool,
    ) -> Result<(), ChartError> {
        check_json(json)?;
        if fhir::resource_type(json).as_deref() != Some("Bundle") {
            return Err(ChartError::NotFhir);
        }
        let (bundle, unreadable) = Bundle::read(json).map_err(|_| ChartError::NotFhir)?;
        self.skipped.count_many(UNKNOWN_TYPE, SkipReason::Unreadable, unreadable);
        for entry in bundle.entry.iter() {
            let Some(resource) = entry.resource else { continue };
            let resource_type = fhir::resource_type(resource.get());
            let resource_type = resource_type.as_deref().unwrap_or(UNKNOWN_TYPE);
            let taken = match resource_type {
                "Medication" => self.take(resource_type, resource.get(), entry.full_url.as_deref(), 0),
                _ => self.take_order(resource_type, resource.get(), entry.full_url.as_deref(), at, &chosen),
            };
            if let Err(reason) = taken {
                self.skipped.count(label(resource_type), reason);
            }
        }
        Ok(())
    }

    fn take_order(
        &mut self,
        resource_type: &str,
        json: &str,
        address: Option<&str>,
        at: Second,
        chosen: &impl Fn(&str, &str) -> bool,
    ) -> Result<(), SkipReason> {
        let mut draft = extract_unsigned(resource_type, json, Moment(at))?;
        self.name(&mut draft.source.id, address);
        if chosen(resource_type, &draft.source.id) {
            self.orders.push((draft, json.into()));
        }
        Ok(())
    }

    /// The timeline of one patient as [`Self::finish_one`] gives it, and beside it the orders about this patient that name
    /// a drug or a service, in the order sent. An order that names no patient is about the one asked for.
    pub fn finish_one_with_orders(self, patient_id: &str) -> Option<(Timeline, Vec<UnsignedOrder>)> {
        let (timelines, rest, orders) = super::assemble::assemble(self, Some(patient_id));
        let mut timeline = timelines.into_iter().next()?;
        timeline.skipped.merge(rest);
        Some((timeline, orders))
    }
}
