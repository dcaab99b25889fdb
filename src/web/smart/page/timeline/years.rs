//! The record as a table: how much happened in which years. The other way to read the picture.

use super::lanes::{Entry, LANES};
use super::picture::civil;
use jiff::civil::Date;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Rows of the table; longer records are counted by several years.
const MOST_ROWS: i64 = 25;

/// Counts by year, the latest first. With a script each row opens what happened then.
pub fn years(entries: &[Entry]) -> Markup {
    let rows = rows(entries);
    html! {
        div .scroll tabindex="0" role="region" aria-label="Entries by year" {
            table .years {
                thead { tr { th scope="col" { "Years" } @for lane in LANES { th scope="col" { (lane) } } } }
                tbody {
                    @for ((first, last), counts) in rows.iter().rev() {
                        tr {
                            th scope="row" data-years={ (first) "," (last) } {
                                (first) @if first != last { "–" (last) }
                            }
                            @for count in counts { td { @if *count > 0 { (count) } } }
                        }
                    }
                }
            }
        }
    }
}

type Row = ((i64, i64), [usize; LANES.len()]);

fn rows(entries: &[Entry]) -> Vec<Row> {
    let year = |entry: &Entry| civil(entry.day).map(Date::year).map(i64::from);
    let years: Vec<i64> = entries.iter().filter_map(year).collect();
    let (Some(first), Some(last)) = (years.iter().min(), years.iter().max()) else { return Vec::new() };
    let step = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|step| (last - first) / step < MOST_ROWS).unwrap_or(1000);
    let mut rows: BTreeMap<i64, [usize; LANES.len()]> = BTreeMap::new();
    for (year, entry) in entries.iter().filter_map(|entry| Some((year(entry)?, entry))) {
        rows.entry(year.div_euclid(step) * step).or_default()[entry.lane] += 1;
    }
    rows.into_iter().map(|(begin, counts)| ((begin, begin + step - 1), counts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_counted_once_in_a_bounded_table() {
        let entries: Vec<Entry> = (0..30_000)
            .step_by(7)
            .map(|day| Entry { day, lane: day as usize % 6, name: "x".into(), value: None })
            .collect();
        let rows = rows(&entries);
        assert!(rows.len() as i64 <= MOST_ROWS + 1, "{}", rows.len());
        assert_eq!(rows.iter().flat_map(|(_, counts)| counts).sum::<usize>(), entries.len());
    }
}
