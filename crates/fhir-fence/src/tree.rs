//! JSON as a tree of borrowed slices: duplicate keys and depth refused, numbers kept to the last digit.
//!
//! serde_json judges the grammar (trailing data too); the walk after it only finds the structure, so it
//! takes what is grammatical for granted but never indexes without a check.

use crate::error::{FenceError, Place};
use crate::{MAX_BYTES, MAX_DEPTH};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::HashSet;

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    Object(Vec<Member<'a>>),
    Array(Vec<Node<'a>>),
    /// As it stands in the document, quotes and escapes included.
    Text(&'a str),
    /// As it stands in the document.
    Number(&'a str),
    Bool(bool),
    Null,
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member<'a> {
    /// Without escapes.
    pub key: Cow<'a, str>,
    /// Byte offset of the key.
    pub at: usize,
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    /// A member's value.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        match self {
            Node::Object(members) => members.iter().find(|member| member.key == key).map(|member| &member.value),
            _ => None,
        }
    }

    /// A text without quotes and escapes; `None` for anything else, or where an escape is half a character.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Node::Text(raw) => unquote(raw),
            _ => None,
        }
    }
}

/// Reads one document of at most [`MAX_BYTES`].
pub(crate) fn read(bytes: &[u8]) -> Result<Node<'_>, FenceError> {
    if bytes.len() > MAX_BYTES {
        return Err(FenceError::TooLarge { bytes: bytes.len(), limit: MAX_BYTES });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FenceError::NotText)?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| FenceError::NotJson(Place { line: error.line(), column: error.column() }))?;
    Walk { text, at: 0 }.value(0)
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn value(&mut self, depth: usize) -> Result<Node<'a>, FenceError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Node::Text),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'a>, FenceError> {
        self.open(depth)?;
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut seen = HashSet::new();
        while self.peek() != Some(b'}') {
            let at = self.at;
            let key = unquote(self.string()?).ok_or_else(|| self.broken(at))?;
            if !seen.insert(key.clone()) {
                return Err(FenceError::DuplicateKey(Place::of(self.text.as_bytes(), at)));
            }
            self.step(b':');
            let value = self.value(depth)?;
            members.push(Member { key, at, value });
            self.step(b',');
        }
        self.at += 1;
        Ok(Node::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Node<'a>, FenceError> {
        self.open(depth)?;
        let mut values = Vec::new();
        while self.peek() != Some(b']') {
            values.push(self.value(depth)?);
            self.step(b',');
        }
        self.at += 1;
        Ok(Node::Array(values))
    }

    fn open(&mut self, depth: usize) -> Result<(), FenceError> {
        if depth > MAX_DEPTH {
            let place = Place::of(self.text.as_bytes(), self.at);
            return Err(FenceError::TooDeep { place, limit: MAX_DEPTH });
        }
        self.at += 1;
        Ok(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<&'a str, FenceError> {
        self.peek();
        let start = self.at;
        let rest = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let mut escaped = false;
        for (length, &byte) in rest.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.at = start + length + 2;
                    return self.text.get(start..self.at).ok_or_else(|| self.broken(start));
                }
                _ => {}
            }
        }
        Err(self.broken(start))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Node<'a>, FenceError> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        let word = rest.get(..length).filter(|word| !word.is_empty()).ok_or_else(|| self.broken(start))?;
        self.at += length;
        Ok(match word {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            "null" => Node::Null,
            number => Node::Number(number),
        })
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self, separator: u8) {
        if self.peek() == Some(separator) {
            self.at += 1;
        }
    }

    fn broken(&self, at: usize) -> FenceError {
        FenceError::NotJson(Place::of(self.text.as_bytes(), at))
    }
}

fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    if raw.contains('\\') {
        return serde_json::from_str::<String>(raw).ok().map(Cow::Owned);
    }
    raw.get(1..raw.len().checked_sub(1)?).map(Cow::Borrowed)
}

/// How many values a tree holds.
pub(crate) fn count(node: &Node<'_>) -> usize {
    match node {
        Node::Object(members) => 1 + members.iter().map(|member| count(&member.value)).sum::<usize>(),
        Node::Array(values) => 1 + values.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Writes a tree without white space, `resourceType` first in every object that has one.
pub(crate) fn write(node: &Node<'_>) -> Vec<u8> {
    let mut out = String::new();
    append(node, &mut out);
    out.into_bytes()
}

fn append(node: &Node<'_>, out: &mut String) {
    match node {
        Node::Object(members) => {
            let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|member| member.key == "resourceType");
            out.push('{');
            for (position, member) in first.into_iter().chain(rest).enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::Value::from(&*member.key).to_string());
                out.push(':');
                append(&member.value, out);
            }
            out.push('}');
        }
        Node::Array(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                append(value, out);
            }
            out.push(']');
        }
        Node::Text(raw) | Node::Number(raw) => out.push_str(raw),
        Node::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Node::Null => out.push_str("null"),
    }
}
