//! Every entry for the script, as a block of data that no browser runs.

use super::lanes::{Entry, LANES, Span};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use std::collections::HashMap;

/// Entries that are sent for reading one by one; of a longer record the latest.
const MOST_ENTRIES: usize = 30_000;

#[derive(Serialize)]
struct Data<'a> {
    first: i64,
    last: i64,
    birth: Option<i64>,
    lanes: [&'static str; LANES.len()],
    names: Vec<&'a str>,
    /// Day, lane, index of the name, value, how many alike on that day.
    entries: Vec<(i64, usize, usize, &'a str, usize)>,
    /// Earlier entries that the picture counts and this list leaves out.
    left_out: usize,
}

/// The data block `timeline-data`.
pub fn data(entries: &[Entry], span: &Span) -> Markup {
    let left_out = entries.len().saturating_sub(MOST_ENTRIES);
    let mut names: Vec<&str> = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut rows: Vec<(i64, usize, usize, &str, usize)> = Vec::new();
    for entry in &entries[left_out..] {
        let number = *numbers.entry(&entry.name).or_insert_with(|| {
            names.push(&entry.name);
            names.len() - 1
        });
        let value = entry.value.as_deref().unwrap_or_default();
        let alike = |row: &&mut (i64, usize, usize, &str, usize)| {
            (row.0, row.1, row.2, row.3) == (entry.day, entry.lane, number, value)
        };
        match rows.last_mut().filter(alike) {
            Some(row) => row.4 += 1,
            None => rows.push((entry.day, entry.lane, number, value, 1)),
        }
    }
    let data =
        Data { first: span.first, last: span.last, birth: span.birth, lanes: LANES, names, entries: rows, left_out };
    html! { script #timeline-data type="application/json" { (block(&data)) } }
}

/// JSON in which nothing can end the block: the characters of markup become escapes, which JSON reads as themselves.
fn block(data: &Data<'_>) -> PreEscaped<String> {
    let json = serde_json::to_string(data).unwrap_or_default();
    PreEscaped(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_block() {
        let entry = Entry { day: 1, lane: 0, name: "</script><script>alert(1)".into(), value: Some("<!--&".into()) };
        let span = Span { first: 0, last: 2, birth: None };
        let text = data(&[entry.clone(), entry], &span).into_string();
        let inside = text.split_once('>').and_then(|(_, rest)| rest.strip_suffix("</script>")).expect("one block");
        assert!(!inside.contains(['<', '>', '&']), "{inside}");
        let read: serde_json::Value = serde_json::from_str(inside).expect("JSON");
        assert_eq!(read["names"][0], "</script><script>alert(1)");
        assert_eq!(read["entries"], serde_json::json!([[1, 0, 0, "<!--&", 2]]));
    }
}
