//! What is known of a statement by its text: where one ends, whether it may be sent twice.

/// The statements of a text, without the semicolons between them; what holds only comments is left out.
///
/// A semicolon inside quotes, `$$` bodies, comments and `begin ... end` blocks of Snowflake Scripting does not end one.
pub(crate) fn split(sql: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut start = 0;
    let mut words = Words::default();
    let bytes = sql.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let rest = &bytes[i..];
        i += match rest {
            [b'\'', ..] => {
                words.other();
                quoted(rest, b'\'', true)
            }
            [b'"', ..] => {
                words.other();
                quoted(rest, b'"', false)
            }
            [b'$', b'$', ..] => {
                words.other();
                2 + find(&rest[2..], b"$$").map_or(rest.len() - 2, |at| at + 2)
            }
            [b'-', b'-', ..] | [b'/', b'/', ..] => find(rest, b"\n").map_or(rest.len(), |at| at + 1),
            [b'/', b'*', ..] => 2 + find(&rest[2..], b"*/").map_or(rest.len() - 2, |at| at + 2),
            [b';', ..] => {
                if words.ends_statement() {
                    statements.push(&sql[start..i]);
                    start = i + 1;
                    words = Words::default();
                }
                1
            }
            [c, ..] if c.is_ascii_alphanumeric() || *c == b'_' || *c >= 0x80 => {
                let length = rest
                    .iter()
                    .take_while(|c| c.is_ascii_alphanumeric() || **c == b'_' || **c >= 0x80)
                    .count();
                words.word(&rest[..length]);
                length
            }
            [c, ..] => {
                if !c.is_ascii_whitespace() {
                    words.other();
                }
                1
            }
            [] => 1,
        };
    }
    statements.push(&sql[start..]);
    statements.into_iter().map(str::trim).filter(|statement| !is_blank(statement)).collect()
}

/// Follows `begin ... end`: `begin` alone, or with `transaction`, `work` or `name`, opens a transaction and no block.
#[derive(Default)]
struct Words {
    depth: u32,
    /// `declare` stood in front of the block.
    declared: bool,
    first: bool,
    /// The word before was a `begin` that may open a block.
    begin: bool,
    /// How many `case` wait for their `end`.
    cases: u32,
    /// The word before was an `end` of the block.
    ended: bool,
    seen: bool,
}

impl Words {
    fn word(&mut self, word: &[u8]) {
        let is = |text: &str| word.eq_ignore_ascii_case(text.as_bytes());
        let ended = std::mem::take(&mut self.ended);
        if self.begin {
            self.begin = false;
            if !(is("transaction") || is("work") || is("name")) {
                self.depth += 1;
            }
        }
        self.first = !self.seen;
        self.seen = true;
        if is("declare") && self.first {
            self.declared = true;
        } else if is("begin") && (self.first || self.declared || self.depth > 0) {
            self.begin = true;
        } else if is("case") && !ended {
            self.cases += 1;
        } else if is("end") {
            if self.cases > 0 {
                self.cases -= 1;
            } else if self.depth > 0 {
                self.depth -= 1;
                self.ended = true;
                if self.depth == 0 {
                    self.declared = false;
                }
            }
        } else if ended && (is("if") || is("for") || is("loop") || is("while") || is("repeat")) {
            // `end if` closes what no `begin` opened.
            self.depth += 1;
        }
    }

    fn other(&mut self) {
        self.seen = true;
        if std::mem::take(&mut self.begin) {
            self.depth += 1;
        }
        self.ended = false;
    }

    fn ends_statement(&mut self) -> bool {
        // `begin;`
        self.begin = false;
        self.ended = false;
        self.depth == 0 && !self.declared
    }
}

