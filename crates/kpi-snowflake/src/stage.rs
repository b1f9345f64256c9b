//! Seeds by way of a stage: the rows are written as CSV files into a temporary stage, and one `copy into` reads them.
//!
//! What the account or the network does not allow is found out before the table is touched: then the rows are inserted.

use crate::answer::Answer;
use crate::connection::SnowflakeConnection;
use crate::error::ServiceError;
use crate::seed::{Row, Source};
use crate::session::runtime;
use crate::storage::{Place, upload};
use kpi_adapter::{AdapterError, AdapterErrorKind, Relation};
use serde_json::Value as Json;

/// How many bytes a file has before the next one begins: each is held in memory and sent at once.
const FILE: usize = 16 * 1024 * 1024;

/// How the files are written. Quotes stand around every text, so an empty one is no NULL, and nothing is escaped.
const FORMAT: &str = "type = csv, field_optionally_enclosed_by = '\"', empty_field_as_null = true, null_if = (), \
                      escape_unenclosed_field = none";

/// Why rows do not go by way of a stage.
pub(crate) enum Unstaged {
    /// The account or the network does not let them: another way may be open.
    Closed(String),
    /// An error of the rows.
    Failed(AdapterError),
}

impl From<AdapterError> for Unstaged {
    fn from(error: AdapterError) -> Self {
        match error.kind {
            // Nobody wants the rows any more.
            AdapterErrorKind::Cancelled => Self::Failed(error),
            // In one line of the log, without the query's id.
            _ => {
                let lines: Vec<&str> = error.message.lines().filter(|line| !line.starts_with("  ")).collect();
                Self::Closed(lines.join(" "))
            }
        }
    }
}

impl SnowflakeConnection {
    /// Replaces the rows of a table by those of `source`: all of them or none.
    ///
    /// # Errors
    /// See [`Unstaged`]: where the way is closed, the table is as it was.
    pub(crate) fn load_staged(
        &mut self,
        relation: &Relation,
        names: &str,
        source: &Source<'_>,
    ) -> Result<u64, Unstaged> {
        if kpi_adapter::Connection::in_transaction(self) {
            // To make a stage would commit it.
            return Err(Unstaged::Closed("a transaction is open".to_owned()));
        }
        // Beside the table, and named as it is.
        let mut place = relation.clone();
        place.identifier = Some(format!("kpi_seed_{}", uuid::Uuid::new_v4().simple()).into());
        let stage = place.render();
        self.own(&format!("create temporary stage {stage} encryption = (type = 'SNOWFLAKE_SSE')"))?;
        let loaded = self
            .fill(&stage, source)
            .and_then(|rows| self.copy(relation, names, &stage).map(|()| rows).map_err(Unstaged::Failed));
        // It goes with the session in any case.
        drop(self.own(&format!("drop stage if exists {stage}")));
        loaded
    }

    /// A statement of kpi's own, with the comment of the node that runs.
    fn own(&mut self, sql: &str) -> Result<Answer, AdapterError> {
        let sql = self.commented(sql.to_owned());
        self.query(&sql)
    }

    /// Writes all rows into files of the stage.
    fn fill(&mut self, stage: &str, source: &Source<'_>) -> Result<u64, Unstaged> {
        let mut text = Vec::new();
        let (mut rows, mut files) = (0, 0);
        for row in source.rows().map_err(Unstaged::Failed)? {
            write_row(&mut text, &row.map_err(Unstaged::Failed)?);
            rows += 1;
            if text.len() >= FILE {
                self.put(stage, files, std::mem::take(&mut text))?;
                files += 1;
            }
        }
        if !text.is_empty() {
            self.put(stage, files, text)?;
        }
        Ok(rows)
    }

    /// Writes one file. The service says where to, for this file only.
    fn put(&mut self, stage: &str, number: u32, text: Vec<u8>) -> Result<(), Unstaged> {
        let name = format!("rows_{number}.csv");
        let answer = self.own(&format!(
            "put 'file://{name}' @{stage} auto_compress = false source_compression = none overwrite = true"
        ))?;
        let place = Place::of(&answer.upload.unwrap_or(Json::Null), &name)?;
        let exchange = self.exchange();
        let sent = runtime()
            .and_then(|runtime| runtime.block_on(upload(&exchange.client, &exchange.settings, place, text)));
        sent.map_err(Unstaged::from)
    }

    /// Reads the files into the table, in one transaction with the end of the rows before.
    fn copy(&mut self, relation: &Relation, names: &str, stage: &str) -> Result<(), AdapterError> {
        use kpi_adapter::Connection;
        let table = relation.render();
        self.begin()?;
        let copied = self.own(&format!("delete from {table}")).and_then(|_| {
            self.own(&format!(
                "copy into {table} ({names}) from @{stage} file_format = ({FORMAT}) on_error = abort_statement"
            ))
        });
        match copied {
            Ok(_) => self.commit(),
            Err(error) => {
                // The first error is the one that counts.
                drop(self.rollback());
                Err(error)
            }
        }
    }
}

impl From<ServiceError> for Unstaged {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Unreachable { message, .. } => Self::Closed(message),
            error => error.into_adapter_error(false).into(),
        }
    }
}

/// A row as a line of CSV: nothing for NULL, and every other value in quotes.
fn write_row(text: &mut Vec<u8>, row: &Row) {
    for (i, value) in row.iter().enumerate() {
        if i > 0 {
            text.push(b',');
        }
        if let Some(value) = value {
            text.push(b'"');
            text.extend_from_slice(value.replace('"', "\"\"").as_bytes());
            text.push(b'"');
        }
    }
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(row: &[Option<&str>]) -> String {
        let mut text = Vec::new();
        write_row(&mut text, &row.iter().map(|value| value.map(str::to_owned)).collect());
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_row_is_a_line_that_keeps_empty_texts_and_nulls_apart() {
        assert_eq!(line(&[Some("1"), None, Some("")]), "\"1\",,\"\"\n");
        assert_eq!(line(&[Some("a \"b\", c\nd\\N"), Some(" x ")]), "\"a \"\"b\"\", c\nd\\N\",\" x \"\n");
    }
}
