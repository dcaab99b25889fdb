//! Sizes and durations as people write them: `"32 MiB"`, `"250ms"`. Refuses a number without its unit.

use std::time::Duration;

/// What a size may look like, for messages.
pub(super) const SIZE_REMEDY: &str = "write a number and a unit of B, kB, MB, GB, KiB, MiB or GiB, such as \"32 MiB\"";
/// What a duration may look like, for messages.
pub(super) const DURATION_REMEDY: &str = "write a number and a unit of ms, s, min or h, such as \"250 ms\"";

/// Bytes of a size text; `Err` says what is wrong with it.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err("the unit is missing".into()),
        other => return Err(format!("`{other}` is not a unit of size")),
    };
    number
        .checked_mul(factor)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "it is zero or too large".into())
}

/// The duration of a text; `Err` says what is wrong with it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "" => return Err("the unit is missing".into()),
        other => return Err(format!("`{other}` is not a unit of time")),
    };
    number
        .checked_mul(milliseconds)
        .filter(|&total| total > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "it is zero or too long".into())
}

fn split(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.parse().map_err(|_| "it does not begin with a whole number".to_string())?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_read_with_and_without_a_space() {
        assert_eq!(size("32 MiB"), Ok(32 << 20));
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2 s"), Ok(Duration::from_secs(2)));
    }

    #[test]
    fn a_measure_without_unit_or_number_is_refused() {
        for text in ["32", "MiB", "", "-1 MiB", "1.5 MiB", "0 MiB", "99999999999999999999 B", "3 Mib"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["2", "s", "0 s", "2 sec"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
