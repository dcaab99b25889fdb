//! The order of a timeline: by the time a thing could first be known, then kind, then code, then what it says,
//! so that the order of an export carries nothing.

use super::draft::Finding;
use super::{Event, Value};
use crate::patient_record::terminology::Code;
use std::cmp::Ordering;

/// Timeline order of two events. Their sources must be numbered in a stable order.
pub(crate) fn events(one: &Event, other: &Event) -> Ordering {
    (one.known, one.kind)
        .cmp(&(other.known, other.kind))
        .then_with(|| codes(&one.code, &other.code))
        .then_with(|| values(&one.value, &other.value))
        .then_with(|| one.source.cmp(&other.source))
        .then_with(|| one.clinical_offset.cmp(&other.clinical_offset))
}

fn codes(one: &Code, other: &Code) -> Ordering {
    (&one.system, &one.code, &one.display).cmp(&(&other.system, &other.code, &other.display))
}

fn values(one: &Value, other: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::None => 0,
        Value::Bool(_) => 1,
        Value::Quantity { .. } => 2,
        Value::Coded(_) => 3,
        Value::Unread => 4,
    };
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Coded(one), Value::Coded(other)) => codes(one, other),
        (
            Value::Quantity { value: one, unit: one_unit, scaled: one_scaled },
            Value::Quantity { value: other, unit: other_unit, scaled: other_scaled },
        ) => one.total_cmp(other).then_with(|| (one_unit, one_scaled).cmp(&(other_unit, other_scaled))),
        _ => rank(one).cmp(&rank(other)),
    }
}

/// A total order of what two copies of a resource say.
pub(crate) fn findings(one: &[Finding], other: &[Finding]) -> Ordering {
    let each = one.iter().zip(other).map(|(one, other)| {
        (one.known, one.clinical, one.kind)
            .cmp(&(other.known, other.clinical, other.kind))
            .then_with(|| match (&one.code, &other.code) {
                (Some(one), Some(other)) => codes(one, other),
                (one, other) => one.is_some().cmp(&other.is_some()),
            })
            .then_with(|| values(&one.value, &other.value))
    });
    one.len().cmp(&other.len()).then_with(|| each.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
}