fn quoted(bytes: &[u8], quote: u8, backslash: bool) -> usize {
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if backslash => i += 2,
            // A doubled quote stands for itself: the second one opens what follows.
            c if c == quote => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn is_blank(sql: &str) -> bool {
    first_words(sql).is_empty()
}

/// The first words of a statement, in lower case, behind comments and parentheses.
fn first_words(sql: &str) -> Vec<String> {
    leading_words(sql, 3)
}

fn leading_words(sql: &str, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = sql;
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    while words.len() < count {
        if let Some(comment) = rest.strip_prefix("--").or_else(|| rest.strip_prefix("//")) {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if rest.starts_with(in_word) {
            let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            words.push(rest[..end].to_lowercase());
            rest = &rest[end..];
        } else {
            let mut characters = rest.chars();
            if characters.next().is_none() {
                break;
            }
            rest = characters.as_str();
        }
    }
    words
}

/// A statement from its first word on, behind comments and parentheses.
pub(crate) fn behind_comments(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '(');
        if let Some(comment) = rest.strip_prefix("--").or_else(|| rest.strip_prefix("//")) {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else {
            return rest;
        }
    }
}

/// The words of a statement, in lower case, from behind comments and parentheses on.
pub(crate) fn words(sql: &str) -> impl Iterator<Item = String> + '_ {
    behind_comments(sql)
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Whether a statement that may have run can be run again with the same outcome.
pub(crate) fn is_idempotent(sql: &str) -> bool {
    let words = first_words(sql);
    let word = |i: usize| words.get(i).map_or("", String::as_str);
    match word(0) {
        // A query with a CTE may end in an insert.
        "with" => !sql.to_ascii_lowercase().contains("insert"),
        "select" | "show" | "describe" | "desc" | "explain" | "use" | "list" | "ls" | "values" | "put" => {
            true
        }
        "create" => {
            word(1) == "or" && word(2) == "replace" || sql.to_ascii_lowercase().contains("if not exists")
        }
        "drop" => sql.to_ascii_lowercase().contains("if exists"),
        "alter" => word(1) == "session",
        "comment" | "grant" | "revoke" | "rollback" => true,
        "insert" => word(1) == "overwrite",
        _ => false,
    }
}

/// What a statement sets or unsets in its session, by a name that a later one of the same kind replaces.
pub(crate) fn session_setting(sql: &str) -> Option<(String, bool)> {
    let words = leading_words(sql, 4);
    let word = |i: usize| words.get(i).map_or("", String::as_str);
    match (word(0), word(1)) {
        ("use", kind @ ("warehouse" | "role" | "secondary" | "database" | "schema")) => {
            Some((format!("use {kind}"), true))
        }
        // `use a.b`
        ("use", _) => Some(("use schema".to_owned(), true)),
        ("alter", "session") => Some((format!("session {}", word(3)), word(2) == "set")),
        _ => None,
    }
}

/// Whether a statement opens a transaction; a block of Snowflake Scripting begins with the same word.
pub(crate) fn opens_transaction(sql: &str) -> bool {
    let words = leading_words(sql, 2);
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["begin"] => true,
        ["begin", second] => matches!(second, "transaction" | "work" | "name"),
        ["start", second] => second == "transaction",
        _ => false,
    }
}

/// The first word of a statement, in lower case, behind comments.
pub(crate) fn first_word(sql: &str) -> String {
    leading_words(sql, 1).pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_everything() {
        let texts = [
            "select 1; select 2;",
            "select ';', \"a;b\", 'it''s; \\'; x' ; -- c; d\nselect 2 /* ; */",
            "create function f() returns int as $$ begin; return 1; $$; select 1",
            "begin; insert into t values (1); commit;",
            "begin transaction; delete from t; commit",
            "begin let x := 1; return case when x = 1 then 2 end; end; select 1",
            "declare n int; begin if (n > 1) then return 1; end if; return 2; end;",
            "-- nothing\n;;/* nothing */",
            "select 'open",
        ];
        let shown: Vec<String> = texts.iter().map(|text| format!("{:?}", split(text))).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn what_a_session_was_told_is_kept_by_its_name() {
        let told = |sql: &str| session_setting(sql).map(|(name, set)| format!("{name} {set}"));
        assert_eq!(told("use warehouse big").as_deref(), Some("use warehouse true"));
        assert_eq!(told("/* a */ USE WAREHOUSE big").as_deref(), Some("use warehouse true"));
        assert_eq!(told("use analytics.sales").as_deref(), Some("use schema true"));
        assert_eq!(told("alter session set query_tag = 'x'").as_deref(), Some("session query_tag true"));
        assert_eq!(told("alter session unset query_tag").as_deref(), Some("session query_tag false"));
        assert_eq!(told("alter table t add column a int"), None);
    }

    #[test]
    fn a_block_is_no_transaction() {
        for sql in [
            "begin",
            "BEGIN;",
            "begin transaction",
            "-- a\nbegin name t",
            "start transaction",
            "begin /* c */",
        ] {
            assert!(opens_transaction(sql), "{sql}");
        }
        for sql in ["begin let x := 1; end", "begin insert into t values (1); end;", "select 1", ""] {
            assert!(!opens_transaction(sql), "{sql}");
        }
    }

    #[test]
    fn a_first_word_stands_behind_comments() {
        assert_eq!(first_word("/* {\"app\": \"kpi\"} */ Commit"), "commit");
        assert_eq!(first_word("-- a\n begin"), "begin");
        assert_eq!(first_word("-- a"), "");
    }

    #[test]
    fn what_may_be_sent_twice() {
        for sql in [
            "select 1",
            "/* {\"app\": \"kpi\"} */ create or replace table t as (select 1)",
            "(select 1) union (select 2)",
            "with a as (select 1) select * from a",
            "create schema if not exists s",
            "drop table if exists t",
            "alter session set query_tag = 'x'",
            "insert overwrite into t select 1",
        ] {
            assert!(is_idempotent(sql), "{sql}");
        }
        for sql in [
            "insert into t values (1)",
            "merge into t using s on true when matched then delete",
            "create table t (a int)",
            "alter table t add column b int",
            "commit",
            "call p()",
            "with a as (select 1) insert into t select * from a",
        ] {
            assert!(!is_idempotent(sql), "{sql}");
        }
    }
}
