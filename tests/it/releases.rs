//! The same chart in R4, R4B and R5. The R4 file is ours; HL7's own converter made the others
//! (`scripts/convert-releases`).

use prodrome::patient_record::chart::ChartReader;
use prodrome::patient_record::timeline::{Skipped, Timeline};

const R4: &str = include_str!("../fixtures/releases/r4.json");
const R4B: &str = include_str!("../fixtures/releases/r4b.json");
const R5: &str = include_str!("../fixtures/releases/r5.json");

/// The timelines, and every count but those of Devices.
fn read(text: &str) -> (Vec<Timeline>, Skipped) {
    let mut reader = ChartReader::new();
    reader.take_json(text.as_bytes()).expect("the fixture is FHIR");
    let (mut timelines, mut rest) = reader.finish();
    // R5 has no Device.patient, so a Device, never an event since undated, is counted elsewhere there.
    timelines.iter_mut().map(|timeline| &mut timeline.skipped).chain([&mut rest]).for_each(without_devices);
    (timelines, rest)
}

fn without_devices(skipped: &mut Skipped) {
    skipped.0.retain(|(resource_type, _), _| &**resource_type != "Device");
}

/// A page to compare by eye.
fn page((timelines, rest): &(Vec<Timeline>, Skipped)) -> String {
    let mut text = String::new();
    for (number, timeline) in timelines.iter().enumerate() {
        text += &format!("patient {number}: born {:?}, {:?}\n", timeline.patient.birth, timeline.patient.sex);
        for event in &timeline.events {
            let (day, offset, kind) = (event.known.div_euclid(86_400), event.clinical_offset, event.kind.short());
            let (code, value, source) = (&event.code, &event.value, timeline.source(event));
            text += &format!("{day} {offset:+} {kind} {code} {value:?} <- {}/{}\n", source.resource_type, source.id);
        }
        text += &format!("{:?}\n", timeline.skipped.0);
    }
    text + &format!("rest {:?}\n", rest.0)
}

#[test]
fn r4b_gives_the_timeline_of_r4() {
    assert_eq!(page(&read(R4B)), page(&read(R4)));
    assert_eq!(read(R4B), read(R4));
}

#[test]
fn r5_gives_the_timeline_of_r4() {
    assert_eq!(page(&read(R5)), page(&read(R4)));
    assert_eq!(read(R5), read(R4));
}

#[test]
fn the_releases_differ_in_their_text() {
    for (r5, r4) in [("\"actualPeriod\"", "\"period\""), ("\"occurrencePeriod\"", "\"performedPeriod\"")] {
        assert!(R5.contains(r5) && R4.contains(r4) && R4B.contains(r4) && !R4.contains(r5));
    }
}

#[test]
fn the_chart_reads_as_expected() {
    insta::assert_snapshot!(page(&read(R4)));
}
