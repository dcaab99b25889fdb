//! `prodrome ingest`: exports of every form become the same dataset; nothing that tells who a patient is gets in;
//! a killed run continues as if nothing had been.

use prodrome::learning::ingest::{Options, ingest};
use prodrome::learning::shard::{Dataset, PatientRow, Shard, Split};
use prodrome::patient_record::timeline::{Kind, Sex};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SALT: &str = "0123456789abcdef0123456789abcdef";

/// An empty place with a salt file in it.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("salt"), SALT).unwrap();
    place
}

fn options(place: &Path, source: &str, out: &str) -> Options {
    Options {
        sources: vec![place.join(source)],
        out: place.join(out),
        split_by_folder: false,
        salt_file: Some(place.join("salt")),
        export_date: Some(jiff::civil::date(2026, 1, 1)),
        identity: true,
        audit: false,
        jobs: 2,
        spill: None,
        bucket_bytes: 96 << 20,
    }
}

/// Writes a file and the folders on the way to it.
fn write(path: PathBuf, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn lines(resources: &[Value]) -> Vec<u8> {
    resources.iter().flat_map(|resource| format!("{resource}\n").into_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn coded(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}

/// A patient with a visit, a diagnosis, a laboratory value, an order by reference, and a note.
fn patient(id: &str) -> Vec<Value> {
    let subject = json!({"reference": format!("Patient/{id}")});
    let encounter = json!({"reference": format!("Encounter/{id}e")});
    vec![
        json!({"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1980-01-01",
            "name": [{"family": "Quillfeather", "given": ["Zephyrine"]}],
            "address": [{"line": ["7 Umberlane Court"], "city": "Thistlemoor"}],
            "telecom": [{"system": "phone", "value": "555-01997"}],
            "identifier": [{"system": "urn:mrn", "value": "MRN-88231"}]}),
        json!({"resourceType": "Encounter", "id": format!("{id}e"), "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "type": [coded("http://snomed.info/sct", "183495009", "Admission")],
            "subject": subject, "period": {"start": "2000-01-01T08:00:00Z", "end": "2000-01-03T08:00:00Z"}}),
        json!({"resourceType": "Condition", "id": format!("{id}c"),
            "code": coded("http://snomed.info/sct", "44054006", "Diabetes"),
            "subject": subject, "encounter": encounter, "onsetDateTime": "2000-01-02T08:00:00Z"}),
        json!({"resourceType": "Observation", "id": format!("{id}o"), "status": "final",
            "code": coded("http://loinc.org", "29463-7", "Body weight"), "subject": subject,
            "effectiveDateTime": "2000-01-02T09:00:00Z",
            "valueQuantity": {"value": 70.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}}),
        json!({"resourceType": "MedicationRequest", "id": format!("{id}m"), "status": "active", "intent": "order",
            "medicationReference": {"reference": format!("Medication/{id}d")}, "subject": subject,
            "authoredOn": "2000-01-03T08:00:00Z"}),
        json!({"resourceType": "Medication", "id": format!("{id}d"),
            "code": coded("http://www.nlm.nih.gov/research/umls/rxnorm", "860975", "metformin")}),
        json!({"resourceType": "DocumentReference", "id": format!("{id}n"), "status": "current",
            "type": coded("http://loinc.org", "34117-2", "History and physical note"), "subject": subject,
            "date": "2000-01-03T08:00:00Z", "content": [{"attachment": {"data": "UXVpbGxmZWF0aGVy"}}]}),
    ]
}

/// The same resources as a transaction: addresses instead of references, pretty-printed.
fn transaction(resources: &[Value]) -> Vec<u8> {
    let mut text = String::new();
    let entries: Vec<Value> = resources
        .iter()
        .map(|resource| {
            let id = resource["id"].as_str().unwrap();
            json!({"fullUrl": format!("urn:uuid:{id}"), "resource": resource, "request": {"method": "POST", "url": "x"}})
        })
        .collect();
    text.push_str(
        &serde_json::to_string_pretty(&json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
            .unwrap(),
    );
    for resource_type in ["Patient", "Encounter", "Medication"] {
        text = text.replace(&format!("\"reference\": \"{resource_type}/"), "\"reference\": \"urn:uuid:");
    }
    text.into_bytes()
}

fn rows(dataset: &Dataset) -> Vec<(PatientRow, Shard)> {
    let shards = dataset.shards().map(Result::unwrap);
    shards.flat_map(|shard| shard.patients.clone().into_iter().map(move |row| (row, shard.clone()))).collect()
}

#[test]
fn lines_and_bundles_compressed_or_not_give_the_same_shards() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let all: Vec<Vec<Value>> = (0..6).map(|i| patient(&format!("p{i}"))).collect();
    let flat: Vec<Value> = all.iter().flatten().cloned().collect();
    for resource in &flat {
        // One file a type, in the folders of an export.
        let path = at("plain/2026").join(format!("{}.ndjson", resource["resourceType"].as_str().unwrap()));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{resource}").unwrap();
    }
    write(at("gzip/all.ndjson.gz"), &gzip(&lines(&flat)));
    write(at("zstd/all.ndjson.zst"), &zstd::encode_all(&*lines(&flat), 3).unwrap());
    for (i, resources) in all.iter().enumerate() {
        write(at(&format!("bundles/Zephyrine_{i}.json")), &transaction(resources));
        write(at(&format!("bundles-gz/{i}.json.gz")), &gzip(&transaction(resources)));
    }
    write(at("bundles/manifest.json"), br#"{"requiresAccessToken": false}"#);

    let first = ingest(&options(place.path(), "plain", "from-plain")).unwrap();
    for source in ["gzip", "zstd", "bundles", "bundles-gz"] {
        let other = ingest(&options(place.path(), source, &format!("from-{source}"))).unwrap();
        assert_eq!(other.sha256, first.sha256, "{source}");
    }
    let opened = Dataset::open(&at("from-bundles")).unwrap();
    opened.verify().unwrap();
    assert_eq!(opened.patients.values().sum::<u64>(), 6);
    assert!(!at("from-bundles/spill").exists(), "raw resources must not stay behind");
}

#[test]
fn a_row_is_what_the_record_says_in_days_since_birth() {
    let place = place();
    let mut resources = patient("p1");
    resources[0]["deceasedDateTime"] = json!("2020-05-01T00:00:00Z");
    write(place.path().join("in/all.ndjson"), &lines(&resources));
    let dataset = ingest(&options(place.path(), "in", "out")).unwrap();
    let rows = rows(&dataset);
    let [(row, shard)] = rows.as_slice() else { panic!("{} patients", rows.len()) };
    // 1980-01-01 to 2000-01-01 are 7,305 days, to 2026-01-01 16,802, which is 600 steps of 28 days and 2 days.
    assert_eq!((row.sex, row.follow_up_end, row.death), (Sex::Female, 16_800, Some(14_731)));
    let mut day = 0;
    let mut seen = Vec::new();
    for event in &row.events {
        day += event.after_days;
        let fact = &shard.facts[event.fact as usize];
        let number = event.number.map(|(unit, value)| (shard.units[usize::from(unit)].as_str(), value));
        seen.push((day, fact.kind, fact.code.as_str(), fact.value.as_deref(), number));
    }
    assert_eq!(
        seen,
        [
            (7_305, Kind::Encounter, "IMP", Some("S:183495009"), None),
            (7_305, Kind::EncounterType, "S:183495009", None, None),
            (7_306, Kind::Condition, "S:44054006", None, None),
            (7_306, Kind::Observation, "L:29463-7", None, Some(("kg", 70.5))),
            (7_307, Kind::EncounterEnd, "IMP", Some("S:183495009"), None),
            (7_307, Kind::Medication, "R:860975", None, None),
        ]
        .map(|(day, kind, code, value, number)| {
            // Whatever the canonical unit of a mass is, the shard must say it as the reader does.
            let canonical = prodrome::patient_record::terminology::canonical(70.5, "kg");
            let unit = shard.units.iter().find(|unit| **unit == *canonical.unit).map(String::as_str);
            (day, kind, code, value, number.and(unit).map(|unit| (unit, canonical.value as f32)))
        })
    );
}

#[test]
fn names_addresses_and_identifiers_reach_no_file_of_the_dataset() {
    let place = place();
    let mut resources = patient("p1");
    resources[2]["code"] = json!({"text": "diabetes of Mrs QUILLFEATHER", "coding": [
        {"system": "http://snomed.info/sct", "code": "44054006", "display": "Seen at 7 Umberlane Court"}]});
    resources[3]["valueQuantity"] = json!({"value": 3, "unit": "MRN-88231"});
    resources.push(json!({"resourceType": "Procedure", "id": "x", "status": "completed",
        "code": coded("urn:of:Zephyrine", "555-01997", "call Zephyrine"), "subject": {"reference": "Patient/p1"},
        "performedDateTime": "2001-01-01"}));
    resources.push(json!({"resourceType": "Thistlemoor Clinic", "id": "y"}));
    write(place.path().join("in/all.ndjson"), &lines(&resources));
    ingest(&Options { identity: false, ..options(place.path(), "in", "out") }).unwrap();

    let planted =
        ["quillfeather", "zephyrine", "umberlane", "thistlemoor", "555-01997", "mrn-88231", "\"p1\"", "uxvpbgx"];
    let mut files = 0;
    for folder in ["out", "out/shards"] {
        for entry in std::fs::read_dir(place.path().join(folder)).unwrap().map(Result::unwrap) {
            if !entry.file_type().unwrap().is_file() {
                continue;
            }
            let mut bytes = std::fs::read(entry.path()).unwrap();
            if entry.path().extension().is_some_and(|end| end == "zst") {
                bytes = zstd::decode_all(&*bytes).unwrap();
            }
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            planted.iter().for_each(|name| assert!(!text.contains(name), "{name} in {:?}", entry.path()));
            files += 1;
        }
    }
    assert!(files >= 5, "shard, dataset, vocabulary and two reports are to be searched");
    let report: Value = serde_json::from_slice(&std::fs::read(place.path().join("out/report.json")).unwrap()).unwrap();
    assert!(report["leaks"]["identifying_texts_withheld"].as_u64().unwrap() >= 3, "{}", report["leaks"]);
}

#[test]
fn a_patient_in_two_split_folders_stops_the_ingest_without_being_named() {
    let place = place();
    write(place.path().join("in/train/a.ndjson"), &lines(&patient("secret-id")));
    write(place.path().join("in/test/b.ndjson"), &lines(&patient("secret-id")[1..3]));
    write(place.path().join("in/test/c.ndjson"), &lines(&patient("other")));
    let by_folder = Options { split_by_folder: true, ..options(place.path(), "in", "out") };
    let error = format!("{:#}", ingest(&by_folder).unwrap_err());
    assert!(error.starts_with("1 patients lie in folders of more than one split"), "{error}");
    assert!(!error.contains("secret-id"), "{error}");
    assert!(!place.path().join("out/dataset.json").exists());
}

#[test]
fn folders_decide_the_split_when_told_so() {
    let place = place();
    for split in Split::ALL {
        write(place.path().join("in").join(split.as_str()).join("a.ndjson"), &lines(&patient(split.as_str())));
    }
    let by_folder = Options { split_by_folder: true, ..options(place.path(), "in", "out") };
    let dataset = ingest(&by_folder).unwrap();
    assert!(dataset.patients.values().all(|&n| n == 1), "{:?}", dataset.patients);
    let identity = std::fs::read_to_string(place.path().join("out/identity.csv")).unwrap();
    assert!(identity.contains("1980-01-01,calibration\n") && identity.lines().count() == 5, "{identity}");

    write(place.path().join("in/stray.ndjson"), &lines(&patient("stray")));
    let error = ingest(&Options { out: place.path().join("again"), ..by_folder }).unwrap_err();
    assert!(format!("{error:#}").contains("lies in no folder named train"), "{error:#}");
}

#[test]
fn what_cannot_be_read_is_counted_with_its_reason() {
    let place = place();
    let mut bytes = lines(&patient("p1"));
    bytes.extend(b"{\"resourceType\":\"Condition\",\n\xff\xfe\n\n");
    bytes.extend(lines(&[
        json!({"resourceType": "Claim", "id": "1", "patient": {"reference": "Patient/p1"}}),
        json!({"resourceType": "Condition", "id": "2", "code": {"text": "x"}}),
        json!({"resourceType": "Condition", "id": "3", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2000"}),
        json!({"resourceType": "Condition", "id": "4", "subject": {"reference": "Patient/ghost"}}),
        json!({"resourceType": "Patient", "id": "unborn", "gender": "male"}),
    ]));
    write(place.path().join("in/all.ndjson"), &bytes);
    ingest(&options(place.path(), "in", "out")).unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(place.path().join("out/report.json")).unwrap()).unwrap();
    let count = |resource_type: &str, reason: &str| {
        let rows = report["skipped"].as_array().unwrap().iter();
        rows.filter(|row| row["resource_type"] == resource_type && row["reason"] == reason)
            .map(|row| row["count"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(count("unknown", "unreadable"), 1, "{}", report["skipped"]);
    assert_eq!(count("Condition", "unreadable"), 1, "{}", report["skipped"]);
    assert_eq!(count("Claim", "type-not-read"), 1, "{}", report["skipped"]);
    assert_eq!(count("Condition", "no-patient"), 1, "{}", report["skipped"]);
    assert_eq!(count("Condition", "no-code"), 1, "{}", report["skipped"]);
    assert_eq!(report["patients_left_out"], json!({"no Patient resource": 1, "no birth date": 1}));
}

#[test]
fn a_file_cut_short_stops_the_ingest() {
    let place = place();
    let whole = gzip(&lines(&patient("p1")));
    write(place.path().join("in/all.ndjson.gz"), &whole[..whole.len() / 2]);
    let error = format!("{:#}", ingest(&options(place.path(), "in", "out")).unwrap_err());
    assert!(error.starts_with("cannot read ") && error.contains("all.ndjson.gz"), "{error}");
    assert!(!place.path().join("out/dataset.json").exists());
}

#[test]
fn a_finished_dataset_is_never_written_over() {
    let place = place();
    write(place.path().join("in/all.ndjson"), &lines(&patient("p1")));
    ingest(&options(place.path(), "in", "out")).unwrap();
    let error = ingest(&options(place.path(), "in", "out")).unwrap_err();
    assert!(error.to_string().contains("already holds a complete dataset"), "{error}");
}

/// The command as a user types it, in small buckets.
fn command(place: &Path, out: &str, jobs: u32) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prodrome"));
    command.arg("ingest").arg(place.join("in")).arg("--out").arg(place.join(out));
    command.arg("--salt-file").arg(place.join("salt")).args(["--export-date", "2026-01-01", "--bucket-mb", "1"]);
    command.args(["--jobs", &jobs.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts the command and kills it as soon as `seen`. False if it was quicker.
fn kill_when(mut command: Command, seen: impl Fn() -> bool) -> bool {
    let mut child = command.spawn().unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if seen() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn a_killed_ingest_continues_and_ends_with_the_same_bytes() {
    let place = place();
    for file in 0..24 {
        let resources: Vec<Value> = (0..100)
            .flat_map(|i| {
                let mut resources = patient(&format!("p{}", file * 100 + i));
                resources[3]["valueQuantity"]["value"] = json!(50 + (file * 7 + i * 13) % 60);
                resources[3]["note"] = json!([{"text": "x".repeat(4_000)}]);
                resources
            })
            .collect();
        write(place.path().join(format!("in/{file:02}.ndjson")), &lines(&resources));
    }
    assert!(command(place.path(), "whole", 2).status().unwrap().success());
    let whole = Dataset::open(&place.path().join("whole")).unwrap();
    assert!(whole.shards.len() > 8, "{} shards", whole.shards.len());

    let spill = place.path().join("killed/spill");
    let first_state = || std::fs::metadata(spill.join("state")).map_or(0, |meta| meta.len());
    // While files are routed: the state has grown since its first writing.
    let fresh = std::cell::Cell::new(0);
    assert!(kill_when(command(place.path(), "killed", 1), || {
        let now = first_state();
        if fresh.get() == 0 {
            fresh.set(now);
        }
        now > fresh.get()
    }));
    assert!(!spill.join("bucket-0000.part").exists(), "killed too late to show anything");
    // What was being written at that moment is torn.
    let worker = spill.join("worker-00.spill");
    let mut torn = std::fs::OpenOptions::new().append(true).open(worker).unwrap();
    torn.write_all(b"half a block").unwrap();
    // While buckets are read, with another number of threads.
    assert!(kill_when(command(place.path(), "killed", 2), || spill.join("bucket-0002.part").exists()));
    assert!(!place.path().join("killed/dataset.json").exists(), "killed too late to show anything");
    assert!(command(place.path(), "killed", 1).status().unwrap().success());

    let words = Dataset::open(&place.path().join("whole")).unwrap().vocabulary().unwrap();
    let has = |kind| words.keys.iter().any(|key| key.kind == kind);
    assert!(has(Kind::Encounter) && !has(Kind::EncounterEnd), "an end makes occasions and is no word of the model");
    for name in ["dataset.json", "vocabulary.json", "report.json", "report.md"] {
        let read = |out: &str| std::fs::read(place.path().join(out).join(name)).unwrap();
        assert!(read("whole") == read("killed"), "{name} differs");
    }
    Dataset::open(&place.path().join("killed")).unwrap().verify().unwrap();
}

#[test]
fn a_spill_of_other_sources_is_refused() {
    let place = place();
    write(place.path().join("in/all.ndjson.gz"), &gzip(&lines(&patient("p1")))[..60]);
    ingest(&options(place.path(), "in", "out")).unwrap_err();
    write(place.path().join("in/more.ndjson"), &lines(&patient("p2")));
    let error = ingest(&options(place.path(), "in", "out")).unwrap_err();
    assert!(error.to_string().contains("belongs to an ingest of other sources"), "{error}");
}

#[test]
fn race_and_ethnicity_stand_in_the_audit_list_alone_and_only_when_asked_for() {
    let place = place();
    let extension = |name: &str, code: &str, detail: &str| {
        json!({"url": format!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}"), "extension": [
            {"url": "ombCategory", "valueCoding": {"code": code, "display": detail}},
            {"url": "text", "valueString": detail}]})
    };
    let resources: Vec<Value> = (0..12)
        .flat_map(|number| {
            let mut resources = patient(&format!("p{number}"));
            let race = if number == 0 { "1002-5" } else { "2028-9" };
            resources[0]["extension"] =
                json!([extension("race", race, "Snowline people"), extension("ethnicity", "2186-5", "none")]);
            resources
        })
        .collect();
    write(place.path().join("in/all.ndjson"), &lines(&resources));
    let plain = ingest(&options(place.path(), "in", "plain")).unwrap();
    let audited = ingest(&Options { audit: true, ..options(place.path(), "in", "audited") }).unwrap();
    assert!(!place.path().join("plain/audit.csv").exists());
    assert_eq!(plain.sha256, audited.sha256, "the shards are the same with and without");
    let audit = std::fs::read_to_string(place.path().join("audited/audit.csv")).unwrap();
    assert_eq!(audit.matches(",Asian,Not Hispanic or Latino").count(), 11);
    assert_eq!(audit.matches(",,Not Hispanic or Latino").count(), 1, "one of a kind is left out");
    assert!(!audit.contains("Snowline") && !audit.contains("p1,"));
}

#[test]
fn personal_traits_are_counted_and_in_no_shard_and_no_vocabulary() {
    let place = place();
    let answer = |number: usize, code: &str, value: &str| {
        json!({"resourceType": "Observation", "id": format!("p{number}{code}"), "status": "final",
            "code": coded("http://loinc.org", code, &format!("asked {code}")),
            "subject": {"reference": format!("Patient/p{number}")}, "effectiveDateTime": "2000-01-02T09:00:00Z",
            "valueCodeableConcept": coded("http://loinc.org", value, "answered")})
    };
    let finding = |number: usize, code: &str| {
        json!({"resourceType": "Condition", "id": format!("p{number}{code}"),
            "code": coded("http://snomed.info/sct", code, &format!("found {code}")),
            "subject": {"reference": format!("Patient/p{number}")}, "onsetDateTime": "2000-01-02T08:00:00Z",
            "abatementDateTime": "2001-01-02T08:00:00Z"})
    };
    let resources: Vec<Value> = (0..60)
        .flat_map(|number| {
            let mut resources = patient(&format!("p{number}"));
            resources.extend([answer(number, "32624-9", "LA4457-3"), answer(number, "71802-3", "LA30190-5")]);
            resources.extend([finding(number, "446654005"), finding(number, "32911000")]);
            resources
        })
        .collect();
    write(place.path().join("in/all.ndjson"), &lines(&resources));
    let dataset = ingest(&options(place.path(), "in", "out")).unwrap();
    let facts: Vec<String> = rows(&dataset)[0].1.facts.iter().map(|fact| fact.key()).collect();
    assert!(facts.iter().any(|key| key == "COND|S:32911000"), "homelessness is read: {facts:?}");
    assert!(facts.iter().any(|key| key.starts_with("OBS|L:71802-3")), "housing is read: {facts:?}");
    let vocabulary = std::fs::read_to_string(place.path().join("out/vocabulary.json")).unwrap();
    assert!(vocabulary.contains("COND|S:32911000"));
    for never in ["32624-9", "LA4457-3", "446654005"] {
        assert!(!facts.iter().any(|key| key.contains(never)) && !vocabulary.contains(never), "{never}");
    }
    let report = std::fs::read_to_string(place.path().join("out/report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["never_read"], json!({"race-or-ethnicity": 60, "migration": 120}));
    let page = std::fs::read_to_string(place.path().join("out/report.md")).unwrap();
    assert!(page.contains("| flight, immigration and migrant work | 120 |"), "{page}");
}
