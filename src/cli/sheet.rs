//! `prodrome sheet`: what an EHR's analysts type in by hand, from the service definitions and the settings.
//!
//! Epic never fetches the discovery document. The page holds each value as it is to be pasted; it promises nothing of
//! the EHR's own screens, whose fields are called differently from version to version.

use crate::decision_support::service_definition::{Catalogue, Known, Mode, Service};
use crate::platform::settings::{CdsClient, KeySource, Quirks, Settings};
use crate::platform::terminal::say;
use crate::prediction::model::Model;
use crate::web::smart::launch_url;
use anyhow::{Context, bail};
use std::fmt::Write;
use std::path::PathBuf;

/// Print what analysts of an EHR without discovery type in by hand
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Sheet {
    /// The server's settings, as for `prodrome serve`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const HELP: &str = "\
Prints Markdown: for every service its address, hook, prefetch keys with their queries, topic codes, override reasons and
the address of feedback, and the values of the token that the EHR signs, for each [[cds_client]] with quirks = \"epic\".
All of it comes from the same settings and definitions that `prodrome serve` uses; server.public_url must be set.
docs/reference/epic-sheet.md is the sheet of the shipped services.

Exit codes: 0 printed; 1 a setting, model package or definition cannot be used.";

/// The hooks that Epic can fire.
const HOOKS: [&str; 3] = ["patient-view", "order-select", "order-sign"];

impl Sheet {
    /// Runs the command.
    ///
    /// # Errors
    /// Settings, model package or service definitions that cannot be used.
    pub fn run(self) -> anyhow::Result<()> {
        say!("{}", sheet(&Settings::load(self.config.as_deref())?)?);
        Ok(())
    }
}

/// The sheet of these settings.
///
/// # Errors
/// No `public_url`; a model package or definitions that cannot be used.
pub fn sheet(settings: &Settings) -> anyhow::Result<String> {
    let Some(public_url) = &settings.server.public_url else {
        bail!("`server.public_url` is not set: write the address at which the EHR calls this server");
    };
    let model = Model::load(&settings.model.path).context("the model package tells which outcomes there are")?;
    let catalogue = Catalogue::load(&settings.services, Known::of(&model))?;
    let clients: Vec<_> = settings.cds_clients.iter().filter(|client| client.quirks == Quirks::Epic).collect();
    let app = app_of(settings, &clients);
    Ok(markdown(catalogue.services().iter().map(AsRef::as_ref), public_url, &clients, app.as_deref())?)
}

/// Where cards of these clients lead to our SMART app; `None` where it is registered at none of their FHIR servers.
fn app_of(settings: &Settings, clients: &[&CdsClient]) -> Option<String> {
    let bare = |address: &str| address.trim_end_matches('/').to_owned();
    let theirs: Vec<String> = clients.iter().flat_map(|client| &client.fhir_servers).map(|one| bare(one)).collect();
    let registered = settings.ehrs.iter().any(|ehr| theirs.contains(&bare(&ehr.fhir_server)));
    launch_url(settings).filter(|_| registered)
}

fn markdown<'a>(
    services: impl Iterator<Item = &'a Service>,
    public_url: &str,
    clients: &[&CdsClient],
    app: Option<&str>,
) -> Result<String, std::fmt::Error> {
    let mut page = String::from(OPENING);
    match app {
        Some(launch) => writeln!(
            page,
            "- **Allow-listed links**: `{launch}`, the SMART app behind a card, has to be allowed; otherwise Epic leaves it out \
             without a word. No card has any other link."
        )?,
        None => page.push_str(
            "- **Allow-listed links**: none. No card has a SMART link or any other link that Epic would have to allow.\n",
        ),
    }
    let (mut callable, mut other) = (String::new(), Vec::new());
    for service in services {
        let hooks: Vec<&str> = HOOKS.into_iter().filter(|hook| service.hooks.iter().any(|own| own == hook)).collect();
        match hooks.is_empty() {
            true => other.push(service),
            false => section(&mut callable, service, &hooks, public_url)?,
        }
    }
    for client in clients {
        token(&mut page, client)?;
    }
    if clients.is_empty() {
        page.push_str(NO_CLIENT);
    }
    page.push_str(&callable);
    if !other.is_empty() {
        page.push_str("\n## Not callable from Epic\n\nEpic fires patient-view, order-select and order-sign only.\n\n");
        for service in other {
            writeln!(page, "- `{}` is for {}.", service.id, service.hooks.join(", "))?;
        }
    }
    Ok(page)
}

const OPENING: &str = "\
# What to type into Epic

Epic does not fetch the discovery document: what stands there is typed into the record of each service by hand. Made by
`prodrome sheet` from the settings and the service definitions; do not edit.

