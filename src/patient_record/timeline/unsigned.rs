//! Orders that are being written. They are no facts: a timeline holds none of them, and only who asks what would follow
//! sees the timeline as it would be once they are signed.

use super::{Event, Source, SourceId, Timeline, order};

/// One order that is not signed yet.
#[derive(Clone, Debug, PartialEq)]
pub struct UnsignedOrder {
    /// As it would stand in the timeline, known at the moment of the call. Its `source` is settled there.
    pub event: Event,
    /// The order itself; its id is empty where the sender gave none.
    pub source: Source,
    /// The resource as sent.
    pub json: Box<str>,
}

impl Timeline {
    /// This timeline with these orders signed, each an event like any other.
    pub fn once_signed(&self, orders: &[UnsignedOrder]) -> Self {
        let mut foreseen = self.clone();
        for unsigned in orders {
            let source = SourceId::try_from(foreseen.sources.len()).unwrap_or(SourceId::MAX);
            foreseen.sources.push(unsigned.source.clone());
            foreseen.events.push(Event { source, ..unsigned.event.clone() });
        }
        foreseen.events.sort_by(order::events);
        foreseen
    }
}
