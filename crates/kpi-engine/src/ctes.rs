//! Puts the SQL of ephemeral parents in front of a node's own, as common table expressions.

use std::sync::Arc;

/// An ephemeral parent's unique id and its SQL: ` __dbt__cte__name as (...)`.
pub type Cte = (Arc<str>, Arc<str>);

/// The SQL of one expression.
pub fn cte_sql(identifier: &str, sql: &str) -> String {
    format!(" {} as (\n{sql}\n)", cte_name(identifier))
}

/// The name by which an ephemeral model is referred to.
pub fn cte_name(identifier: &str) -> String {
    format!("__dbt__cte__{identifier}")
}

/// `sql` with the expressions in front: after its own `with` (and `recursive`) if it begins with one.
pub fn inject(sql: &str, ctes: &[Cte]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let joined = ctes.iter().map(|(_, s)| &**s).collect::<Vec<_>>().join(", ");
    match end_of_with(sql) {
        Some(end) => {
            let next = sql.len() - sql[end..].trim_start().len();
            format!("{}{joined}, {}", &sql[..next], &sql[next..])
        }
        None => {
            let start = sql.len() - sql.trim_start().len();
            format!("{}with{joined} {}", &sql[..start], &sql[start..])
        }
    }
}

/// The offset behind the first top-level `with` (or `with recursive`) of a statement, if it has one.
fn end_of_with(sql: &str) -> Option<usize> {
    let bytes = sql.as_bytes();
    let mut i = 0;
    let mut depth = 0usize;
    let mut found = None;
    while i < bytes.len() {
        let rest = &sql[i..];
        let c = bytes[i];
        if rest.starts_with("--") {
            i += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if rest.starts_with("/*") {
            i += rest.find("*/").map_or(rest.len(), |n| n + 2);
            continue;
        }
        if c == b'\'' || c == b'"' || c == b'`' {
            let quote = c as char;
            if found.is_some() {
                return found;
            }
            i += 1 + rest[1..].find(quote).map_or(rest.len() - 1, |n| n + 1);
            continue;
        }
        match c {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c.is_ascii_alphabetic() || c == b'_' {
            let word_len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let word = &rest[..word_len];
            if found.is_some() {
                return if word.eq_ignore_ascii_case("recursive") { Some(i + word_len) } else { found };
            }
            if depth == 0 && word.eq_ignore_ascii_case("with") {
                found = Some(i + word_len);
            } else if depth == 0 && word.eq_ignore_ascii_case("select") {
                return None;
            }
            i += word_len;
            continue;
        }
        if !c.is_ascii_whitespace() && found.is_some() {
            return found;
        }
        i += rest.chars().next().map_or(1, char::len_utf8);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<Cte> {
        vec![("model.p.a".into(), cte_sql("a", "select 1").into())]
    }

    #[test]
    fn a_statement_without_with_gets_one() {
        assert_eq!(
            inject("\nselect * from __dbt__cte__a", &one()),
            "\nwith __dbt__cte__a as (\nselect 1\n) select * from __dbt__cte__a"
        );
    }

    #[test]
    fn a_statement_with_its_own_with_keeps_it() {
        assert_eq!(
            inject("-- with\nWITH b as (select 1) select * from b", &one()),
            "-- with\nWITH  __dbt__cte__a as (\nselect 1\n), b as (select 1) select * from b"
        );
    }

    #[test]
    fn recursive_stays_behind_with() {
        assert_eq!(
            inject("with recursive b as (select 1) select * from b", &one()),
            "with recursive  __dbt__cte__a as (\nselect 1\n), b as (select 1) select * from b"
        );
    }

    #[test]
    fn a_with_inside_a_string_or_a_subquery_does_not_count() {
        assert!(
            inject("select 'with' from (with x as (select 1) select * from x)", &one())
                .starts_with("with __dbt")
        );
    }

    #[test]
    fn text_that_is_no_sql_is_left_in_one_piece() {
        assert_eq!(inject("é'", &one()), "with __dbt__cte__a as (\nselect 1\n) é'");
    }
}
