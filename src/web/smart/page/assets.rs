//! Styles and scripts of the app's pages, built into the program, at addresses that change with their content.

use crate::web::problem::Problem;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Path;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type, content.
pub const ASSETS: [(&str, &str, &str); 7] = [
    ("app.css", STYLE, include_str!("../../../../web/smart/app.css")),
    ("plain.css", STYLE, include_str!("../../../../web/smart/plain.css")),
    ("icon.svg", "image/svg+xml", include_str!("../../../../web/smart/icon.svg")),
    ("app.js", SCRIPT, include_str!("../../../../web/smart/app.js")),
    ("timeline.js", SCRIPT, include_str!("../../../../web/smart/timeline.js")),
    ("evidence.js", SCRIPT, include_str!("../../../../web/smart/evidence.js")),
    ("feedback.js", SCRIPT, include_str!("../../../../web/smart/feedback.js")),
];

/// Names all contents together, so that scripts which use one another never come from two editions.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let hash =
        ASSETS.iter().fold(Sha256::new(), |hash, (name, _, content)| hash.chain_update(name).chain_update(content));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// Where an asset of this edition is served.
pub fn address(name: &str) -> String {
    format!("/smart/assets/{}/{name}", *EDITION)
}

/// `GET /smart/assets/{edition}/{name}`: kept by browsers for a year, since another content has another address.
pub async fn asset(path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (edition, name) = path.into_inner();
    let found = ASSETS.iter().find(|(known, _, _)| *known == name && edition == *EDITION);
    let (_, media_type, content) = found.ok_or(Problem::UnknownRoute)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, *media_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(*content))
}
