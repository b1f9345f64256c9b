//! Plots as SVG that stands in a page: nothing is fetched, and all text is escaped.

use super::kinds::Kind;
use super::shape::{ColumnProfile, Correlation, Histogram, ValueCount};
use crate::html::escaped;
use std::fmt::Write;

/// A figure for people: thousands in groups, at most four digits behind the point.
pub(super) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let places = match size {
        s if s >= 1000.0 => 1,
        s if s >= 1.0 => 3,
        _ => 4,
    };
    let text = format!("{size:.places$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        let _ = write!(out, ".{fraction}");
    }
    if value < 0.0 && out.chars().any(|c| matches!(c, '1'..='9')) { format!("-{out}") } else { out }
}

/// An end of a class, as a number or as a day.
pub(super) fn edge(kind: Kind, value: f64) -> String {
    if !kind.is_time() {
        return figure(value);
    }
    let at = chrono::DateTime::from_timestamp(value.floor() as i64, 0);
    at.map_or_else(|| figure(value), |at| at.format("%Y-%m-%d %H:%M").to_string().replace(" 00:00", ""))
}

#[allow(clippy::cast_precision_loss)]
fn part(count: u64, most: u64) -> f64 {
    if most == 0 { 0.0 } else { count as f64 / most as f64 }
}

/// A histogram of `width` by `height` pixels; with `axis` its ends are written under it.
pub(super) fn histogram(
    column: &ColumnProfile,
    histogram: &Histogram,
    width: u32,
    height: u32,
    axis: bool,
) -> String {
    let most = histogram.counts.iter().copied().max().unwrap_or(0);
    let classes = histogram.counts.len().max(1);
    #[allow(clippy::cast_precision_loss)]
    let step = f64::from(width) / classes as f64;
    let room = if axis { 16 } else { 0 };
    let mut out = format!(
        "<svg class=\"plot\" width=\"{width}\" height=\"{}\" viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"histogram\">",
        height + room,
        height + room
    );
    for (i, count) in histogram.counts.iter().enumerate() {
        // What is there is to be seen, however little it is.
        let tall = (part(*count, most) * f64::from(height)).max(if *count > 0 { 1.0 } else { 0.0 });
        #[allow(clippy::cast_precision_loss)]
        let (x, from) = (i as f64 * step, histogram.from + i as f64 * histogram.width);
        let title = match (column.kind, histogram.width == 1.0) {
            (Kind::Integer, true) => edge(column.kind, from),
            _ => format!("{} to {}", edge(column.kind, from), edge(column.kind, from + histogram.width)),
        };
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>{}: {count}</title></rect>",
            f64::from(height) - tall,
            (step - 1.0).max(0.5),
            escaped(&title)
        );
    }
    if axis {
        #[allow(clippy::cast_precision_loss)]
        let end = histogram.from + histogram.width * histogram.counts.len() as f64;
        let y = height + 13;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{y}\">{}</text><text x=\"{width}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
            escaped(&edge(column.kind, histogram.from)),
            escaped(&edge(column.kind, end))
        );
    }
    out.push_str("</svg>");
    out
}

/// Values as bars, the longest as wide as the plot.
pub(super) fn bars(values: &[ValueCount], all: u64) -> String {
    let most = values.iter().map(|v| v.count).max().unwrap_or(0);
    let mut out = String::from("<table class=\"bars\">");
    for value in values {
        let shown: String = value.value.chars().take(60).collect();
        let more = if shown.len() < value.value.len() { "…" } else { "" };
        let shown = if shown.is_empty() { "(empty)".to_owned() } else { escaped(&shown) };
        let _ = write!(
            out,
            "<tr><td class=\"value\">{shown}{more}</td><td><svg width=\"160\" height=\"12\" role=\"img\" aria-label=\"bar\">\
             <rect x=\"0\" y=\"1\" width=\"{:.1}\" height=\"10\"/></svg></td><td class=\"n\">{}</td><td class=\"n\">{:.1} %</td></tr>",
            (part(value.count, most) * 160.0).max(1.0),
            grouped(value.count),
            part(value.count, all) * 100.0
        );
    }
    out.push_str("</table>");
    out
}

/// A count with its thousands in groups.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Correlations as a matrix of coloured squares: one colour for each sign, the fuller the stronger.
pub(super) fn matrix(correlations: &[Correlation]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in correlations.iter().flat_map(|c| [c.a.as_str(), c.b.as_str()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    const SIDE: usize = 34;
    const LABEL: usize = 150;
    let (width, height) = (LABEL + names.len() * SIDE, names.len() * SIDE + LABEL);
    let mut out = format!(
        "<svg class=\"matrix\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"correlations\">"
    );
    let cut = |name: &str| {
        let short: String = name.chars().take(20).collect();
        if short.len() < name.len() { format!("{}…", escaped(&short)) } else { escaped(name) }
    };
    for (row, a) in names.iter().enumerate() {
        let y = row * SIDE;
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LABEL - 6,
            y + SIDE / 2 + 4,
            cut(a)
        );
        let x = LABEL + row * SIDE + SIDE / 2 + 4;
        let bottom = names.len() * SIDE + 8;
        let _ = write!(
            out,
            "<text transform=\"translate({x},{bottom}) rotate(-60)\" text-anchor=\"end\">{}</text>",
            cut(a)
        );
        for (column, b) in names.iter().enumerate() {
            let known = correlations.iter().find(|c| (c.a == *a && c.b == *b) || (c.a == *b && c.b == *a));
            let r = if row == column { Some(1.0) } else { known.map(|c| c.r) };
            let Some(r) = r else { continue };
            let sign = if r < 0.0 { "minus" } else { "plus" };
            let _ = write!(
                out,
                "<rect class=\"{sign}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill-opacity=\"{:.2}\">\
                 <title>{} and {}: {r:.3}</title></rect>",
                LABEL + column * SIDE,
                SIDE - 2,
                SIDE - 2,
                r.abs(),
                escaped(a),
                escaped(b)
            );
        }
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_figures_are_short() {
        assert_eq!(
            escaped("<script a='b\">&\u{7}\u{202e}"),
            "&lt;script a=&#39;b&quot;&gt;&amp;\u{fffd}\u{fffd}"
        );
        assert_eq!(
            [
                figure(1_234_567.891),
                figure(-0.5),
                figure(12.0),
                figure(1e20),
                figure(0.000_01),
                figure(-0.000_000)
            ],
            ["1,234,567.9", "-0.5", "12", "1.000e20", "1.000e-5", "0"]
        );
        assert_eq!(edge(Kind::Date, 86_400.0), "1970-01-02");
    }
}
