//! Earlier versions: clones without a copy of rows, definitions of views, the past of a schema, and what tells whether a
//! table has changed.

use kpi_adapter::{Relation, TableCopy};

use crate::connection::{identifier, text};

/// `create or replace transient table TO clone FROM copy grants`: one statement, so readers see the old rows or the new
/// ones. With `copy grants` those keep their rights who had them on the table that is replaced (where both tables have
/// grants, Snowflake takes those of the replaced one).
pub(crate) fn clone_statement(from: &Relation, to: &Relation, copy: TableCopy) -> String {
    let kind = match copy {
        TableCopy { iceberg: true, .. } => "iceberg table",
        TableCopy { transient: true, .. } => "transient table",
        _ => "table",
    };
    format!("create or replace {kind} {to} clone {from} copy grants")
}

/// A schema as it was: of a schema's past Snowflake also clones the tables that were dropped or replaced since. What is
/// older than a table's retention is left out.
pub(crate) fn recall_statement(
    schema: &Relation,
    to: &Relation,
    at: chrono::DateTime<chrono::Utc>,
) -> String {
    format!(
        "create or replace transient schema {to} clone {schema} at (timestamp => '{}'::timestamp_tz) ignore tables \
         with insufficient data retention",
        at.format("%Y-%m-%d %H:%M:%S%.3f +0000")
    )
}

/// The definitions of the views of some schemas of a database, and whether they are secure.
pub(crate) fn definitions_query(database: Option<&str>, schemas: &[&str]) -> String {
    of_schemas("table_schema, table_name, view_definition, is_secure", "views", database, schemas, "")
}

/// When each table of some schemas of a database last changed.
pub(crate) fn marks_query(database: Option<&str>, schemas: &[&str]) -> String {
    let only_tables = " and table_type = 'BASE TABLE'";
    of_schemas("table_schema, table_name, to_varchar(last_altered)", "tables", database, schemas, only_tables)
}

fn of_schemas(columns: &str, view: &str, database: Option<&str>, schemas: &[&str], further: &str) -> String {
    let place = database.map(|database| format!("{}.", identifier(database))).unwrap_or_default();
    let schemas: Vec<String> = schemas.iter().map(|schema| text(&schema.to_uppercase())).collect();
    format!(
        "select {columns} from {place}information_schema.{view} where upper(table_schema) in ({}){further}",
        schemas.join(", ")
    )
}

/// Whether a service has told when: the beginning of time stands for that it does not know.
pub(crate) fn is_moment(mark: &str) -> bool {
    !mark.is_empty() && !mark.contains("1970")
}

/// The statement that makes a view again, for those who had rights on the present one too. Snowflake keeps the whole
/// statement that made it; where only its query is told, that is put in one.
pub(crate) fn definition(view: &Relation, told: &str, secure: bool) -> String {
    let told = told.trim().trim_end_matches(';').trim_end();
    let lower = told.to_ascii_lowercase();
    match lower.strip_prefix("create ") {
        Some(rest) if !rest.trim_start().starts_with("or replace ") => {
            with_grants(&format!("create or replace {}", &told[7..]))
        }
        Some(_) => with_grants(told),
        None => with_grants(&format!(
            "create or replace {}view {view} as {told}",
            if secure { "secure " } else { "" }
        )),
    }
}

/// With `copy grants` behind the name of the view and its columns, unless it says so already.
fn with_grants(statement: &str) -> String {
    let lower = statement.to_ascii_lowercase();
    let Some(name) = lower.find("view ").map(|at| at + "view ".len()) else { return statement.to_owned() };
    let mut at = name + outside_of_quotes(&statement[name..], |c, _| c.is_whitespace() || c == '(');
    let rest = &statement[at..];
    if rest.trim_start().starts_with('(') {
        at += outside_of_quotes(rest, |c, depth| c == ')' && depth == 1) + 1;
    }
    let clauses: Vec<&str> =
        lower[at..].split_whitespace().take_while(|word| *word != "as" && !word.starts_with("as(")).collect();
    match clauses.join(" ").contains("copy grants") {
        true => statement.to_owned(),
        false => format!("{} copy grants{}", &statement[..at], &statement[at..]),
    }
}

/// Where the first character stands that is meant, given how many brackets are open before it.
fn outside_of_quotes(text: &str, is_meant: impl Fn(char, u32) -> bool) -> usize {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, c) if is_meant(c, depth) => return at,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    text.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_its_zone() {
        let at =
            chrono::DateTime::parse_from_rfc3339("2025-01-15T09:00:00.25+01:00").expect("a moment").to_utc();
        let [from, to] = ["SALES", "SALES__RECALLED"].map(|s| Relation::of("DB", s, "").without_identifier());
        assert_eq!(
            recall_statement(&from, &to, at),
            "create or replace transient schema \"DB\".\"SALES__RECALLED\" clone \"DB\".\"SALES\" at (timestamp => \
             '2025-01-15 08:00:00.250 +0000'::timestamp_tz) ignore tables with insufficient data retention"
        );
    }

    #[test]
    fn a_definition_may_replace_what_is_there_and_keeps_rights() {
        let view = Relation::of("D", "S", "V");
        let made = |told: &str| definition(&view, told, true);
        assert_eq!(made("create view V as select 1;\n"), "create or replace view V copy grants as select 1");
        assert_eq!(
            made(
                "CREATE OR REPLACE SECURE VIEW d.\"my (view)\" (a comment 'x (y', \"b\") comment = 'n' AS (select 1, 2)"
            ),
            "CREATE OR REPLACE SECURE VIEW d.\"my (view)\" (a comment 'x (y', \"b\") copy grants comment = 'n' AS (select 1, 2)"
        );
        let whole = "create or replace view V(a)\n  copy grants\nas(\nselect 1)";
        assert_eq!(made(whole), whole);
        assert_eq!(
            made("select 1"),
            "create or replace secure view \"D\".\"S\".\"V\" copy grants as select 1"
        );
        assert_eq!(made("create view"), "create or replace view");
    }

    #[test]
    fn the_beginning_of_time_says_nothing() {
        assert!(is_moment("2025-01-15 08:00:00.123 +0000"));
        assert!(!is_moment("1970-01-01 00:00:00.000 +0000") && !is_moment(""));
    }
}
