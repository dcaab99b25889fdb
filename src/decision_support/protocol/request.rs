//! A hook call as the EHR sends it (CDS Hooks 2.0, "Calling a CDS Service").
//!
//! Owns which members must be there and what shape they have. Refuses to know what a service does with them.

use super::context::{About, Context, Tolerance, bare_id, read_context};
use super::members::Members;
use crate::trust::AccessToken;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Longest hookInstance: a UUID has 36 characters, some senders put a prefix before it.
const MAX_HOOK_INSTANCE: usize = 128;

/// Deepest nesting of a body. FHIR needs some thirty levels; the JSON reader itself stops at as many.
const DEEPEST: usize = 128;

/// What is wrong with a request or a feedback batch. Holds no part of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the body is not JSON in UTF-8: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("the body is not a JSON object")]
    NotAnObject,
    #[error("the body is nested deeper than {} levels", DEEPEST)]
    TooDeep,
    #[error("`{0}` is missing")]
    Missing(Cow<'static, str>),
    #[error("`{member}` must be {expected}")]
    Wrong { member: Cow<'static, str>, expected: &'static str },
}

impl RequestError {
    pub(crate) fn wrong(member: impl Into<Cow<'static, str>>, expected: &'static str) -> Self {
        Self::Wrong { member: member.into(), expected }
    }

    /// The member to name in `issue.expression`, `context.patientId`.
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::NotJson { .. } | Self::NotAnObject | Self::TooDeep => None,
            Self::Missing(member) | Self::Wrong { member, .. } => Some(member),
        }
    }
}

/// One call. Chart data stays borrowed text until the prefetch is read.
pub struct HookRequest<'a> {
    pub hook: String,
    /// Lower case.
    pub hook_instance: String,
    pub fhir_server: Option<String>,
    pub fhir_authorization: Option<FhirAuthorization>,
    pub context: Context,
    /// What this hook tells besides.
    pub about: About<'a>,
    /// Each key with its value, in the order sent. Empty when `prefetch` is missing or null.
    pub prefetch: Vec<(String, &'a RawValue)>,
    /// Members of the request's `extension`; empty when it is missing or no object.
    pub(crate) extension: Members<'a>,
}

/// Leave to read from the EHR's FHIR server. Checked here, used by `read_back`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FhirAuthorization {
    pub access_token: AccessToken,
    /// Seconds.
    pub expires_in: u64,
    /// Opaque: vendors do not write SMART scopes.
    pub scope: String,
}

/// A body whose hook is known, so that the rest can be read as this hook has it.
pub struct OpenedCall<'a> {
    pub hook: String,
    root: Members<'a>,
}

impl<'a> OpenedCall<'a> {
    /// Looks at a body as far as its hook.
    ///
    /// # Errors
    /// When it is no JSON object or has no hook.
    pub fn open(body: &'a [u8]) -> Result<Self, RequestError> {
        let root = read_object(body)?;
        Ok(Self { hook: root.text("hook", "hook")?, root })
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// The first member that is missing or of the wrong shape.
    pub fn read(self, tolerance: Tolerance) -> Result<HookRequest<'a>, RequestError> {
        let Self { hook, root } = self;
        let hook_instance = hook_instance(&root)?;
        let fhir_server = fhir_server(&root)?;
        let (context, about) = read_context(&root, &hook, tolerance)?;
        let fhir_authorization = FhirAuthorization::read(&root, &fhir_server, &context, tolerance)?;
        let prefetch = root.optional_object("prefetch", "prefetch")?.map(|members| members.0).unwrap_or_default();
        let extension = root.optional_object("extension", "extension").ok().flatten().unwrap_or(Members(Vec::new()));
        Ok(HookRequest { hook, hook_instance, fhir_server, fhir_authorization, context, about, prefetch, extension })
    }
}

/// The members of a body that must be one JSON object.
pub(super) fn read_object(body: &[u8]) -> Result<Members<'_>, RequestError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if is_too_deep(body) {
        return Err(RequestError::TooDeep);
    }
    match serde_json::from_slice(body) {
        Ok(members) => Ok(members),
        Err(error) if error.is_data() => Err(RequestError::NotAnObject),
        Err(error) => Err(RequestError::NotJson { line: error.line(), column: error.column() }),
    }
}

/// Whether more brackets are open at once than a body may nest, also in members that nobody reads.
fn is_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' if depth == DEEPEST => return true,
            b'{' | b'[' => depth += 1,
            // One too many is told by who reads it.
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn hook_instance(root: &Members<'_>) -> Result<String, RequestError> {
    let text = root.text("hookInstance", "hookInstance")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    if text.len() > MAX_HOOK_INSTANCE || !text.bytes().all(allowed) {
        return Err(RequestError::wrong("hookInstance", "a UUID"));
    }
    Ok(text.to_ascii_lowercase())
}

fn fhir_server(root: &Members<'_>) -> Result<Option<String>, RequestError> {
    match root.optional_text("fhirServer", "fhirServer")? {
        Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
            Err(RequestError::wrong("fhirServer", "an absolute http or https URL"))
        }
        other => Ok(other),
    }
}

impl FhirAuthorization {
    fn read(
        root: &Members<'_>,
        fhir_server: &Option<String>,
        context: &Context,
        tolerance: Tolerance,
    ) -> Result<Option<Self>, RequestError> {
        let Some(members) = root.optional_object("fhirAuthorization", "fhirAuthorization")? else { return Ok(None) };
        if fhir_server.is_none() {
            return Err(RequestError::Missing("fhirServer".into()));
        }
        let access_token = AccessToken::of(members.text("access_token", "fhirAuthorization.access_token")?);
        if !members.text("token_type", "fhirAuthorization.token_type")?.eq_ignore_ascii_case("bearer") {
            return Err(RequestError::wrong("fhirAuthorization.token_type", "`Bearer`"));
        }
        let expires_in =
            members.get("expires_in").ok_or(RequestError::Missing("fhirAuthorization.expires_in".into()))?;
        let expires_in = serde_json::from_str(expires_in.get())
            .map_err(|_| RequestError::wrong("fhirAuthorization.expires_in", "a number of seconds"))?;
        let scope = members.text("scope", "fhirAuthorization.scope")?;
        members.text("subject", "fhirAuthorization.subject")?;
        if let Some(patient) = members.optional_text("patient", "fhirAuthorization.patient")?
            && bare_id(&patient, "Patient", "fhirAuthorization.patient", tolerance)? != context.patient_id
        {
            return Err(RequestError::wrong("fhirAuthorization.patient", "the patient of the context"));
        }
        Ok(Some(Self { access_token, expires_in, scope }))
    }
}
