//! The one table of errors: status, code, FHIR issue type, and for people when it happens and what helps.
//!
//! `problem` says which row an error has; [`markdown`] is the page `docs/reference/errors.md`. Holds nothing of any
//! request.

use actix_web::http::StatusCode;
use std::fmt::Write;

/// One row.
#[derive(Debug)]
pub struct Row {
    pub status: StatusCode,
    /// Stable, for machines and metrics.
    pub code: &'static str,
    /// FHIR issue type.
    pub issue: &'static str,
    /// What happened.
    pub when: &'static str,
    /// What the caller or the operator can do.
    remedy: &'static str,
}

/// Every row is a constant and, by that alone, stands in the table.
macro_rules! table {
    ($($name:ident: $status:ident, $code:literal, $issue:literal, $when:literal, $remedy:literal;)*) => {
        $(pub const $name: Row =
            Row { status: StatusCode::$status, code: $code, issue: $issue, when: $when, remedy: $remedy };)*

        /// Every row, in order of the status.
        pub const TABLE: &[Row] = &[$($name),*];
    };
}

table! {
    BROKEN_BODY: BAD_REQUEST, "broken-body", "structure",
        "The body ended early, or is not packed as `Content-Encoding` says.",
        "Send it whole; pack it once.";
    INVALID_REQUEST: BAD_REQUEST, "invalid-request", "structure",
        "The body is no JSON object in UTF-8, or is nested deeper than 128 levels.",
        "Send what the specification shows; the text names line and column.";
    MISSING_MEMBER: BAD_REQUEST, "invalid-request", "required",
        "A member is missing.",
        "Add the member that `expression` names.";
    WRONG_MEMBER: BAD_REQUEST, "invalid-request", "value",
        "A member has another shape, or a patient that is not the context's.",
        "Change the member that `expression` names to what the text asks for.";
    HOOK_NOT_SERVED: BAD_REQUEST, "hook-not-served", "value",
        "The service exists and is not for this hook.",
        "Call it at the hooks that `GET /cds-services` lists for its id.";
    PREFETCH_NOT_FHIR: BAD_REQUEST, "prefetch-not-fhir", "structure",
        "A prefetch value is neither null nor a FHIR resource.",
        "Send a resource, a Bundle or null under the key that `expression` names.";
    WRONG_PARAMETER: BAD_REQUEST, "wrong-parameter", "value",
        "`/fhir`: the body is no Parameters resource, or a parameter is not what the operation knows.",
        "Change the parameter that `expression` names; `GET /fhir/metadata` leads to the definitions.";
    CHART_NOT_FHIR: BAD_REQUEST, "chart-not-fhir", "structure",
        "`/fhir`: the chart is no FHIR Bundle that can be read.",
        "Send a Bundle of resources in JSON.";
    WHICH_PATIENT: BAD_REQUEST, "which-patient", "value",
        "`/fhir`: the chart holds no Patient, several, or not the one that `patient` names.",
        "Send one patient's chart with its Patient, or name the patient.";
    NOT_A_BATCH: BAD_REQUEST, "not-a-batch", "structure",
        "`POST /fhir`: the body is no Bundle of type `batch`.",
        "Send one; a transaction is not served.";
    ENTRY_NOT_SERVED: BAD_REQUEST, "entry-not-served", "not-supported",
        "`POST /fhir`: an entry is no POST to an operation, with its Parameters as resource.",
        "Give each entry `request.method` POST and `request.url` `$assess-risk` or `$embed`.";
    UNAUTHORIZED: UNAUTHORIZED, "unauthorized", "login",
        "The call's token cannot be accepted, or there is none. The answer has no body and never says why.",
        "The server's log has the cause, without the token (`docs/guides/trust.md`).";
    INVALID_TOKEN: UNAUTHORIZED, "invalid-token", "login",
        "`/fhir`: there is no access token, or it cannot be accepted. The answer never says why.",
        "The server's log has the cause, without the token (`docs/guides/api.md`).";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient-scope", "forbidden",
        "`/fhir`: no scope of the access token lets this be read, or a `patient/` scope comes without a patient.",
        "Ask for one of the scopes that `WWW-Authenticate` names.";
    OTHER_PATIENT: FORBIDDEN, "other-patient", "forbidden",
        "`/fhir`: the access token is for another patient than the one asked about.",
        "Ask about the token's patient, or with a token of `user/` or `system/` scopes.";
    PATIENT_FORBIDDEN: FORBIDDEN, "patient-forbidden", "forbidden",
        "`/fhir`: the FHIR server did not let the access token read the patient.",
        "Ask for scopes that let read the patient and the chart.";
    PATIENT_NOT_THERE: NOT_FOUND, "patient-not-there", "not-found",
        "`/fhir`: the FHIR server has no such patient.",
        "Compare the id with the FHIR server's.";
    UNKNOWN_ROUTE: NOT_FOUND, "unknown-route", "not-found",
        "There is nothing at this address.",
        "Compare it with the list of `prodrome serve --help`.";
    UNKNOWN_SERVICE: NOT_FOUND, "unknown-service", "not-found",
        "There is no service with this id.",
        "`GET /cds-services` lists them.";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed", "not-supported",
        "The address exists and is not for this method.",
        "Use a method that the header `Allow` names.";
    SLOW_BODY: REQUEST_TIMEOUT, "slow-body", "timeout",
        "The body did not arrive within `[server] body_patience`. The connection is closed.",
        "Send it faster, or give slow networks more time.";
    DATA_MISSING: PRECONDITION_FAILED, "data-missing", "required",
        "A prefetch key that the service needs did not come and could not be read back.",
        "Send the keys that `expression` names, or a FHIR server and leave to read from it.";
    TOO_LARGE: PAYLOAD_TOO_LARGE, "too-large", "too-long",
        "The body is larger than `[server] max_body`, packed or unpacked, or a feedback batch has more than 1,000 \
         entries. The connection is closed.",
        "Send less, or raise the limit.";
    TOO_MANY_ENTRIES: PAYLOAD_TOO_LARGE, "too-many-entries", "too-long",
        "`POST /fhir`: the batch has more than 32 entries.",
        "Send several batches.";
    MEDIA_TYPE: UNSUPPORTED_MEDIA_TYPE, "media-type", "not-supported",
        "The body is announced as something else than JSON in UTF-8.",
        "Send `Content-Type: application/json`.";
    CONTENT_ENCODING: UNSUPPORTED_MEDIA_TYPE, "content-encoding", "not-supported",
        "The body is packed in a way that is not read here, or more than once.",
        "Use an encoding that the header `Accept-Encoding` names.";
    PANIC: INTERNAL_SERVER_ERROR, "panic", "exception",
        "A fault in this server.",
        "Report it with the answer's `X-Request-Id` and the server's log (`SECURITY.md`).";
    MODEL_FAILED: INTERNAL_SERVER_ERROR, "model-failed", "exception",
        "The model could not compute an answer.",
        "Look into the server's log; report it.";
    NO_STATE: NOT_IMPLEMENTED, "no-state", "not-supported",
        "`$embed`: no reader of this server's model has a state.",
        "Serve a package with a reader of days or of facts.";
    FHIR_SERVER_AWAY: BAD_GATEWAY, "fhir-server-away", "transient",
        "`/fhir`: the FHIR server did not give the patient in time, or not as FHIR.",
        "Call again; look after the FHIR server.";
    TOKEN_UNDECIDED: SERVICE_UNAVAILABLE, "token-undecided", "transient",
        "`/fhir`: the authorization server, or its keys, could not be asked about the access token.",
        "Call again after `Retry-After`; the log says what failed.";
    NOT_READY: SERVICE_UNAVAILABLE, "not-ready", "transient",
        "Model or database still load.",
        "Wait for `GET /readyz`.";
    DATABASE_AWAY: SERVICE_UNAVAILABLE, "database-away", "transient",
        "The database does not answer.",
        "Look after the database; calls are answered again once it does.";
    TOKEN_NOT_RECORDED: SERVICE_UNAVAILABLE, "token-not-recorded", "transient",
        "The token is good and its use could not be remembered.",
        "Look after the database; call again with a new token.";
    NOT_RECORDED: SERVICE_UNAVAILABLE, "not-recorded", "transient",
        "The audit row or the feedback could not be written, so nothing was answered.",
        "Look after the database; send it again.";
    BUSY: SERVICE_UNAVAILABLE, "busy", "throttled",
        "More calls wait than `[engine] queue_length` permits.",
        "Call again after `Retry-After`; give the server more threads.";
    TOO_LATE: SERVICE_UNAVAILABLE, "too-late", "timeout",
        "The answer was not ready within `[engine] deadline`.",
        "Call again; give the server more threads or more time.";
    STOPPING: SERVICE_UNAVAILABLE, "stopping", "transient",
        "The server is being stopped.",
        "Call another replica, or again once it has started.";
}

