//! Profiles as one page for a browser, with its plots inside: it needs no network, and nothing in it runs.

use super::plots::{bars, figure, grouped, histogram, matrix};
use super::shape::{ColumnProfile, Profile};
use super::{Kind, QUANTILES};
use crate::html::escaped;
use serde_json::Value as Json;
use std::fmt::Write;

/// Values that are shown of a column.
const VALUES: usize = 10;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--soft:#66707d;--line:#dfe4ea;--back:#fff;--panel:#f6f8fa;--bar:#3b78c2;--bad:#b3412f;--plus:#3b78c2;--minus:#c2603b}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ee;--soft:#98a3b0;--line:#333c47;--back:#15191f;--panel:#1d232b;--bar:#6fa5e6;--bad:#f08a78;--plus:#6fa5e6;--minus:#e6956f}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:24px;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back)}
h1{font-size:22px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 2px}h3{font-size:15px;margin:20px 0 6px}
.soft,.soft a{color:var(--soft)}code{font:13px ui-monospace,monospace}nav a{margin-right:14px}a{color:var(--bar)}
table{border-collapse:collapse;font-size:14px}.columns{width:100%}.scroll{overflow-x:auto}
th{text-align:left;font-weight:600;color:var(--soft);border-bottom:1px solid var(--line);padding:6px 10px 6px 0;white-space:nowrap}
td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:middle}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bars td{border:0;padding:1px 10px 1px 0}.value{font:13px ui-monospace,monospace;max-width:420px;overflow-wrap:anywhere;white-space:pre-wrap}
details{border:1px solid var(--line);border-radius:6px;margin:6px 0;padding:0 12px;background:var(--panel)}summary{cursor:pointer;padding:8px 0}
.parts{display:flex;flex-wrap:wrap;gap:28px;padding:4px 0 14px}.parts h4{margin:0 0 6px;font-size:13px;color:var(--soft);font-weight:600}
.figures td{border:0;padding:1px 14px 1px 0}svg rect{fill:var(--bar)}svg text{fill:var(--soft);font-size:11px}
svg .plus{fill:var(--plus)}svg .minus{fill:var(--minus)}ul{margin:6px 0;padding-left:20px}.bad{color:var(--bad)}
";

fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => escaped(text),
        Json::Number(n) => n.as_f64().map_or_else(|| n.to_string(), figure),
        other => escaped(&other.to_string()),
    }
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: u64, all: u64) -> String {
    if all == 0 { "–".into() } else { format!("{:.1} %", part as f64 / all as f64 * 100.0) }
}

/// The page of some profiles.
pub fn of(profiles: &[Profile], title: &str) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        title = escaped(title)
    );
    if let Some(first) = profiles.first() {
        let _ = writeln!(out, "<p class=\"soft\">Profiled {}</p>", escaped(&first.profiled_at));
    }
    if profiles.len() > 1 {
        out.push_str("<nav>");
        for (i, profile) in profiles.iter().enumerate() {
            let _ = write!(out, "<a href=\"#p{i}\">{}</a>", escaped(&profile.name));
        }
        out.push_str("</nav>\n");
    }
    for (i, profile) in profiles.iter().enumerate() {
        relation(&mut out, i, profile);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn relation(out: &mut String, number: usize, profile: &Profile) {
    let _ = writeln!(out, "<section id=\"p{number}\">\n<h2>{}</h2>", escaped(&profile.name));
    let mut facts = vec![
        format!("<code>{}</code>", escaped(&profile.relation)),
        format!("{} rows", grouped(profile.rows)),
        format!("{} columns", profile.columns.len()),
    ];
    if profile.sample.is_some() {
        facts.push("a sample".into());
    }
    if profile.approximate {
        facts.push("distinct values and quantiles are estimates".into());
    }
    if !profile.keys.is_empty() {
        let keys: Vec<String> = profile.keys.iter().map(|key| escaped(&key.join(" + "))).collect();
        facts.push(format!("keys: {}", keys.join(", ")));
    }
    let _ = writeln!(out, "<p class=\"soft\">{}</p>", facts.join(" · "));
    let about = |column: &Option<String>| {
        column.as_ref().map(|c| format!("<b>{}</b>: ", escaped(c))).unwrap_or_default()
    };
    if let Some(drift) = &profile.drift {
        let _ = writeln!(out, "<h3>Changes since {}</h3>", escaped(&drift.since));
        if drift.findings.is_empty() {
            out.push_str("<p>None beyond the thresholds.</p>\n");
        } else {
            out.push_str("<ul class=\"bad\">\n");
            for finding in &drift.findings {
                let _ = writeln!(out, "<li>{}{}</li>", about(&finding.column), escaped(&finding.message));
            }
            out.push_str("</ul>\n");
        }
    }
    if !profile.alerts.is_empty() {
        out.push_str("<h3>Worth a look</h3>\n<ul>\n");
        for alert in &profile.alerts {
            let _ = writeln!(out, "<li>{}{}</li>", about(&alert.column), escaped(&alert.message));
        }
        out.push_str("</ul>\n");
    }
    out.push_str(
        "<h3>Columns</h3>\n<div class=\"scroll\"><table class=\"columns\">\n<tr><th>column</th><th>type</th>\
         <th class=\"n\">missing</th><th class=\"n\">different</th><th class=\"n\">least</th><th class=\"n\">mean</th>\
         <th class=\"n\">most</th><th>spread</th></tr>\n",
    );
    for column in &profile.columns {
        let mean = column.numbers.as_ref().and_then(|n| n.mean).map(figure).unwrap_or_default();
        let spread =
            column.histogram.as_ref().map(|h| histogram(column, h, 120, 26, false)).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"soft\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{mean}</td><td class=\"n\">{}</td><td>{spread}</td></tr>",
            escaped(&column.name),
            escaped(&column.data_type),
            percent(column.nulls, profile.rows),
            column.distinct.map(grouped).unwrap_or_default(),
            cut(&shown(&column.min)),
            cut(&shown(&column.max)),
        );
    }
    out.push_str("</table></div>\n");
    if profile.rows > 0 {
        out.push_str("<h3>In detail</h3>\n");
        for column in &profile.columns {
            detail(out, column, profile.rows);
        }
    }
    if !profile.correlations.is_empty() {
        let _ = writeln!(
            out,
            "<h3>Correlations</h3>\n<div class=\"scroll\">{}</div>",
            matrix(&profile.correlations)
        );
    }
    out.push_str("</section>\n");
}

