//! [`TestDatabase`]: a fresh database for one test, gone with it. A SQLite file in a folder of its own or, when
//! PRODROME_TEST_DATABASE names a PostgreSQL server (`postgres://user:password@host:5432/`) whose user may create
//! databases, one of its own there. The only place where a test gets a database from.

use sqlx::migrate::MigrateDatabase as _;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

/// The environment variable that names the server.
const SERVER: &str = "PRODROME_TEST_DATABASE";

pub struct TestDatabase {
    url: String,
    /// Where the file of SQLite lies; `None`: on the server.
    folder: Option<TempDir>,
}

impl TestDatabase {
    /// An empty one, on the engine that this run is about.
    pub fn fresh() -> Self {
        match std::env::var(SERVER) {
            Ok(server) => Self::on_server(&server),
            Err(_) => Self::in_file(),
        }
    }

    fn in_file() -> Self {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().expect("a folder");
        Self { url: format!("sqlite:{}", folder.path().join("test.sqlite").display()), folder: Some(folder) }
    }

    fn on_server(server: &str) -> Self {
        sqlx::any::install_default_drivers();
        let mut url = url::Url::parse(server).unwrap_or_else(|error| panic!("{SERVER}: {error}"));
        url.set_path(&format!("prodrome_test_{}", Uuid::new_v4().simple()));
        let url = url.to_string();
        let made = apart(Any::create_database(&url));
        made.unwrap_or_else(|error| panic!("{SERVER} names no server that makes databases: {error}"));
        Self { url, folder: None }
    }

    /// What stands in `[database] url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections as another process would have them. The database exists once something opened it.
    pub async fn connect(&self) -> AnyPool {
        AnyPool::connect(&self.url).await.expect("a connection")
    }

    /// All that was written: the bytes of every file, or every row of every table.
    pub async fn everything(&self) -> String {
        match &self.folder {
            Some(folder) => bytes_of(folder.path()),
            None => rows_of(&self.connect().await).await,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.folder.is_none()
            && let Err(error) = apart(Any::force_drop_database(&self.url))
        {
            eprintln!("a test's database was not dropped: {error}");
        }
    }
}

/// Runs a future to its end on a thread of its own, so that tests of any runtime, and of none, may wait for it.
fn apart<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future);
    std::thread::scope(|scope| scope.spawn(run).join().expect("it ends"))
}

fn bytes_of(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).expect("files").map(|file| file.expect("a file").path());
    files.map(|file| String::from_utf8_lossy(&std::fs::read(file).expect("readable")).into_owned()).collect()
}

async fn rows_of(pool: &AnyPool) -> String {
    let tables = "select table_name::text as name from information_schema.tables where table_schema = 'public'";
    let tables = sqlx::query(tables).fetch_all(pool).await.expect("tables");
    let mut written = String::new();
    for table in tables.iter().map(|row| row.get::<String, _>("name")) {
        let rows = format!("select t::text as line from \"{table}\" t");
        for row in sqlx::query(AssertSqlSafe(rows)).fetch_all(pool).await.expect("rows") {
            written.push_str(&row.get::<String, _>("line"));
            written.push('\n');
        }
    }
    written
}
