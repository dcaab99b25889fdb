//! Whatever is done to a valid document, the fence answers: no panic leaves it, and it never takes long.

use proptest::prelude::*;
use std::sync::mpsc;
use std::time::Duration;

const SEEDS: [&str; 4] = [
    r#"{"resourceType":"Patient","id":"p1","active":true,"name":[{"family":"Ae","given":["B",null],"_given":[null,{"id":"x"}]}],"birthDate":"1970-01-01","deceasedBoolean":false}"#,
    r#"{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"valueQuantity":{"value":6.50,"unit":"%"},"component":[{"code":{"text":"c"},"valueInteger":3}]}"#,
    r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"contained":[{"resourceType":"Medication","id":"m"}]}},{"fullUrl":"urn:x"}]}"#,
    r#"{"resourceType":"Encounter","status":"finished","class":[{"coding":[{"code":"AMB"}]}],"subjectStatus":{"text":"R5"},"fhir_comments":["a","b"]}"#,
];

/// Pieces that have hurt a FHIR or JSON reader before.
const PIECES: [&str; 22] = [
    "[]",
    "{}",
    "null",
    "[null]",
    "[[]]",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud800",
    "1e400",
    "-",
    "1.0",
    "4294967297",
    "true",
    "\"x\":[\"y\"],",
    "\"resourceType\":\"Patient\",",
    "\"extension\":[{\"url\":\"u\"}],",
    "[1,2,3]",
    "{\"a\":{\"b\":[]}}",
    "\"_id\":{},",
    "\u{0}",
];

#[derive(Clone, Debug)]
enum Change {
    Insert(usize, usize),
    Cut(usize, usize),
    Replace(usize, u8),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<usize>(), 1..40usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<usize>(), 1..60usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

/// Replaces a whole JSON value (from a colon to the next comma or brace), so that most mutants stay JSON.
fn value_swap() -> impl Strategy<Value = (usize, usize)> {
    (any::<usize>(), 0..PIECES.len())
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let spot = |at: usize, length: usize| if length == 0 { 0 } else { at % length };
    match *change {
        Change::Insert(at, piece) => {
            let at = spot(at, bytes.len());
            bytes.splice(at..at, PIECES[piece].bytes());
        }
        Change::Cut(at, length) => {
            let at = spot(at, bytes.len());
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Change::Replace(at, byte) => {
            let at = spot(at, bytes.len());
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        Change::Repeat(at, length) => {
            let at = spot(at, bytes.len());
            let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

fn swap_value(bytes: &mut Vec<u8>, (at, piece): (usize, usize)) {
    let colons: Vec<usize> = (0..bytes.len()).filter(|&index| bytes[index] == b':').collect();
    let Some(&colon) = colons.get(at.checked_rem(colons.len()).unwrap_or(0)) else { return };
    let end =
        bytes[colon + 1..].iter().position(|byte| b",}]".contains(byte)).map_or(bytes.len(), |end| colon + 1 + end);
    bytes.splice(colon + 1..end, PIECES[piece].bytes());
}

/// Runs both checks on a thread of their own: a loop would otherwise hang the test instead of failing it.
fn answers_in_time(bytes: Vec<u8>) -> bool {
    let (done, waits) = mpsc::channel();
    std::thread::spawn(move || {
        let whole = fhir_fence::check(&bytes);
        let split = fhir_fence::check_bundle(&bytes);
        if let Ok(checked) = &whole {
            fhir_fence::check(&checked.json).expect("what passed once passes again");
        }
        let _ = done.send(split.is_ok());
    });
    waits.recv_timeout(Duration::from_secs(10)).is_ok()
}

#[test]
fn the_seeds_of_r4_are_valid() {
    for seed in &SEEDS[..3] {
        fhir_fence::check(seed.as_bytes()).expect("a seed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutant_panics_or_hangs(
        seed in 0..SEEDS.len(),
        changes in prop::collection::vec(change(), 0..4),
        swaps in prop::collection::vec(value_swap(), 0..4),
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        swaps.into_iter().for_each(|swap| swap_value(&mut bytes, swap));
        changes.iter().for_each(|change| apply(&mut bytes, change));
        prop_assert!(answers_in_time(bytes.clone()), "{}", String::from_utf8_lossy(&bytes));
    }
}
