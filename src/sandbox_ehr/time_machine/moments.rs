//! Which moments of a life are asked: days with a visit, evenly chosen where there are many.

use super::super::chart::Chart;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// The most that one journey asks.
pub const MOST_MOMENTS: usize = 60;

/// The days to ask, oldest first, and how many days with a visit there are. A chart is opened as of a past day, so today
/// is none of them.
pub fn chosen(chart: &Chart, now: Timestamp) -> (Vec<Date>, usize) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let lived = |day: &Date| {
        let born = chart.birth.is_none_or(|birth| birth <= *day);
        born && chart.deceased.is_none_or(|death| *day <= death) && *day < today
    };
    let starts = chart.of_type("Encounter").filter_map(|visit| visit.facts.start);
    let days: BTreeSet<Date> = starts.map(|start| start.to_zoned(TimeZone::UTC).date()).filter(lived).collect();
    let days: Vec<Date> = days.into_iter().collect();
    let visits = days.len();
    (evenly(days, MOST_MOMENTS), visits)
}

/// At most `most` of them, the first and the last among these.
fn evenly(days: Vec<Date>, most: usize) -> Vec<Date> {
    let last = days.len().saturating_sub(1);
    if last < most {
        return days;
    }
    (0..most).filter_map(|step| days.get((step * last + (most - 1) / 2) / (most - 1)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn of_many_days_the_first_the_last_and_those_evenly_between_are_asked(many in 0usize..3000, most in 2usize..80) {
            let first: Date = "1950-01-01".parse().unwrap();
            let days: Vec<Date> = first.series(jiff::Span::new().days(1)).take(many).collect();
            let asked = evenly(days.clone(), most);
            proptest::prop_assert_eq!(asked.len(), many.min(most));
            proptest::prop_assert_eq!((asked.first(), asked.last()), (days.first(), days.last()));
            let gaps = asked.windows(2).map(|pair| (pair[1] - pair[0]).get_days());
            let (least, widest) = gaps.fold((i32::MAX, 0), |(least, widest), gap| (least.min(gap), widest.max(gap)));
            proptest::prop_assert!(asked.len() < 2 || (least >= 1 && widest - least <= 1));
        }
    }
}
