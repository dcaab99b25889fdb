//! Default file, settings file and environment laid over one another, key by key.
//!
//! The default file is the list of keys that exist: anything else is refused with the nearest one.
//! Knows nothing of what a value means.

use super::SettingsError;
use super::measure;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use toml::{Table, Value};

/// The commented default file.
const DEFAULT: &str = include_str!("../../../config/default.toml");
const ENVIRONMENT: &str = "PRODROME__";

/// Where a value came from, for messages.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Default,
    File(String),
    Environment(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "file `{path}`"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// The winning value of every key: `server.bind` and its value.
pub(super) struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
}

impl Layers {
    pub(super) fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut layers = Self { values: BTreeMap::new() };
        let defaults: Table = toml::from_str(DEFAULT)
            .map_err(|error| SettingsError::Toml { path: "config/default.toml".into(), reason: error.to_string() })?;
        layers.plant("", defaults);
        if let Some(path) = file {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|error| SettingsError::File { path: name.clone(), reason: error.to_string() })?;
            let table: Table = toml::from_str(&text)
                .map_err(|error| SettingsError::Toml { path: name.clone(), reason: error.to_string() })?;
            layers.overlay("", table, &Origin::File(name))?;
        }
        for (name, text) in environment {
            layers.overlay_variable(&name, text)?;
        }
        Ok(layers)
    }

    fn plant(&mut self, prefix: &str, table: Table) {
        for (key, value) in table {
            let path = join(prefix, &key);
            match value {
                Value::Table(inner) => self.plant(&path, inner),
                leaf => drop(self.values.insert(path, (leaf, Origin::Default))),
            }
        }
    }

    fn overlay(&mut self, prefix: &str, table: Table, origin: &Origin) -> Result<(), SettingsError> {
        for (key, value) in table {
            let path = join(prefix, &key);
            if let Some(slot) = self.values.get_mut(&path) {
                *slot = (value, origin.clone());
            } else if !self.is_section(&path) {
                return Err(self.unknown(&path, origin));
            } else if let Value::Table(inner) = value {
                self.overlay(&path, inner, origin)?;
            } else {
                let remedy = format!("write it as a section: [{path}]");
                return Err(SettingsError::unusable(&path, &value, origin, "it is a section, not a value", &remedy));
            }
        }
        Ok(())
    }

    fn overlay_variable(&mut self, name: &str, text: String) -> Result<(), SettingsError> {
        let Some(rest) = name.strip_prefix(ENVIRONMENT) else { return Ok(()) };
        let path = rest.to_ascii_lowercase().replace("__", ".");
        let origin = Origin::Environment(name.to_string());
        let Some((value, from)) = self.values.get_mut(&path) else { return Err(self.unknown(&path, &origin)) };
        *value = typed_like(value, text);
        *from = origin;
        Ok(())
    }

    fn is_section(&self, path: &str) -> bool {
        let start = format!("{path}.");
        self.values.keys().any(|known| known.starts_with(&start))
    }

    fn unknown(&self, path: &str, origin: &Origin) -> SettingsError {
        let sections = self.values.keys().filter_map(|known| known.rsplit_once('.').map(|(section, _)| section));
        let nearest = nearest(path, self.values.keys().map(String::as_str).chain(sections));
        let spell = |key: &str| match origin {
            Origin::Environment(_) => format!("{ENVIRONMENT}{}", key.to_ascii_uppercase().replace('.', "__")),
            _ => key.to_string(),
        };
        SettingsError::UnknownKey { key: spell(path), origin: origin.to_string(), nearest: spell(nearest) }
    }

    fn value(&self, key: &str) -> (&Value, &Origin) {
        static MISSING: Value = Value::Boolean(false);
        debug_assert!(self.values.contains_key(key), "`{key}` is not in config/default.toml");
        self.values.get(key).map_or((&MISSING, &Origin::Default), |(value, origin)| (value, origin))
    }

    /// An error about the value that `key` has now.
    pub(super) fn unusable(&self, key: &str, reason: &str, remedy: &str) -> SettingsError {
        let (value, origin) = self.value(key);
        SettingsError::unusable(key, value, origin, reason, remedy)
    }

    pub(super) fn text(&self, key: &str) -> Result<String, SettingsError> {
        match self.value(key).0 {
            Value::String(text) => Ok(text.trim().to_string()),
            _ => Err(self.unusable(key, "it is not a text", "write it in quotes")),
        }
    }

    /// `None` for an empty text.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        Ok(Some(self.text(key)?).filter(|text| !text.is_empty()))
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, SettingsError> {
        match self.value(key).0 {
            Value::Boolean(flag) => Ok(*flag),
            _ => Err(self.unusable(key, "it is neither true nor false", "write true or false, without quotes")),
        }
    }

    pub(super) fn count(&self, key: &str, least: usize) -> Result<usize, SettingsError> {
        let number = match self.value(key).0 {
            Value::Integer(number) => usize::try_from(*number).ok().filter(|&number| number >= least),
            _ => None,
        };
        let remedy = format!("write a whole number of at least {least}, without quotes");
        number.ok_or_else(|| self.unusable(key, "it is not a whole number in range", &remedy))
    }

    pub(super) fn size(&self, key: &str) -> Result<usize, SettingsError> {
        measure::size(&self.text(key)?).map_err(|reason| self.unusable(key, &reason, measure::SIZE_REMEDY))
    }

    pub(super) fn duration(&self, key: &str) -> Result<Duration, SettingsError> {
        measure::duration(&self.text(key)?).map_err(|reason| self.unusable(key, &reason, measure::DURATION_REMEDY))
    }

    /// One of the named choices.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T, SettingsError> {
        let text = self.text(key)?;
        choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.unusable(key, "it is none of the choices", &format!("write {}", names.join(" or ")))
        })
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, SettingsError> {
        let wrong = || self.unusable(key, "it is not a list of texts", "write [\"first\", \"second\"]");
        let Value::Array(items) = self.value(key).0 else { return Err(wrong()) };
        items.iter().map(|item| item.as_str().map(str::to_string).ok_or_else(wrong)).collect()
    }

    /// The tables of an array of tables, such as `[[cds_client]]`.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<Table>, SettingsError> {
        let wrong = || self.unusable(key, "it is not a list of tables", &format!("write it as [[{key}]] tables"));
        let Value::Array(items) = self.value(key).0 else { return Err(wrong()) };
        items.iter().map(|item| item.as_table().cloned().ok_or_else(wrong)).collect()
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") }
}

