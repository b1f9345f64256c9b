//! DuckDB's errors in the words of someone who has to act on them.

use kpi_adapter::{AdapterError, AdapterErrorKind};
use std::path::Path;

/// DuckDB's own message.
pub(crate) fn message(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        duckdb::Error::NulError(_) => "the SQL contains a NUL character".to_owned(),
        other => other.to_string(),
    }
}

/// The error of a statement.
pub(crate) fn statement(error: &duckdb::Error) -> AdapterError {
    of_message(message(error))
}

pub(crate) fn of_message(message: String) -> AdapterError {
    let code = message.split_once(" Error:").map(|(kind, _)| kind.to_owned()).filter(|k| k.len() < 40);
    let kind = match code.as_deref() {
        Some("INTERRUPT") => AdapterErrorKind::Cancelled,
        _ if is_full(&message) => AdapterErrorKind::Connection,
        _ => AdapterErrorKind::Statement,
    };
    let mut error = AdapterError::new(kind, message);
    error.position = position(&error.message);
    error.code = code;
    error.hint = hint(&error.message);
    error
}

/// What to try, where the message alone does not say it.
fn hint(message: &str) -> Option<String> {
    let has = |part: &str| message.contains(part);
    if is_full(message) {
        return Some("the disk is full: free some space, or set 'temp_directory' to another disk".into());
    }
    if has("read-only mode") || has("attached in read-only") {
        return Some(
            "the database is opened for reading only: remove 'access_mode: read_only' or 'read_only: true'"
                .into(),
        );
    }
    if has("Out of Memory Error") {
        return Some(
            "give DuckDB more memory ('settings: {memory_limit: ...}'), run with fewer threads, or set 'temp_directory'"
                .into(),
        );
    }
    if has("could not be autoloaded")
        || has("Missing Extension Error")
        || has("is not in the catalog, but it exists in")
    {
        return Some("name the extension under 'extensions:' of the target".into());
    }
    None
}

fn is_full(message: &str) -> bool {
    message.contains("No space left on device") || message.contains("failed to offload data block")
}

/// Line and column, from the excerpt that DuckDB prints: `LINE 2: select x` and a caret below.
fn position(message: &str) -> Option<(u32, u32)> {
    let mut lines = message.lines().skip_while(|l| !l.starts_with("LINE "));
    let excerpt = lines.next()?;
    let (number, shown) = excerpt.strip_prefix("LINE ")?.split_once(": ")?;
    let line: u32 = number.parse().ok()?;
    let caret = lines.find_map(|l| l.find('^'))?;
    let prefix = excerpt.len() - shown.len();
    // A long line is cut at its start, and then the column is not known.
    let column = if shown.starts_with("...") { 0 } else { caret.saturating_sub(prefix) + 1 };
    Some((line, u32::try_from(column).unwrap_or(0)))
}

