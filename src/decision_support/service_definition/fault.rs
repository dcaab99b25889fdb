//! Where in a definition a fault lies: file, line, and the nearest key that exists.

/// A fault as one line for a terminal: what, on which line, and the remedy where one is known.
pub(super) fn describe(text: &str, error: &toml::de::Error) -> (usize, String) {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    let message = error.message().trim().to_owned();
    // serde's own words: unknown field `x`, expected one of `a`, `b`
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(unknown)) => {
            let known: Vec<&str> = quoted.collect();
            let nearest = nearest(unknown, known.iter().copied());
            let what = format!("unknown key `{unknown}`");
            (line, nearest.map_or(what.clone(), |nearest| format!("{what}; the nearest one is `{nearest}`")))
        }
        _ => (line, message),
    }
}

/// The known word that resembles `word` most.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate))
}

/// The line, from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}
