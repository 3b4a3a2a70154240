//! Numbers with units.

use std::time::Duration;

/// Parses `512MiB`, `2GiB`, `1000000`, `10MB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, u64)] = &[
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    scaled(text, UNITS, "a number of bytes, such as 512MiB")
}

/// Parses `100MP`, or a plain number.
pub(super) fn pixels(text: &str) -> Result<u64, String> {
    scaled(
        text,
        &[("MP", 1_000_000), ("", 1)],
        "a number of pixels, such as 100MP",
    )
}

/// Parses `15s`, `500ms`, `10m`, `24h`, `1d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: &[(&str, u64)] = &[
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    scaled(text, UNITS, "a time with its unit, such as 15s").map(Duration::from_millis)
}

fn scaled(text: &str, units: &[(&str, u64)], expected: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = units
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .map(|(_, factor)| factor);
    let value = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(n, f)| n.checked_mul(*f));
    value.ok_or_else(|| format!("{text:?} is not {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_refused() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("2 GiB"), Ok(2 << 30));
        assert_eq!(bytes("7"), Ok(7));
        assert_eq!(pixels("100MP"), Ok(100_000_000));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for bad in ["", "MiB", "-1", "1.5GiB", "1mib", "99999999999TiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        // A bare number has no unit, and seconds and milliseconds have been mixed up too often.
        assert!(duration("15").is_err());
    }
}
