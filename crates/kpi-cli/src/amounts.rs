//! Amounts for people: bytes, counts, seconds, credits.

/// `1.2 GB`: thousands, not 1024s.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = count as f64;
    let mut unit = 0;
    // What would round to 1000 is one of the next unit.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `12,345`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 statement`, `12 statements`
pub fn counted(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{} {word}s", count(number)) }
}

/// `0.4 s`, `42 s`, `12 min 5 s`, `1 h 2 min`
pub fn seconds(value: f64) -> String {
    let value = value.max(0.0);
    if value < 9.95 {
        return format!("{value:.1} s");
    }
    let whole = value.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{} h {minutes} min", count(hours)),
    }
}

/// Two digits that say something, and cents at least: `0.012`, `1.25`, `340`.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 || !size.is_finite() => "0".to_owned(),
        _ if size < 1e-6 => "0.000001".to_owned(),
        _ if size < 1.0 => {
            let places = (1 - size.log10().floor() as i32).clamp(2, 7) as usize;
            let text = format!("{value:.places$}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ if size < 100.0 => format!("{value:.2}"),
        _ => count(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let all = [0, 999, 1000, 1_234_567, 999_960, 1_200_000_000, u64::MAX].map(bytes);
        assert_eq!(all, ["0 B", "999 B", "1.0 kB", "1.2 MB", "1.0 MB", "1.2 GB", "18446.7 PB"]);
        assert_eq!(
            [0.04, 9.96, 42.4, 725.0, 3720.0].map(seconds),
            ["0.0 s", "10 s", "42 s", "12 min 5 s", "1 h 2 min"]
        );
        let figures = [0.0, 0.000_000_01, 0.000_123, 0.011_67, 0.1, 0.5, 1.25, 12.345, 1234.5].map(figure);
        assert_eq!(figures, ["0", "0.000001", "0.00012", "0.012", "0.1", "0.5", "1.25", "12.35", "1,235"]);
        assert_eq!(
            [counted(1, "statement"), counted(12_345, "statement")],
            ["1 statement", "12,345 statements"]
        );
    }
}