/// Text that is escaped already, cut where no entity is.
fn cut(text: &str) -> String {
    const LONGEST: usize = 28;
    if text.chars().count() <= LONGEST || text.contains('&') {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(LONGEST).collect::<String>())
}

fn detail(out: &mut String, column: &ColumnProfile, rows: u64) {
    let _ = write!(
        out,
        "<details><summary><b>{}</b> <span class=\"soft\">{}</span></summary>\n<div class=\"parts\">\n",
        escaped(&column.name),
        escaped(&column.data_type)
    );
    let mut table = String::from("<div><h4>Figures</h4><table class=\"figures\">");
    let mut row = |name: &str, value: String| {
        let _ = write!(table, "<tr><td class=\"soft\">{name}</td><td class=\"n\">{value}</td></tr>");
    };
    let real = |value: Option<f64>| value.map(figure).unwrap_or_default();
    row("missing", format!("{} ({})", grouped(column.nulls), percent(column.nulls, rows)));
    if let Some(distinct) = column.distinct {
        row("different values", grouped(distinct));
        row("least", shown(&column.min));
        row("most", shown(&column.max));
    }
    if column.kind == Kind::Opaque {
        row("compared", "no: only nulls are counted".into());
    }
    if let Some(numbers) = &column.numbers {
        row("mean", real(numbers.mean));
        row("standard deviation", real(numbers.deviation));
        row("sum", real(numbers.sum));
        row("skewness", real(numbers.skewness));
        row("zeros", grouped(numbers.zeros));
        row("below zero", grouped(numbers.negatives));
        if numbers.not_finite > 0 {
            row("NaN or infinite", grouped(numbers.not_finite));
        }
        for (at, value) in QUANTILES.iter().zip(&numbers.quantiles) {
            row(&format!("quantile {} %", at * 100.0), figure(*value));
        }
    }
    if let Some(text) = &column.text {
        row("shortest", text.shortest.map(grouped).unwrap_or_default());
        row("mean length", real(text.mean_length));
        row("longest", text.longest.map(grouped).unwrap_or_default());
        row("empty or blank", grouped(text.empty + text.blank));
        row("blanks at an end", grouped(text.padded));
        for form in &text.forms {
            row(&format!("like a {}", escaped(&form.form)), grouped(form.count));
        }
    }
    if let Some(time) = &column.time {
        row("age of the newest", time.age.map(age).unwrap_or_default());
        row("days with rows", time.days.map(grouped).unwrap_or_default());
        row("days between without", time.missing_days.map(grouped).unwrap_or_default());
        row("in the future", grouped(time.future));
    }
    if let Some(trues) = column.trues {
        let values = rows.saturating_sub(column.nulls);
        row("true", format!("{} ({})", grouped(trues), percent(trues, values)));
    }
    table.push_str("</table></div>\n");
    out.push_str(&table);
    if let Some(problem) = &column.problem {
        let _ = writeln!(out, "<p class=\"bad\">It could not be looked at: {}</p>", escaped(problem));
    }
    if let Some(counts) = &column.histogram {
        let _ = writeln!(out, "<div><h4>Histogram</h4>{}</div>", histogram(column, counts, 360, 120, true));
    }
    let values = rows.saturating_sub(column.nulls);
    if !column.top.is_empty() {
        let title =
            if column.top_is_all && column.top.len() <= VALUES { "Values" } else { "Most frequent values" };
        let shown: Vec<_> = column.top.iter().take(VALUES).cloned().collect();
        let _ = writeln!(out, "<div><h4>{title}</h4>{}</div>", bars(&shown, values));
    }
    if !column.shapes.is_empty() {
        let shown: Vec<_> = column.shapes.iter().take(VALUES).cloned().collect();
        let _ = writeln!(out, "<div><h4>Shapes</h4>{}</div>", bars(&shown, column.shapes_of));
    }
    out.push_str("</div></details>\n");
}

/// Seconds in the unit that fits: `3.5 hours`.
pub fn age(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3600.0),
        s => format!("{} days", figure((s / 86_400.0).round())),
    }
}
