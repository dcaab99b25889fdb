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
fn production_is_refused_while_tokens_cannot_be_verified() {
    let refused = message(read("[server]\nmode = 'production'\npublic_url = 'https://cds.example.org'", &[]));
    assert!(refused.contains("verify the tokens"), "{refused}");
}