/// An environment variable's text in the type of the default it replaces; left a text where it does not fit,
/// so that reading it says what is wrong.
fn typed_like(default: &Value, text: String) -> Value {
    match default {
        Value::Boolean(_) => text.parse().map(Value::Boolean).unwrap_or(Value::String(text)),
        Value::Integer(_) => text.parse().map(Value::Integer).unwrap_or(Value::String(text)),
        Value::Array(_) if text.trim_start().starts_with('[') => {
            let table: Result<Table, _> = toml::from_str(&format!("list = {text}"));
            table.ok().and_then(|mut table| table.remove("list")).unwrap_or(Value::String(text))
        }
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_string())).collect())
        }
        _ => Value::String(text),
    }
}

/// Refuses a key of one `[[section]]` table that is none of its keys.
///
/// # Errors
/// Names the key and the known one most like it.
pub(super) fn only_known(table: &Table, section: &str, keys: &[&'static str]) -> Result<(), SettingsError> {
    match table.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(SettingsError::UnknownKey {
            key: format!("{section}.{key}"),
            origin: format!("[[{section}]]"),
            nearest: format!("{section}.{}", nearest(key, keys.iter().copied())),
        }),
    }
}

/// The known key most like `path`, as a whole or by its last part.
pub(super) fn nearest<'a>(path: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_string();
    let likeness = |key: &str| {
        let whole = strsim::normalized_damerau_levenshtein(path, key);
        whole.max(0.9 * strsim::normalized_damerau_levenshtein(&last(path), &last(key)))
    };
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}
