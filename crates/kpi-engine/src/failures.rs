//! What is said of a node that failed: the error with its place, and a failing test's first rows.

use crate::engine::Engine;
use kpi_adapter::{Fetch, NodeConnection, Table};
use kpi_artifacts::NodeStatus;
use kpi_diagnostics::{Diagnostic, Level};
use kpi_jinja::{Error, ErrorKind};
use kpi_manifest::{Node, ResourceType};
use std::sync::Arc;

/// At most so many failing tests of a run are shown with rows.
const SHOWN_TESTS: usize = 20;
/// Rows that are shown of each.
const SHOWN_ROWS: usize = 5;

impl Engine {
    /// The error of a node as a diagnostic: `Compilation Error in model orders (models/orders.sql)`.
    pub(crate) fn diagnostic(&self, node: &Node, error: &Error) -> Diagnostic {
        error.to_diagnostic(heading(error), Some(&node.heading()))
    }

    /// The error of a macro that the engine called.
    pub(crate) fn macro_diagnostic(&self, name: &str, error: &Error) -> Diagnostic {
        error.to_diagnostic(heading(error), Some(&format!("macro {name}")))
    }

    /// The text of a node's error, with where its SQL can be read.
    pub(crate) fn error_text(&self, node: &Node, error: &Error) -> String {
        let mut text = self.diagnostic(node, error).render();
        let position = self.manifest.node_ids.get(&node.unique_id);
        if let Some(path) = position.and_then(|id| self.build_paths.lock().get(id).cloned()) {
            text.push_str(&format!("\n  compiled code at {path}"));
        } else if let Some(path) =
            position.and_then(|id| self.compiled.lock().get(id).and_then(|c| c.path.clone()))
        {
            text.push_str(&format!("\n  compiled code at {path}"));
        }
        text
    }

    /// After a run: of each failing test, how many rows of how many, the first few, and the command that shows the rest.
    pub fn show_failures(self: &Arc<Self>, results: &[kpi_artifacts::NodeResult]) {
        let failed: Vec<&kpi_artifacts::NodeResult> = results
            .iter()
            .filter(|r| {
                matches!(r.status, NodeStatus::Fail | NodeStatus::Warn) && r.failures.unwrap_or(0) > 0
            })
            .take(SHOWN_TESTS)
            .collect();
        if failed.is_empty() {
            return;
        }
        let connection = self.connection("master");
        for result in failed {
            let Some(node) = self.manifest.node(&result.unique_id) else { continue };
            if node.resource_type != ResourceType::Test {
                continue;
            }
            let Some(text) = self.failing_rows(node, result, &connection) else { continue };
            self.reporter().note("Note", Level::Info, text);
        }
        connection.close();
    }

    fn failing_rows(
        &self,
        node: &Node,
        result: &kpi_artifacts::NodeResult,
        connection: &NodeConnection,
    ) -> Option<String> {
        let sql = result.compiled_code.as_deref()?;
        let failures = result.failures.unwrap_or(0);
        let rows = connection
            .execute(
                &format!(
                    "select * from (\n{}\n) as failing limit {SHOWN_ROWS}",
                    sql.trim().trim_end_matches(';')
                ),
                false,
                Fetch::All,
            )
            .ok()?
            .table;
        // The table that was tested does not hold what went into quarantine: neither its rows nor their number.
        let quarantined = node.expectation.as_ref().is_some_and(|e| e.quarantine);
        let tested = node
            .attached_node
            .as_ref()
            .and_then(|id| self.manifest.node(id))
            .filter(|n| !n.is_ephemeral() && !quarantined)
            .and_then(|n| n.relation_name.clone());
        let total = tested.and_then(|relation| {
            let counted =
                connection.execute(&format!("select count(*) from {relation}"), false, Fetch::All).ok()?;
            counted.table.rows.first()?.first().map(kpi_adapter::Cell::text)
        });
        let of = total.map(|n| format!(" of {n} rows")).unwrap_or_default();
        let table = indent(&text_table(&rows));
        let rest = match quarantined {
            true => String::new(),
            false => format!("\n  the rest: kpi show --select {} --limit -1", node.name),
        };
        Some(format!("{}: {failures} failing{of}\n{table}{rest}", node.name))
    }
}

/// A diagnostic as a template's error.
pub(crate) fn carried(diagnostic: Diagnostic) -> Error {
    let mut error = Error::new(ErrorKind::Runtime, diagnostic.message.clone());
    error.0.diagnostic = Some(diagnostic);
    error
}

/// dbt's name of an error's kind.
pub(crate) fn heading(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Database | ErrorKind::Runtime => "Runtime Error",
        ErrorKind::DatabaseService => "Database Error",
        ErrorKind::Parsing => "Parsing Error",
        _ => "Compilation Error",
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n")
}

/// A small table as text: cells cut to 30 characters.
fn text_table(table: &Table) -> String {
    let cut = |s: String| {
        let s = s.replace('\n', " ");
        if s.chars().count() > 30 { format!("{}...", s.chars().take(27).collect::<String>()) } else { s }
    };
    let mut lines: Vec<Vec<String>> = vec![table.columns.iter().map(|c| cut(c.to_string())).collect()];
    lines.extend(table.rows.iter().map(|row| row.iter().map(|c| cut(c.text())).collect()));
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|i| lines.iter().map(|l| l.get(i).map_or(0, |c| c.chars().count())).max().unwrap_or(0))
        .collect();
    let line = |cells: &Vec<String>| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(c, w)| format!("{c}{}", " ".repeat(w.saturating_sub(c.chars().count()))))
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    let rule = format!("| {} |", widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>().join(" | "));
    let mut out = vec![line(&lines[0]), rule];
    out.extend(lines[1..].iter().map(line));
    out.join("\n")
}
