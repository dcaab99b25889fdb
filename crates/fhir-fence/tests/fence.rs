//! What fhirbolt does wrong on its own, and what the fence makes of it.

use fhir_fence::{FenceError, Oddity, Place, check, check_bundle};

fn observation(more: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"o1","status":"final","code":{{"text":"weight"}},"subject":{{"reference":"Patient/p1"}}{more}}}"#
    )
}

fn text_of(json: &[u8]) -> String {
    String::from_utf8(json.to_vec()).expect("JSON is text")
}

#[test]
fn a_valid_resource_passes_and_comes_back_whole() {
    let given =
        observation(r#","effectiveDateTime":"2019-03-04T10:11:12.5+01:00","valueString":"a \"quoted\" ü \u00e9""#);
    let checked = check(given.as_bytes()).expect("valid");
    assert_eq!(checked.resource_type, "Observation");
    assert_eq!(text_of(&checked.json), given);
    assert!(checked.findings.is_empty());
}

#[test]
fn decimals_are_json_numbers_and_keep_every_digit() {
    for decimal in ["1.00", "100", "-0.0", "1.2300000000000000000000001e-7", "72.50000000000000000001", "1E+3"] {
        let given = observation(&format!(r#","valueQuantity":{{"value":{decimal},"unit":"kg"}}"#));
        let checked = check(given.as_bytes()).unwrap_or_else(|error| panic!("{decimal}: {error}"));
        assert!(text_of(&checked.json).contains(&format!(r#""value":{decimal},"#)), "{decimal}");
    }
}

#[test]
fn empty_arrays_objects_and_nulls_are_taken_out_and_reported() {
    let given = observation(r#","note":[],"component":[{}],"bodySite":{},"valueString":null,"category":[null]"#);
    let checked = check(given.as_bytes()).expect("valid without them");
    assert_eq!(text_of(&checked.json), observation(""));
    let oddities: Vec<Oddity> = checked.findings.iter().map(|finding| finding.oddity).collect();
    for oddity in [Oddity::Null, Oddity::EmptyArray, Oddity::EmptyObject] {
        assert!(oddities.contains(&oddity), "{oddity:?} in {oddities:?}");
    }
    check(br#"{"resourceType":"Bundle","type":"collection","entry":[]}"#).expect("an empty bundle");
}

#[test]
fn an_unknown_field_is_refused_with_its_place_and_without_its_name() {
    for field in [r#""Smith":1"#, r#""Smith":["x"]"#, r#""Smith":{"a":[1]}"#, r#""fhir_comments":["Smith"]"#] {
        let error = check(observation(&format!(",\n{field}")).as_bytes()).expect_err(field);
        let place = Some(Place { line: 2, column: 1 });
        assert_eq!(error, FenceError::UnknownElement { resource_type: "Observation", place }, "{field}");
        assert!(!error.to_string().contains("Smith"));
    }
}

#[test]
fn a_key_given_twice_is_refused_also_when_it_is_written_with_escapes() {
    for twice in [r#","status":"amended""#, r#","st\u0061tus":"amended""#, r#","code":{"text":"a"}"#] {
        assert!(matches!(check(observation(twice).as_bytes()), Err(FenceError::DuplicateKey(_))), "{twice}");
    }
}

#[test]
fn text_after_the_resource_is_refused() {
    for after in ["x", "{}", ",", "\0"] {
        assert!(matches!(check((observation("") + after).as_bytes()), Err(FenceError::NotJson(_))), "{after:?}");
    }
    check((observation("") + " \r\n\t").as_bytes()).expect("white space may follow");
}

#[test]
fn what_is_no_resource_of_r4_is_told_apart() {
    assert_eq!(check(b"{}").unwrap_err(), FenceError::NotAResource);
    assert_eq!(check(b"[1]").unwrap_err(), FenceError::NotAResource);
    assert_eq!(check(b"null").unwrap_err(), FenceError::NotAResource);
    assert_eq!(check(br#"{"resourceType":"Smith"}"#).unwrap_err(), FenceError::UnknownType);
    assert_eq!(check(br#"{"resourceType":7}"#).unwrap_err(), FenceError::NotAResource);
    assert_eq!(check(b"{\"resourceType\":\"Patient\",\"id\":\"\xff\"}").unwrap_err(), FenceError::NotText);
    assert!(matches!(check(b""), Err(FenceError::NotJson(_))));
}

#[test]
fn a_missing_required_element_is_named() {
    let error = check(br#"{"resourceType":"Observation","status":"final"}"#).unwrap_err();
    assert_eq!(error, FenceError::Missing { resource_type: "Observation", element: "code".into() });
}

#[test]
fn what_fhirbolt_would_repair_in_silence_is_refused() {
    for wrong in [
        r#","category":{"text":"one object where a list belongs"}"#,
        r#","bodySite":[{"text":"a list where one object belongs"}]"#,
        r#","valueBoolean":"true""#,
        r#","valueQuantity":{"value":"100.0"}"#,
        r#","valueInteger":4294967297"#,
        r#","valueString":"a","valueBoolean":true"#,
        r#","valueString":7"#,
    ] {
        assert!(
            matches!(check(observation(wrong).as_bytes()), Err(FenceError::Shape { .. })),
            "{wrong}: {:?}",
            check(observation(wrong).as_bytes())
        );
    }
}

#[test]
fn dates_ids_and_codes_must_have_their_format() {
    for right in [
        r#","effectiveDateTime":"2019""#,
        r#","effectiveDateTime":"2020-02-29""#,
        r#","effectiveDateTime":"2019-03-04T23:59:60Z""#,
        r#","effectivePeriod":{"start":"2019-03","end":"2019-04-01T00:00:00-05:00"}"#,
        r#","issued":"2019-03-04T00:00:00.123456789Z""#,
        r#","valueTime":"23:59:59""#,
    ] {
        check(observation(right).as_bytes()).unwrap_or_else(|error| panic!("{right}: {error}"));
    }
    for wrong in [
        r#","effectiveDateTime":"1970-13-45""#,
        r#","effectiveDateTime":"2019-02-29""#,
        r#","effectiveDateTime":"0000""#,
        r#","effectiveDateTime":"19""#,
        r#","effectiveDateTime":"2019-03-04T10:00:00""#,
        r#","effectiveDateTime":"2019-03-04T10:00Z""#,
        r#","effectiveDateTime":"2019-03-04 10:00:00Z""#,
        r#","effectiveInstant":"2019-03-04""#,
        r#","effectivePeriod":{"start":"yesterday"}"#,
        r#","valueTime":"24:00:00""#,
        r#","valueString":"""#,
        r#","contained":[{"resourceType":"Patient","id":"a b"}]"#,
        r#","component":[{"code":{"coding":[{"system":"http://loinc.org"}]},"valueTime":"x"}]"#,
        r#","language":"  ""#,
    ] {
        let found = check(observation(wrong).as_bytes());
        assert!(matches!(found, Err(FenceError::Format { .. })), "{wrong}: {found:?}");
    }
    let spaced = observation("").replace("\"final\"", "\"fi  nal\"");
    check(spaced.as_bytes()).expect("`status` is a text elsewhere: its name does not tell the type");
}

#[test]
fn a_value_missing_with_a_reason_is_kept() {
    let given = br#"{"resourceType":"Patient","id":"p","name":[{"given":["Ada",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"masked"}]}]}],"_birthDate":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}"#;
    let checked = check(given).expect("valid");
    assert_eq!(checked.json, given);
    assert!(checked.findings.is_empty());
}

/// Levels of nested extensions, two levels of JSON each.
fn nested(levels: usize) -> String {
    let open = r#"{"url":"http://x","extension":["#.repeat(levels);
    let close = "]}".repeat(levels);
    observation(&format!(r#","extension":[{open}{{"url":"http://x","valueBoolean":true}}{close}]"#))
}

#[test]
fn nesting_is_bounded_and_what_is_allowed_fits_a_small_stack() {
    let stack = 1024 * 1024;
    let deepest = std::thread::Builder::new().stack_size(stack).spawn(|| check(nested(30).as_bytes()));
    deepest.expect("thread").join().expect("no overflow").expect("30 levels are fine");
    let started = std::time::Instant::now();
    let mut matryoshka = String::from(r#"{"resourceType":"Basic","code":{"text":"a"}}"#);
    for _ in 0..30 {
        matryoshka = format!(r#"{{"resourceType":"Basic","code":{{"text":"a"}},"contained":[{matryoshka}]}}"#);
    }
    let found = check(matryoshka.as_bytes());
    assert!(started.elapsed().as_secs() < 5, "{found:?} after {:?}", started.elapsed());
    for levels in [31, 200] {
        assert!(matches!(check(nested(levels).as_bytes()), Err(FenceError::TooDeep { .. })), "{levels}");
    }
    let hostile = "[".repeat(1_000_000);
    assert!(check(hostile.as_bytes()).is_err());
    let hostile = "{\"a\":".repeat(500_000) + "1" + &"}".repeat(500_000);
    assert!(matches!(check(hostile.as_bytes()), Err(FenceError::TooDeep { .. })));
}

#[test]
fn size_is_bounded_in_bytes_and_in_values() {
    let large = " ".repeat(fhir_fence::MAX_BYTES + 1);
    assert!(matches!(check(large.as_bytes()), Err(FenceError::TooLarge { .. })));
    let many = observation(&format!(r#","note":[{}]"#, vec![r#"{"text":"a"}"#; 150_000].join(",")));
    assert!(matches!(check(many.as_bytes()), Err(FenceError::TooManyValues { .. })));
}

#[test]
fn one_bad_entry_does_not_cost_the_others() {
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"searchset","total":4,"entry":[
            {{"fullUrl":"http://x/Observation/o1","resource":{}}},
            {{"resource":{{"resourceType":"Observation","status":"final"}}}},
            {{"search":{{"mode":"match"}}}},
            {{"resource":{{"resourceType":"Vendor","secret":"Smith"}}}},
            {{"resource":{{"id":"p1","resourceType":"Patient","name":[]}}}}]}}"#,
        observation(r#","valueQuantity":{"value":1.50}"#)
    );
    let bundle = check_bundle(bundle.as_bytes()).expect("the envelope is fine");
    assert_eq!(bundle.envelope.resource_type, "Bundle");
    let seen: Vec<_> = bundle.entries.iter().map(|entry| (entry.index, entry.resource_type)).collect();
    assert_eq!(seen, [(0, Some("Observation")), (1, Some("Observation")), (3, None), (4, Some("Patient"))]);
    let [first, second, third, fourth] = &bundle.entries[..] else { panic!("four resources") };
    assert!(text_of(&first.resource.as_ref().expect("good").json).contains("1.50"));
    assert!(matches!(second.resource, Err(FenceError::Missing { .. })));
    assert_eq!(third.resource.as_ref().unwrap_err(), &FenceError::UnknownType);
    assert_eq!(fourth.resource.as_ref().expect("good without the empty list").findings.len(), 1);
    assert_eq!(check_bundle(observation("").as_bytes()).unwrap_err(), FenceError::NotABundle("Observation"));
}

#[test]
fn the_private_keys_of_the_json_library_are_only_unknown_fields() {
    for key in ["$serde_json::private::Number", "$serde_json::private::RawValue", "$fhirbolt_serde::private::Decimal"] {
        for place in ["valueQuantity", "bodySite", "unknown"] {
            let given = observation(&format!(r#","{place}":{{"{key}":"1"}}"#));
            let found = check(given.as_bytes());
            assert!(found.is_err(), "{key} in {place}: {found:?}");
        }
        let given = observation(&format!(r#","valueQuantity":{{"value":{{"{key}":"1"}}}}"#));
        assert!(check(given.as_bytes()).is_err(), "{key}");
    }
}
