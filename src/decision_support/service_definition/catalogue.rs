//! All services of a folder, checked at start.

use super::Service;
use super::fault;
use super::format_v1::Definition;
use crate::decision_support::protocol::{Discovery, DiscoveryEntry, Edition, LIBRARY, Templates};
use crate::prediction::answer::Oracle;
use crate::prediction::model::Outcome;
use crate::prediction::pairs::KnownPair;
use std::path::Path;
use std::sync::Arc;

/// Why the services cannot be used. Every message names the file, the line where known, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error("services folder `{folder}` cannot be read: {reason}; set `services.path` to an existing folder")]
    Folder { folder: String, reason: String },
    #[error("`{file}` cannot be read: {reason}; each folder of a service holds a `service.toml`")]
    File { file: String, reason: String },
    #[error("`{file}`, line {line}: {what}")]
    Fault { file: String, line: usize, what: String },
    #[error("`{file}`: {what}")]
    Unusable { file: String, what: String },
}

/// The services that this server answers, in order of their ids.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    services: Vec<Arc<Service>>,
}

/// What a model answers, apart from any patient.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub outcomes: &'a [Outcome],
    pub pairs: &'a [KnownPair],
}

impl<'a> Known<'a> {
    pub fn of(oracle: &'a dyn Oracle) -> Self {
        Self { outcomes: oracle.outcomes(), pairs: oracle.pairs() }
    }
}

impl Catalogue {
    /// Reads every `ID/service.toml` of a folder and checks it against what the model answers. Hidden folders
    /// and plain files are left alone.
    pub fn load(folder: &Path, known: Known<'_>) -> Result<Self, DefinitionError> {
        let fail = |reason: String| DefinitionError::Folder { folder: folder.display().to_string(), reason };
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| fail(error.to_string()))? {
            let path = entry.map_err(|error| fail(error.to_string()))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() && !name.starts_with('.') {
                ids.push(name);
            }
        }
        ids.sort();
        let read = |id: String| read_service(folder, &id, known).map(Arc::new);
        Ok(Self { services: ids.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    /// The service of an id.
    pub fn find(&self, id: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| service.id == id)
    }

    /// Every service.
    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// What `GET /cds-services` answers, and `GET /v3/cds-services`: one entry for each service and hook.
    pub fn discovery(&self, edition: Edition) -> Discovery {
        let entries = |service: &Arc<Service>| -> Vec<DiscoveryEntry> {
            service.hooks.iter().map(|hook| entry(service, hook, edition)).collect()
        };
        Discovery { services: self.services.iter().flat_map(entries).collect() }
    }
}

fn entry(service: &Service, hook: &str, edition: Edition) -> DiscoveryEntry {
    let templates = service.prefetch.iter().filter(|key| edition == Edition::Third || key.is_simple());
    let defined = LIBRARY.iter().find(|(known, _)| *known == hook && edition == Edition::Third);
    DiscoveryEntry {
        hook: hook.to_owned(),
        title: service.title.clone(),
        description: service.description.clone(),
        id: service.id.clone(),
        version: edition.version(),
        hook_version: defined.map(|(_, version)| *version),
        usage_requirements: service.usage_requirements.clone(),
        prefetch: Templates(templates.map(|key| (key.key.clone(), key.template.clone())).collect()),
    }
}

fn read_service(folder: &Path, id: &str, known: Known<'_>) -> Result<Service, DefinitionError> {
    let path = folder.join(id).join("service.toml");
    let file = path.display().to_string();
    let unusable = |what: String| DefinitionError::Unusable { file: file.clone(), what };
    if id.is_empty() || id.len() > 100 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)) {
        return Err(unusable("the folder's name is the service's id: letters, digits, `-`, `.`, `_`, `~`".into()));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| DefinitionError::File { file: file.clone(), reason: error.to_string() })?;
    let definition: Definition = toml::from_str(&text).map_err(|error| {
        let (line, what) = fault::describe(&text, &error);
        DefinitionError::Fault { file: file.clone(), line, what }
    })?;
    if definition.format != 1 {
        return Err(unusable(format!("`format` {} is not known; this version reads format 1", definition.format)));
    }
    definition.into_service(id, &text, known).map_err(unusable)
}