/// The error of opening the database.
pub(crate) fn opening(error: &duckdb::Error, path: &str, file: Option<&Path>) -> AdapterError {
    let message = message(error);
    let shown = file.map_or_else(|| path.to_owned(), |f| f.display().to_string());
    let failed = |text: String| AdapterError::new(AdapterErrorKind::Connection, text);
    let has = |part: &str| message.contains(part);
    if has("Could not set lock on file") || has("being used by another process") {
        let holder = holder(&message);
        let by = holder.map_or_else(
            || "another process".to_owned(),
            |(pid, name)| match name {
                Some(name) => format!("process {pid} ({name})"),
                None => format!("process {pid}"),
            },
        );
        return failed(format!("the database file {shown} is locked by {by}")).with_hint(
            "DuckDB lets one process write to a file: end that program or close its connection, then try again; \
             'retries: {connect_attempts: 5}' in the target waits for it",
        );
    }
    if has("storage version")
        || has("version number")
        || has("newer version of DuckDB")
        || has("older version of DuckDB")
    {
        return failed(format!(
            "the database file {shown} was written by another version of DuckDB:\n{message}"
        ))
        .with_hint(
            "export it with the version that wrote it (EXPORT DATABASE 'folder') and import it here (IMPORT \
                 DATABASE 'folder'), or choose another 'path'",
        );
    }
    if has("options were not recognized") {
        let names = message.rsplit(": ").next().unwrap_or_default();
        let text = format!("'config_options' of the target: DuckDB knows no option named {names}");
        return AdapterError::new(AdapterErrorKind::Configuration, text)
            .with_hint("DuckDB lists its options with: from duckdb_settings()");
    }
    if has("Corrupt database file") || has("checksum") {
        return failed(format!("the database file {shown} is damaged:\n{message}")).with_hint(
            "restore it from a backup; a database that only kpi writes can be deleted and built again",
        );
    }
    if has("not a valid DuckDB database file") || has("is not a database") {
        return failed(format!("{shown} is not a DuckDB database file"))
            .with_hint("'path' of the target must name a DuckDB file, or one that does not exist yet");
    }
    if let Some(file) = file {
        if let Some(folder) = file.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
            return failed(format!("the folder of the database file does not exist: {}", folder.display()))
                .with_hint(format!("create it: mkdir -p {}", folder.display()));
        }
        if file.is_dir() {
            return failed(format!("'path' of the target is a folder: {}", file.display()))
                .with_hint(format!("name a file in it: {}", file.join("dev.duckdb").display()));
        }
    }
    if has("Permission denied") || has("Read-only file system") {
        return failed(format!("the database file {shown} cannot be written: permission denied"))
            .with_hint("check the owner of the file and its folder, or choose another 'path'");
    }
    let error = of_message(message);
    let hint = error.hint.clone();
    let mut failed = failed(format!("the database {shown} cannot be opened: {}", error.message));
    failed.hint = hint;
    failed
}

/// The process that holds the lock: `Conflicting lock is held in /usr/bin/duckdb (PID 123)`.
fn holder(message: &str) -> Option<(u32, Option<String>)> {
    let rest = message.get(message.find("PID ")? + 4..)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let pid = digits.parse().ok()?;
    let name = message
        .find("held in ")
        .and_then(|i| message.get(i + 8..))
        .and_then(|rest| rest.split(" (PID").next())
        .and_then(|path| path.rsplit('/').next())
        .map(|name| name.trim().to_owned());
    Some((pid, name.filter(|n| !n.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_from_the_excerpt() {
        let text = "Binder Error: Referenced column \"y\" not found in FROM clause!\nCandidate bindings: \"x\"\n\nLINE 2: from t where y = 1\n                     ^";
        let error = of_message(text.to_owned());
        assert_eq!(error.position, Some((2, 14)));
        assert_eq!(error.code.as_deref(), Some("Binder"));
        assert_eq!(of_message("INTERRUPT Error: Interrupted!".into()).kind, AdapterErrorKind::Cancelled);
    }

    #[test]
    fn other_versions_are_told_apart() {
        let text = "IO Error: Trying to read a database file with version number 99, but we can only read versions between 64 and 67.\nThe database file was created with a newer version of DuckDB.";
        let error = duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.to_owned()));
        let error = opening(&error, "dev.duckdb", None);
        assert!(
            error
                .message
                .starts_with("the database file dev.duckdb was written by another version of DuckDB")
        );
    }

    #[test]
    fn names_the_process_that_holds_the_file() {
        let text = "IO Error: Could not set lock on file \"/x/dev.duckdb\": Conflicting lock is held in /usr/bin/python3.11 (PID 4242). See also https://duckdb.org/docs/stable/connect/concurrency";
        let error = duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.to_owned()));
        let error = opening(&error, "dev.duckdb", Some(Path::new("/x/dev.duckdb")));
        assert_eq!(error.message, "the database file /x/dev.duckdb is locked by process 4242 (python3.11)");
        assert!(error.hint.is_some());
    }
}
