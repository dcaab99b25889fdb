//! A prefetch template and the query that it becomes. The template is taken apart before any value is put in, so that no
//! value can add a parameter, leave its place in the path, or end a list.

use super::super::search::{Query, is_id};
use super::path::{Expression, Unfilled};
use super::scope::Scope;

/// Letters that stand for tokens while a template is taken apart: Unicode's private use area.
const PLACES: std::ops::RangeInclusive<char> = '\u{e000}'..='\u{f8ff}';

/// The query of a template; `None`: a token stands for nothing, so there is nothing to ask.
pub fn fill(template: &str, scope: &Scope) -> Result<Option<Query>, Unfilled> {
    let (text, tokens) = taken_apart(template.trim())?;
    let mut values = Vec::new();
    for token in &tokens {
        let found = Expression::parse(token)?.values(scope)?;
        if found.is_empty() {
            return Ok(None);
        }
        values.push(found);
    }
    if let ([only], [found]) = (&*tokens, &*values)
        && text.chars().all(|letter| PLACES.contains(&letter))
    {
        let [reference] = &**found else { return Err(Unfilled::NotAnId(only.clone())) };
        let reference = reference.strip_prefix(scope.server).map_or(&**reference, |rest| rest.trim_start_matches('/'));
        return Query::read(reference).filter(|query| query.id.is_some()).map(Some).ok_or(Unfilled::NotAQuery);
    }
    let put_in = |text: &str| {
        let values = |letter: char| match PLACES.contains(&letter) {
            true => values[letter as usize - *PLACES.start() as usize].iter().map(|value| escaped(value)).collect(),
            false => vec![letter.to_string()],
        };
        text.chars().map(|letter| values(letter).join(",")).collect::<String>()
    };
    let (path, parameters) = text.split_once('?').map_or((&*text, None), |(path, rest)| (path, Some(rest)));
    let path = put_in(path);
    let (resource_type, id) = path.split_once('/').map_or((&*path, None), |(kind, id)| (kind, Some(id)));
    let named = !resource_type.is_empty() && resource_type.chars().all(|letter| letter.is_ascii_alphabetic());
    if !named || id.is_some() == parameters.is_some() {
        return Err(Unfilled::NotAQuery);
    }
    if id.is_some_and(|id| !is_id(id)) {
        return Err(Unfilled::NotAnId(tokens.first().cloned().unwrap_or_default()));
    }
    let pairs = parameters.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), put_in(value))));
    let parameters = pairs.collect::<Option<Vec<_>>>().ok_or(Unfilled::NotAQuery)?;
    Ok(Some(Query { resource_type: resource_type.to_owned(), id: id.map(str::to_owned), parameters }))
}

/// The text with a letter of [`PLACES`] for each token, and the tokens.
fn taken_apart(template: &str) -> Result<(String, Vec<String>), Unfilled> {
    let (mut text, mut tokens, mut rest) = (String::new(), Vec::new(), template);
    if template.chars().any(|letter| PLACES.contains(&letter)) {
        return Err(Unfilled::NotAQuery);
    }
    while let Some((before, after)) = rest.split_once("{{") {
        let (token, after) = after.split_once("}}").ok_or(Unfilled::NotAQuery)?;
        text.push_str(before);
        let place = u32::try_from(tokens.len()).ok().and_then(|place| char::from_u32(*PLACES.start() as u32 + place));
        text.push(place.filter(|place| PLACES.contains(place)).ok_or(Unfilled::NotAQuery)?);
        tokens.push(token.trim().to_owned());
        rest = after;
    }
    text.push_str(rest);
    Ok((text, tokens))
}

/// A value as one of a list (FHIR R4, "Escaping Search Parameters").
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for letter in value.chars() {
        if matches!(letter, ',' | '$' | '|' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
