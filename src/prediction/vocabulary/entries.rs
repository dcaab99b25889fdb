//! What events say, put together by days: each key once a day, in an order and with a number that depend on what the
//! day holds and not on the order in which it came. Owns the one way for charts and for shard rows alike.

use super::ChartEvent;
use crate::patient_record::timeline::Kind;
use std::borrow::Cow;
use std::collections::HashMap;

/// What one event says in a vocabulary's words.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    pub day: i32,
    pub word: Word<'a>,
    /// Number index and the value in canonical units.
    pub number: Option<(u32, f32)>,
    /// Where the event stands in its record.
    pub event: u32,
}

/// A key, known by its index or not known; known ones come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word<'a> {
    Known(u32),
    Unknown { key: Cow<'a, str>, display: Cow<'a, str>, kind: Kind },
}

impl Word<'_> {
    /// Whether it is the same key; senders may call it differently.
    fn is_key_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown { key: one, .. }, Self::Unknown { key: other, .. }) => one == other,
            (one, other) => one == other,
        }
    }
}

/// The entries of a chart, by day and then by key, and kind and display of each unknown key in the order of its first
/// day. `known_keys` is the size of the vocabulary, from which unknown keys are counted on.
pub fn entries<'a>(said: impl Iterator<Item = Said<'a>>, known_keys: usize) -> (Vec<ChartEvent>, Vec<(Kind, String)>) {
    let mut said: Vec<Said<'a>> = said.collect();
    said.sort_by(|one, other| one.day.cmp(&other.day).then_with(|| one.word.cmp(&other.word)));
    let (mut events, mut unknown) = (Vec::with_capacity(said.len()), Vec::new());
    let mut index: HashMap<&str, u32> = HashMap::new();
    for same in said.chunk_by(|one, other| one.day == other.day && one.word.is_key_of(&other.word)) {
        let (Some(first), Some(last)) = (same.first(), same.last()) else { continue };
        // Of several names the last, since no name at all comes first.
        let key = match &last.word {
            Word::Known(key) => *key,
            Word::Unknown { key, display, kind } => *index.entry(key).or_insert_with(|| {
                unknown.push((*kind, display.to_string()));
                (known_keys + unknown.len() - 1) as u32
            }),
        };
        let (number, event) = match middle(same) {
            Some((number, value, event)) => (Some((number, value)), event),
            None => (None, first.event),
        };
        events.push(ChartEvent { day: first.day, key, number, event });
    }
    (events, unknown)
}

/// The lower middle of a day's numbers of one key, with the event that holds it. Of several units the one that the
/// vocabulary names first; of equal numbers the event that stands first in the record.
fn middle(same: &[Said<'_>]) -> Option<(u32, f32, u32)> {
    let mut numbers: Vec<(u32, f32, u32)> =
        same.iter().filter_map(|said| said.number.map(|(number, value)| (number, value, said.event))).collect();
    numbers.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)).then_with(|| a.2.cmp(&b.2)));
    let unit = numbers.first()?.0;
    let in_unit = numbers.partition_point(|number| number.0 == unit);
    numbers.get((in_unit - 1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWN: usize = 3;

    fn said(event: usize, (day, word, number): (i32, u32, Option<(u32, f32)>)) -> Said<'static> {
        let unknown = |key: &str, display: String| Word::Unknown {
            key: Cow::Owned(key.to_owned()),
            display: Cow::Owned(display),
            kind: Kind::Condition,
        };
        let word = match word {
            known if (known as usize) < KNOWN => Word::Known(known),
            3 => unknown("one", "once called so".into()),
            4 => unknown("one", "called otherwise".into()),
            _ => unknown("another", "called another".into()),
        };
        Said { day, word, number, event: event as u32 }
    }

    type Happening = (i32, u32, Option<(u32, f32)>);

    fn of(happenings: &[Happening]) -> (Vec<ChartEvent>, Vec<(Kind, String)>) {
        entries(happenings.iter().copied().enumerate().map(|(event, happening)| said(event, happening)), KNOWN)
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let number = prop_oneof![Just(1.5_f32), Just(-0.0_f32), Just(0.0_f32), -9.0_f32..9.0];
        (0_i32..4, 0_u32..6, prop::option::of((0_u32..2, number)))
    }

    proptest! {
        #[test]
        fn the_order_of_events_within_a_day_changes_nothing(
            (happenings, shuffled) in prop::collection::vec(happening(), 0..40)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
        ) {
            let ((a, unknown), (b, others)) = (of(&happenings), of(&shuffled));
            let without_place = |events: &[ChartEvent]| -> Vec<_> {
                events.iter().map(|e| (e.day, e.key, e.number.map(|(n, value)| (n, value.to_bits())))).collect()
            };
            prop_assert_eq!(without_place(&a), without_place(&b));
            prop_assert_eq!(unknown, others);
            for event in &b {
                let (day, _, number) = shuffled[event.event as usize];
                prop_assert_eq!(day, event.day);
                if event.number.is_some() {
                    prop_assert_eq!(number, event.number, "the event named holds the number");
                }
            }
        }
    }

    #[test]
    fn a_day_keeps_the_lower_middle_of_its_numbers() {
        let day = |values: &[f32]| -> Vec<Happening> { values.iter().map(|&v| (0, 0, Some((0, v)))).collect() };
        let kept = |values: &[f32]| of(&day(values)).0[0];
        assert_eq!(kept(&[7.0]).number, Some((0, 7.0)));
        assert_eq!(kept(&[9.0, 7.0]).number, Some((0, 7.0)));
        assert_eq!((kept(&[9.0, 5.0, 7.0]).number, kept(&[9.0, 5.0, 7.0]).event), (Some((0, 7.0)), 2));
        assert_eq!(kept(&[1.0, 2.0, 3.0, 400.0]).number, Some((0, 2.0)));
    }

    #[test]
    fn a_number_is_not_lost_to_an_event_without_one_nor_mixed_with_another_unit() {
        let (events, _) =
            of(&[(0, 0, None), (0, 0, Some((1, 900.0))), (0, 0, Some((0, 5.0))), (0, 0, Some((1, 800.0)))]);
        assert_eq!(events, [ChartEvent { day: 0, key: 0, number: Some((0, 5.0)), event: 2 }]);
    }

    #[test]
    fn days_follow_one_another_and_keys_within_them_and_unknown_keys_count_once() {
        let (events, unknown) =
            of(&[(1, 3, None), (0, 2, None), (0, 5, None), (1, 4, None), (1, 0, None), (0, 2, None)]);
        let seen: Vec<_> = events.iter().map(|event| (event.day, event.key)).collect();
        assert_eq!(seen, [(0, 2), (0, 3), (1, 0), (1, 4)]);
        assert_eq!(
            unknown.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["called another", "once called so"]
        );
    }
}
