//! [`TestApp`]: the real server on a free port, with a database of its own.

use super::logs;
use crate::database::TestDatabase;
use crate::oracle::AgeOracle;
use prodrome::cli::serve::{Running, start_with};
use prodrome::platform::settings::Settings;
use prodrome::prediction::answer::Oracle;
use prodrome::prediction::model::Model;
use sqlx::AnyPool;
use std::sync::Arc;
use std::time::Duration;

/// What differs from a plain app.
#[derive(Default)]
pub struct Builder {
    environment: Vec<(String, String)>,
    not_waiting: bool,
    loading: Duration,
    pace: Duration,
    shipped_model: bool,
    database: Option<Arc<TestDatabase>>,
}

/// A running server. Dropping it ends its runtime and with it the server.
pub struct TestApp {
    pub running: Running,
    pub database: Arc<TestDatabase>,
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: awc::http::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Builder {
    /// Sets a setting by its environment variable: `("SERVER__MAX_BODY", "1 MiB")`.
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.environment.push((format!("PRODROME__{key}"), value.to_string()));
        self
    }

    /// The model takes this long to load, and nobody waits for it.
    pub fn still_loading(mut self, loading: Duration) -> Self {
        self.loading = loading;
        self.not_waiting = true;
        self
    }

    /// The model takes this long for a batch.
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// The model package of the repository instead of the foreseeable one.
    pub fn shipped_model(mut self) -> Self {
        self.shipped_model = true;
        self
    }

    /// On the database of another app, as a second replica.
    pub fn sharing(mut self, other: &TestApp) -> Self {
        self.database = Some(other.database.clone());
        self
    }

    pub async fn start(self) -> TestApp {
        logs::keep();
        let database = self.database.unwrap_or_else(|| Arc::new(TestDatabase::fresh()));
        let mut environment = vec![
            ("PRODROME__SERVER__MODE".to_string(), "development".to_string()),
            ("PRODROME__SERVER__BIND".to_string(), "127.0.0.1:0".to_string()),
            ("PRODROME__DATABASE__URL".to_string(), database.url().to_string()),
        ];
        environment.extend(self.environment);
        let settings = Settings::read(None, environment.into_iter()).expect("usable settings");
        let (loading, pace, shipped_model) = (self.loading, self.pace, self.shipped_model);
        let load = move |model: &prodrome::platform::settings::Model| {
            std::thread::sleep(loading);
            if shipped_model {
                return Ok(Arc::new(Model::load(&model.path)?) as Arc<dyn Oracle>);
            }
            Ok(Arc::new(AgeOracle::new(pace)) as Arc<dyn Oracle>)
        };
        let mut running = start_with(settings, load).await.expect("a running server");
        if !self.not_waiting {
            running.ready().await.expect("model and database");
        }
        TestApp { running, database }
    }
}

impl TestApp {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A plain app, ready.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    /// A second connection to the database.
    pub async fn database(&self) -> AnyPool {
        self.database.connect().await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], vec![]).await
    }

    pub async fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        self.post_with(path, &[("content-type", "application/json")], body.into().into_bytes()).await
    }

    /// Posts bytes with the given headers.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.send("POST", path, headers, body).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        send_to(method, &self.url(path), headers, body).await
    }
}

/// Sends a request to any server and reads the whole answer.
pub async fn send_to(method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let method = awc::http::Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = awc::Client::builder().disable_timeout().finish().request(method, url);
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    let mut response = request.send_body(body).await.expect("an answer");
    let body = response.body().limit(64 << 20).await.expect("a whole body").to_vec();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Checks that this is an OperationOutcome with this status and our code.
    #[track_caller]
    pub fn refuses_with(&self, status: u16, code: &str) -> serde_json::Value {
        assert_eq!(self.status, status, "{}", self.text());
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(outcome["issue"][0]["details"]["coding"][0]["code"], code, "{outcome}");
        outcome["issue"][0].clone()
    }
}
