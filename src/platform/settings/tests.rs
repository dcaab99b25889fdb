use super::*;

fn read(file: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prodrome.toml");
    std::fs::write(&path, file).expect("a file");
    let mut environment = environment.to_vec();
    if !file.contains("mode") && !environment.iter().any(|(name, _)| name.ends_with("MODE")) {
        environment.push(("PRODROME__SERVER__MODE", "development"));
    }
    Settings::read(Some(&path), environment.into_iter().map(|(name, value)| (name.to_string(), value.to_string())))
}

fn message(result: Result<Settings, SettingsError>) -> String {
    result.expect_err("refused").to_string()
}

#[test]
fn the_default_file_alone_gives_every_setting() {
    let settings = read("", &[]).expect("defaults");
    assert_eq!(settings.server.max_body, 32 << 20);
    assert_eq!(settings.model.path, PathBuf::from("models/prodrome-s"));
    assert_eq!(settings.server.bind.port(), 8080);
    assert!(settings.engine.threads > 0);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let file = "[server]\nbind = '127.0.0.1:1'\nmax_body = '1 MiB'\n[engine]\nqueue_length = 7";
    let environment = [
        ("PRODROME__SERVER__BIND", "127.0.0.1:2"),
        ("PRODROME__ENGINE__THREADS", "3"),
        ("PRODROME__SERVER__CORS_ORIGINS", "https://a.example, https://b.example"),
        ("PRODROME_UNRELATED", "x"),
    ];
    let settings = read(file, &environment).expect("settings");
    assert_eq!(settings.server.bind.port(), 2);
    assert_eq!(settings.server.max_body, 1 << 20);
    assert_eq!((settings.engine.queue_length, settings.engine.threads), (7, 3));
    assert_eq!(settings.server.cors_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn a_misspelt_key_is_refused_with_the_nearest_one() {
    for (file, key, nearest) in [
        ("[server]\nbnid = 'x'", "`server.bnid`", "`server.bind`"),
        ("[sever]\nbind = 'x'", "`sever`", "`server`"),
        ("[server.tls]\ncertfile = 'x'", "`server.tls.certfile`", "`server.tls.cert_file`"),
        ("[database]\nurls = 'x'", "`database.urls`", "`database.url`"),
        ("max_body = '1 MiB'", "`max_body`", "`server.max_body`"),
        ("[[cds_client]]\nname = 'a'\nisuer = 'b'", "`cds_client.isuer`", "`cds_client.issuer`"),
    ] {
        let message = message(read(file, &[]));
        assert!(message.contains(key) && message.contains(nearest), "{message}");
    }
    let message = message(read("", &[("PRODROME__SERVER__BNID", "x")]));
    assert!(message.contains("`PRODROME__SERVER__BNID`") && message.contains("`PRODROME__SERVER__BIND`"), "{message}");
}

#[test]
fn an_unusable_value_is_refused_with_key_value_and_remedy() {
    for (file, key, value) in [
        ("[server]\nmax_body = '32'", "server.max_body", "32"),
        ("[server]\nbind = 'nowhere'", "server.bind", "nowhere"),
        ("[server]\nmode = 'prod'", "server.mode", "prod"),
        ("[server]\nallow_plain_http = 'yes'", "server.allow_plain_http", "yes"),
        ("[server]\npublic_url = 'cds.example.org'", "server.public_url", "cds.example.org"),
        ("[server]\ncors_origins = ['*']", "server.cors_origins", "*"),
        ("[database]\nurl = 'mysql://x'", "database.url", "mysql"),
        ("[database]\nurl = 'sqlite::memory:'", "database.url", ":memory:"),
        ("[engine]\nthreads = -1", "engine.threads", "-1"),
        ("[engine]\ndeadline = '2'", "engine.deadline", "2"),
        ("[telemetry]\nformat = 'xml'", "telemetry.format", "xml"),
        ("[model]\ndevice = 'cuda:0'", "model.device", "cuda:0"),
        ("server = 3", "server", "3"),
    ] {
        let message = message(read(file, &[]));
        assert!(message.contains(key) && message.contains(value) && message.contains("; "), "{message}");
    }
}

#[test]
fn a_password_never_shows() {
    let settings =
        read("[database]\nurl = 'postgres://me:hunter2@db/prodrome?password=hunter2'", &[]).expect("settings");
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(!message(read("[database]\nurl = 'mysql://me:hunter2@db/x'", &[])).contains("hunter2"));
}

#[test]
fn production_without_tls_is_refused() {
    let refused = message(read("[server]\nmode = 'production'", &[]));
    assert!(refused.contains("server.mode") && refused.contains("TLS"), "{refused}");
}

#[test]
fn production_starts_with_tls_before_it_or_in_it_or_in_a_closed_network() {
    for file in [
        "[server]\nmode = 'production'\npublic_url = 'https://cds.example.org'",
        "[server]\nmode = 'production'\nallow_plain_http = true",
        "[server]\nmode = 'production'\n[server.tls]\ncert_file = 'a.pem'\nkey_file = 'b.pem'",
    ] {
        assert_eq!(read(file, &[]).map(|settings| settings.server.mode).ok(), Some(Mode::Production), "{file}");
    }
}

fn with_client(server: &str, client: &str) -> Result<Settings, SettingsError> {
    read(
        &format!("[server]\npublic_url = 'https://cds.example.org'\n{server}\n[[cds_client]]\nname = 'ehr'\n{client}"),
        &[],
    )
}

#[test]
fn production_takes_neither_plain_http_nor_loopback_on_the_way_to_a_client() {
    for (key, url) in [
        ("jwks_url", "http://ehr.example.org/jwks"),
        ("jwks_url", "https://localhost/jwks"),
        ("jwks_url", "https://127.0.0.1:8443/jwks"),
        ("jwks_url", "https://[::1]/jwks"),
        ("jwks_url", "https://[::ffff:127.0.0.1]/jwks"),
        ("fhir_servers", "http://ehr.example.org/r4"),
        ("fhir_servers", "https://0.0.0.0/r4"),
    ] {
        let keys = if key == "jwks_url" { url } else { "https://ehr.example.org/jwks" };
        let servers = if key == "jwks_url" { "https://ehr.example.org/r4" } else { url };
        let client = format!("issuer = 'https://ehr.example.org'\njwks_url = '{keys}'\nfhir_servers = ['{servers}']");
        let refused = message(with_client("mode = 'production'", &client));
        assert!(refused.contains(&format!("cds_client.{key}")) && refused.contains(url), "{refused}");
        assert!(refused.contains("allow_plain_http"), "{refused}");
        assert!(with_client("mode = 'production'\nallow_plain_http = true", &client).is_ok(), "{url}");
        assert!(with_client("mode = 'development'", &client).is_ok(), "{url}");
    }
}

#[test]
fn an_address_of_a_client_that_is_none_is_refused_in_every_mode() {
    for url in
        ["ehr.example.org/jwks", "ftp://ehr.example.org", "https://", "https://good@evil.example/jwks", "https://a b/"]
    {
        let client = format!("issuer = 'https://ehr.example.org'\njwks_url = '{url}'");
        assert!(message(with_client("mode = 'development'", &client)).contains("cds_client.jwks_url"), "{url}");
    }
}

#[test]
fn the_public_sandbox_is_no_client_of_production() {
    let client =
        "issuer = 'https://sandbox.cds-hooks.org'\njwks_url = 'https://sandbox.cds-hooks.org/.well-known/jwks.json'";
    let refused = message(with_client("mode = 'production'\nallow_plain_http = true", client));
    assert!(refused.contains("cds_client.issuer") && refused.contains("private key"), "{refused}");
    assert!(with_client("mode = 'development'", client).is_ok());
}

#[test]
fn tokens_of_our_own_need_an_address_a_name_and_keys() {
    let ehr = "issuer = 'https://e.org'\njwks_file = 'a.json'\n";
    for (backend, key) in [
        ("backend_client_id = 'us'", "cds_client.backend_token_url"),
        ("backend_scope = 'system/*.rs'", "cds_client.backend_token_url"),
        ("backend_token_url = 'https://e.org/token'", "cds_client.backend_client_id"),
        ("backend_token_url = 'e.org/token'\nbackend_client_id = 'us'", "cds_client.backend_token_url"),
        ("backend_token_url = 'https://e.org/token'\nbackend_client_id = 'us'", "keys.folder"),
    ] {
        let refused = message(with_client("mode = 'development'", &format!("{ehr}{backend}")));
        assert!(refused.contains(key), "{backend}: {refused}");
    }
    let plain = "backend_token_url = 'http://e.org/token'\nbackend_client_id = 'us'\n[keys]\nfolder = 'keys'";
    let refused = message(with_client("mode = 'production'", &format!("{ehr}{plain}")));
    assert!(refused.contains("cds_client.backend_token_url") && refused.contains("allow_plain_http"), "{refused}");
    let settings = with_client("mode = 'development'", &format!("{ehr}{plain}")).expect("usable");
    assert_eq!(settings.cds_clients[0].backend.as_ref().map(|backend| &*backend.scope), Some("system/*.rs"));
}

#[test]
fn an_algorithm_that_cannot_be_verified_is_refused() {
    for algorithm in ["ES512", "HS256", "none", ""] {
        let client = format!("issuer = 'https://e.org'\njwks_file = 'a.json'\nalgorithms = ['{algorithm}']");
        assert!(message(with_client("mode = 'development'", &client)).contains("cds_client.algorithms"), "{algorithm}");
    }
}

/// Settings of development with one `[[ehr]]`, whose `name` is left to the test.
fn with_ehr(server: &str, ehr: &str) -> Result<Settings, SettingsError> {
    let fhir = if ehr.contains("fhir_server") { "" } else { "fhir_server = 'https://e.org/r4/'" };
    read(&format!("[server]\n{server}\n[keys]\nfolder = 'keys'\n[[ehr]]\nclient_id = 'us'\n{fhir}\n{ehr}"), &[])
}

#[test]
fn an_ehr_that_opens_the_app_needs_a_name_fit_for_an_address_and_whole_entries() {
    let public = "public_url = 'https://cds.example.org'\nmode = 'development'";
    for (ehr, key) in [
        ("", "ehr.name"),
        ("name = 'North Clinic'", "ehr.name"),
        ("name = '../x'", "ehr.name"),
        ("name = 'a'\nfhir_server = 'e.org'", "ehr.fhir_server"),
        ("name = 'a'\nfhir_server = 'https://e.org/r4?x=1'", "ehr.fhir_server"),
        ("name = 'a'\nauthentication = 'password'", "ehr.authentication"),
        ("name = 'a'\nauthentication = 'client_secret_basic'", "ehr.client_secret_file"),
        ("name = 'a'\nauthentication = 'public'\nclient_secret_file = 'x'", "ehr.client_secret_file"),
        ("name = 'a'\nscopes = 'launch openid'", "ehr.scopes"),
        ("name = 'a'\nid_token_algorithms = ['none']", "ehr.id_token_algorithms"),
        ("name = 'a'\nid_token_algorithms = ['HS256']", "ehr.id_token_algorithms"),
        ("name = 'a'\ntoken_endpoint = 'javascript:alert(1)'", "ehr.token_endpoint"),
        ("name = 'a'\ntoken_endpont = 'https://e.org'", "ehr.token_endpoint"),
        (
            "name = 'a'\nfhir_server = 'https://e.org'\n[[ehr]]\nname = 'a'\nclient_id = 'x'\nfhir_server = 'https://other.org'",
            "ehr.name",
        ),
        (
            "name = 'a'\nfhir_server = 'https://e.org/'\n[[ehr]]\nname = 'b'\nclient_id = 'x'\nfhir_server = 'https://e.org'",
            "ehr.name",
        ),
        ("name = 'a'\n[smart]\nframe_ancestors = ['https://e.org; script-src *']", "smart.frame_ancestors"),
    ] {
        let refused = message(with_ehr(public, ehr));
        assert!(refused.contains(key), "{ehr}: {refused}");
    }
    let settings = with_ehr(public, "name = 'north-1'").expect("usable");
    assert_eq!(settings.ehrs[0].fhir_server, "https://e.org/r4");
    assert_eq!(settings.ehrs[0].scopes, ["openid", "fhirUser", "patient/*.rs"]);
}

#[test]
fn the_app_needs_a_public_address_with_tls_and_keys_or_another_proof() {
    let development = "mode = 'development'";
    assert!(message(with_ehr(development, "name = 'a'")).contains("server.public_url"));
    let plain = "mode = 'production'\nallow_plain_http = true\npublic_url = 'http://cds.example.org'";
    assert!(message(with_ehr(plain, "name = 'a'")).contains("server.public_url"));
    let secure = "mode = 'production'\npublic_url = 'https://cds.example.org'";
    assert!(with_ehr(secure, "name = 'a'").is_ok());
    for (ehr, key) in [
        ("fhir_server = 'http://e.org/r4'", "ehr.fhir_server"),
        ("authorization_endpoint = 'https://127.0.0.1/a'", "ehr.authorization_endpoint"),
    ] {
        assert!(message(with_ehr(secure, &format!("name = 'a'\n{ehr}"))).contains(key), "{ehr}");
    }
    let keyless = |more: &str| {
        let ehr = format!("[[ehr]]\nname = 'a'\nclient_id = 'us'\nfhir_server = 'https://e.org'\n{more}");
        read(&format!("[server]\npublic_url = 'https://c.org'\nmode = 'development'\n{ehr}"), &[])
    };
    assert!(message(keyless("")).contains("keys.folder"));
    assert!(keyless("authentication = 'public'").is_ok());
}

fn with_authorization_server(server: &str, table: &str) -> Result<Settings, SettingsError> {
    read(&format!("[server]\n{server}\n[[authorization_server]]\nname = 'as'\nissuer = 'https://as.org'\n{table}"), &[])
}

#[test]
fn an_authorization_server_vouches_by_keys_or_by_being_asked() {
    let ours = "public_url = 'https://cds.example.org'\nmode = 'production'";
    for (table, key) in [
        ("", "authorization_server.jwks_url"),
        ("jwks_file = 'a.json'\nintrospection_url = 'https://as.org/i'", "authorization_server.jwks_url"),
        ("jwks_file = 'a.json'\nalgorithms = ['HS256']", "authorization_server.algorithms"),
        ("jwks_file = 'a.json'\nalgorithms = [7]", "authorization_server.algorithms"),
        ("jwks_url = 'http://as.org/jwks'", "authorization_server.jwks_url"),
        ("jwks_file = 'a.json'\nfhir_server = 'https://127.0.0.1/r4'", "authorization_server.fhir_server"),
        ("introspection_url = 'https://as.org/i'", "authorization_server.client_id"),
        ("introspection_url = 'https://as.org/i'\nclient_id = 'us'", "keys.folder"),
        ("jwks_file = 'a.json'\nissuers = 'x'", "`authorization_server.issuer`"),
    ] {
        let refused = message(with_authorization_server(ours, table));
        assert!(refused.contains(key), "{table}: {refused}");
    }
    let settings = with_authorization_server(ours, "jwks_url = 'https://as.org/jwks'").expect("usable");
    assert_eq!(settings.authorization_servers[0].audience, "https://cds.example.org/fhir");
    let nowhere = message(with_authorization_server("mode = 'development'", "jwks_file = 'a.json'"));
    assert!(nowhere.contains("authorization_server.audience") && nowhere.contains("public_url"), "{nowhere}");
}
