//! `prodrome keys`: our own keys, by which EHRs' authorization servers know us.

use crate::platform::terminal::say;
use crate::trust::{KeyFolder, KeyKind, OwnKey};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Make, list, rotate and retire the keys by which EHRs know this server
///
/// An EHR gives a token to read its FHIR server to whoever shows, by a signature, to be the registered client (SMART
/// Backend Services). These are the keys that sign.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Keys {
    #[command(subcommand)]
    action: Action,
}

const HELP: &str = "\
The first key:
  prodrome keys new --folder keys          makes a key; [keys] folder = \"keys\" in the settings
  and tell the EHR's operators the address  https://cds.example.org/.well-known/jwks.json

Another key, once a year or when one may be known to others. EHRs keep our public keys for up to an hour, so publish
first, then sign:
  prodrome keys new --folder keys          publishes a second key, which does not sign yet
  (an hour later)
  prodrome keys rotate --to KID            lets it sign; the old one stays published
  (an hour later)
  prodrome keys retire OLD-KID             takes the old one out for good

In a hurry: `keys rotate` alone makes a key and signs with it at once; EHRs that kept our public keys may refuse it
until they fetch them again. A running server sees each change within ten seconds.

KID.pem is the private key (PKCS#8, readable by its owner alone), `signing` names the one that signs. Nobody else needs
either; `prodrome keys list` shows no secret. Exit codes: 0 done; 1 not, and why.";

#[derive(Subcommand)]
enum Action {
    /// Make a key and publish it; the first one of a folder also signs
    New {
        #[command(flatten)]
        place: Place,
        /// What it signs with; EHRs know at least one of them
        #[arg(long, value_enum, default_value = "ES384")]
        algorithm: Algorithm,
    },
    /// Show the keys and which one signs
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Let another key sign; the old one stays published
    Rotate {
        #[command(flatten)]
        place: Place,
        /// A key that is published already (default: a new one)
        #[arg(long, value_name = "KID", allow_hyphen_values = true)]
        to: Option<String>,
    },
    /// Take a key that no longer signs out for good
    Retire {
        #[command(flatten)]
        place: Place,
        /// Its name, as `keys list` shows it
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Args)]
struct Place {
    /// The folder of the keys, as in [keys] folder
    #[arg(long, value_name = "DIR", default_value = "keys")]
    folder: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    #[value(name = "ES384")]
    Es384,
    #[value(name = "RS384")]
    Rs384,
}

impl Keys {
    pub fn run(&self) -> anyhow::Result<()> {
        match &self.action {
            Action::New { place, algorithm } => {
                let folder = KeyFolder::new(&place.folder);
                let kind = match algorithm {
                    Algorithm::Es384 => KeyKind::Es384,
                    Algorithm::Rs384 => KeyKind::Rs384,
                };
                let kid = folder.make(kind)?;
                say!("made `{}`", place.folder.join(format!("{kid}.pem")).display());
                show(&folder)
            }
            Action::List { place } => show(&KeyFolder::new(&place.folder)),
            Action::Rotate { place, to } => {
                let folder = KeyFolder::new(&place.folder);
                folder.rotate(to.as_deref())?;
                show(&folder)
            }
            Action::Retire { place, kid } => {
                let folder = KeyFolder::new(&place.folder);
                folder.retire(kid)?;
                show(&folder)
            }
        }
    }
}

/// One line a key: its name, what it signs with, what it is for.
fn show(folder: &KeyFolder) -> anyhow::Result<()> {
    for OwnKey { kid, kind, signs, .. } in folder.keys()? {
        say!("{kid}  {}  {}", kind.as_str(), if signs { "signs" } else { "published" });
    }
    Ok(())
}