const HEAD: &str = "\
# Errors

Every refusal but the 401 of a hook call carries a FHIR OperationOutcome. Its `details.coding` (system `urn:prodrome:problem`) holds the code below,
which stays the same between versions; `code` is the FHIR issue type; `expression` names the member of the request to change; the
text says what to change and repeats nothing of the request. A 503 carries `Retry-After`. Each refusal is one line `call refused`
in the log, with the code and, where there is one, the cause.

| status | code | issue type | when | remedy |
|---|---|---|---|---|
";

const FOOT: &str = "
Bytes that are no HTTP are answered before there is a request, with an empty 400 or 431 on a connection that is then closed: a broken head,
`Content-Length` together with `Transfer-Encoding`, a head beyond 128 KiB. A head that does not
arrive within `[server] head_patience` gets an empty 408.

This page is made from `src/web/error_table.rs`: change it there, then run `WRITE_DOCS=1 cargo test --test it errors_reference`.
";

/// The page `docs/reference/errors.md`.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for Row { status, code, issue, when, remedy } in TABLE {
        let status = status.as_u16();
        let _infallible = writeln!(page, "| {status} | `{code}` | `{issue}` | {when} | {remedy} |");
    }
    page + FOOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_no_row_stands_twice() {
        assert!(TABLE.is_sorted_by_key(|row| row.status.as_u16()));
        for (at, row) in TABLE.iter().enumerate() {
            let again = TABLE[..at].iter().find(|other| (other.code, other.issue) == (row.code, row.issue));
            assert!(again.is_none(), "{} {}", row.code, row.issue);
            assert!(row.when.ends_with('.') && row.remedy.ends_with('.'), "{}", row.code);
        }
    }
}