- **Keys may have other names** (`-user`, `problems`): values are recognised by their resource type. Queries must stay.
- **Tokens** in `{{ }}` are filled by Epic. The queries below need `{{context.patientId}}` alone, where no line says
  otherwise; in queries of your own `{{userPractitionerId}}` and `{{userPractitionerRoleId}}` work too.
- **FHIR release**: the app's default must be R4. Calls in another release get no cards.
- **Read-back**: what is not prefetched is read with the call's access token, if the FHIR server's base address stands in
  `fhir_servers` of the client.
";

const NO_CLIENT: &str = "
## The token

No `[[cds_client]]` has `quirks = \"epic\"`: add one (docs/guides/trust.md) and print this page again.
";

/// What of the token is typed by hand, and what must be as it stands in the settings.
fn token(page: &mut String, client: &CdsClient) -> std::fmt::Result {
    writeln!(page, "\n## The token of `{}`\n", client.name)?;
    writeln!(page, "- `iss`: `{}`", client.issuer)?;
    match client.audiences.as_slice() {
        [] => writeln!(page, "- `aud`: the service's address, below; for feedback the address of feedback")?,
        typed => writeln!(
            page,
            "- `aud`: `{}`, for calls and feedback of every service; or the address that is called, below",
            typed.join("` or `")
        )?,
    }
    writeln!(page, "- `sub`: anything; it is not read")?;
    writeln!(page, "- Algorithm: {}", client.algorithms.join(" or "))?;
    match &client.keys {
        KeySource::Url(url) => writeln!(page, "- `jku`: `{url}`, to the letter, or none; `kid`: as Epic writes it")?,
        KeySource::File(_) => writeln!(page, "- `jku`: none; `kid`: as in the key file that was handed over")?,
    }
    if !client.tenants.is_empty() {
        writeln!(page, "- `tenant`: `{}`", client.tenants.join("` or `"))?;
    }
    writeln!(page, "- Life: at most 3,600 s from `iat` to `exp`")?;
    match client.allow_jti_reuse {
        true => writeln!(page, "- `jti`: may come again until `exp`"),
        false => writeln!(page, "- `jti`: a new one each time"),
    }
}

fn section(page: &mut String, service: &Service, hooks: &[&str], public_url: &str) -> std::fmt::Result {
    let url = format!("{public_url}/cds-services/{}", service.id);
    writeln!(page, "\n## {}\n\n{}\n", service.id, service.description)?;
    writeln!(page, "- Address and audience: `{url}`")?;
    writeln!(page, "- Address and audience of feedback: `{url}/feedback`")?;
    writeln!(page, "- Hook: `{}`{}", hooks.join("` or `"), if hooks.len() > 1 { ", one record each" } else { "" })?;
    if hooks.contains(&"patient-view") {
        writeln!(page, "- Other native triggers that Epic sends as patient-view get the same answer.")?;
    }
    if hooks.iter().any(|hook| hook.starts_with("order-")) {
        writeln!(
            page,
            "- Scopes for unsigned orders are needed: without them, or where the address differs from the one \
             registered, `draftOrders` does not come, no card is shown, and the operator sees it as `orders-withheld`. \
             A drug may stand in the order, in a Medication within it or beside it in `draftOrders`."
        )?;
    }
    if service.mode == Mode::Silent {
        writeln!(page, "- Silent: computed and kept in the audit, no cards. Agree with the site how long.")?;
    }
    writeln!(page, "\n### Prefetch\n")?;
    for key in service.prefetch.iter().filter(|key| key.is_simple()) {
        let required = if key.required { " (required)" } else { "" };
        let more = match key.template.replace("{{context.patientId}}", "").contains("{{") {
            true => "; left out where Epic has no value for its other tokens, as outside an encounter",
            false => "",
        };
        writeln!(page, "- `{}`{required}: `{}`{more}", key.key, key.template)?;
    }
    topics(page, service)?;
    if !service.override_reasons.is_empty() {
        writeln!(page, "\n### Override reasons\n\nTo be mapped to the site's own.\n")?;
        for reason in &service.override_reasons {
            let display = reason.display.as_deref().unwrap_or_default();
            writeln!(page, "- `{}` of `{}`: {display}", reason.code, reason.system)?;
        }
    }
    Ok(())
}

/// `source.topic.code` of every card that there may be.
fn topics(page: &mut String, service: &Service) -> std::fmt::Result {
    writeln!(page, "\n### Topics\n\nEpic remembers overrides by these codes; they never change.\n")?;
    for shown in &service.outcomes {
        writeln!(page, "- `{}`: {} within {} days", shown.topic.code, shown.wording, shown.horizon_days)?;
    }
    for shown in &service.pairs {
        writeln!(page, "- `{}`: patients {}, and {}", shown.topic.code, shown.group, shown.wording)?;
    }
    Ok(())
}
