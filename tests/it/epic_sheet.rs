//! The sheet for analysts of Epic: the page in `docs/reference` is what the command prints for the shipped services.

use prodrome::cli::sheet::sheet;
use prodrome::platform::settings::Settings;
use std::path::Path;

/// A client as Epic's analysts would be told of, with the audience typed by hand.
const EPIC: &str = r#"[{ name = "hospital", issuer = "https://ehr.example.org/oauth2",
    jwks_url = "https://ehr.example.org/api/epic/2019/Security/Open/PublicKeys/530019/prodrome",
    audiences = ["prodrome"], quirks = "epic", algorithms = ["RS384"] }]"#;

fn settings(more: &[(&str, &str)]) -> Settings {
    let own = [("SERVER__PUBLIC_URL", "https://cds.example.org")];
    let environment = own.iter().chain(more).map(|(key, value)| (format!("PRODROME__{key}"), (*value).to_owned()));
    Settings::read(None, environment).expect("usable settings")
}

#[test]
fn epic_sheet_reference() {
    let printed = sheet(&settings(&[("CDS_CLIENT", EPIC)])).expect("a sheet");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/epic-sheet.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &printed).expect("written");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == printed, "run `WRITE_DOCS=1 cargo test --test it epic_sheet_reference`");
}

#[test]
fn the_address_of_our_app_has_to_be_allowed_where_its_link_is_on_cards() {
    let client = EPIC.replace("quirks", "fhir_servers = [\"https://ehr.example.org/r4/\"], quirks");
    let ehr = |base: &str| format!("[{{ name = \"hospital\", fhir_server = \"{base}\", client_id = \"a\" }}]");
    let allowed = |ehr: &str| {
        let page =
            sheet(&settings(&[("CDS_CLIENT", &client), ("EHR", ehr), ("KEYS__FOLDER", "keys")])).expect("a sheet");
        let lines: Vec<String> = page.lines().filter(|line| line.contains("Allow-listed")).map(str::to_owned).collect();
        lines.join("\n")
    };
    assert!(allowed(&ehr("https://ehr.example.org/r4")).contains("`https://cds.example.org/smart/launch`"));
    assert!(allowed(&ehr("https://elsewhere.example.org/r4")).contains("none"));
}

#[test]
fn the_sheet_holds_what_a_definition_and_a_client_say_and_nothing_that_epic_cannot_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (asked, never) = (folder.path().join("asked"), folder.path().join("never"));
    for (service, hook) in [(&asked, "patient-view"), (&never, "encounter-start")] {
        std::fs::create_dir(service).expect("a folder");
        let text = format!(
            "format = 1\nhooks = [\"{hook}\"]\ndescription = \"Of a test.\"\n[prefetch]\npatient = {{ required = true }}\n\
             mine = {{ template = \"Condition?patient={{{{context.patientId}}}}&code=a|b\" }}\n\
             stay = {{ template = \"Encounter/{{{{context.encounterId}}}}\" }}\n\
             third = {{ template = \"Observation?date=ge{{{{today() - 90 days}}}}\" }}\n\
             [[override_reason]]\ncode = \"no\"\ndisplay = \"Not now\"\n"
        );
        std::fs::write(service.join("service.toml"), text).expect("written");
    }
    let services = ("SERVICES__PATH", folder.path().to_str().expect("a path"));
    let strict = EPIC.replace("audiences = [\"prodrome\"],", "");
    let page = sheet(&settings(&[services, ("CDS_CLIENT", &strict)])).expect("a sheet");
    for line in [
        "- Address and audience: `https://cds.example.org/cds-services/asked`",
        "- Address and audience of feedback: `https://cds.example.org/cds-services/asked/feedback`",
        "- Hook: `patient-view`",
        "- `patient` (required): `Patient/{{context.patientId}}`",
        "- `mine`: `Condition?patient={{context.patientId}}&code=a|b`",
        "- `stay`: `Encounter/{{context.encounterId}}`; left out where Epic has no value for its other tokens, as outside an \
         encounter",
        "- `no` of `http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes`: Not now",
        "- `iss`: `https://ehr.example.org/oauth2`",
        "- `aud`: the service's address, below; for feedback the address of feedback",
        "- Algorithm: RS384",
        "- `jti`: a new one each time",
        "- `never` is for encounter-start.",
    ] {
        assert!(page.lines().any(|found| found == line), "no `{line}` in:\n{page}");
    }
    assert!(!page.contains("today()") && !page.contains("/cds-services/never"), "{page}");
    let nobody = sheet(&settings(&[services])).expect("a sheet");
    assert!(nobody.contains("No `[[cds_client]]` has `quirks = \"epic\"`"), "{nobody}");
    let nowhere = Settings::read(None, [("PRODROME__SERVER__ALLOW_PLAIN_HTTP".into(), "true".into())].into_iter());
    assert!(sheet(&nowhere.expect("settings")).expect_err("no address").to_string().contains("server.public_url"));
}
