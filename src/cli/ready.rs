//! `prodrome ready`: asks a running server whether it serves calls. Containers and scripts call it, so that they need
//! no other program. Says yes or no and why, and changes nothing.

use crate::platform::terminal::say;
use anyhow::{anyhow, ensure};
use std::time::Duration;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Ask a running server whether it serves calls
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Ready {
    /// The server's address
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

const HELP: &str = "\
Asks URL/readyz. Exit codes: 0 model and database are loaded and calls are served; 1 not, or no answer within 4 s.";

impl Ready {
    /// Runs the command.
    ///
    /// # Errors
    /// When the server does not answer, or is not ready.
    pub fn run(self) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.url.trim_end_matches('/'));
        let asked = actix_web::rt::System::new().block_on(async {
            let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
            client.get(&url).send().await.map(|answer| answer.status()).map_err(|error| error.to_string())
        });
        let status =
            asked.map_err(|reason| anyhow!("{url} does not answer: {reason}; is the server running there?"))?;
        ensure!(status.as_u16() == 200, "{url} answers {status}: the server is not ready");
        say!("ready");
        Ok(())
    }
}
