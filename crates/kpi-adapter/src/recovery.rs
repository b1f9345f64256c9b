//! What a killed run leaves behind, and how the next one clears it away.

use crate::{AdapterError, Connection, Fetch, Relation, RelationType};
use rustc_hash::FxHashMap;

/// A relation that was being built.
const STAGED: &str = "__dbt_tmp";
/// The old relation while the new one takes its name.
const BACKUP: &str = "__dbt_backup";

/// A statement that clears something away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryStep {
    /// What to run.
    pub sql: String,
    /// What it does, for the log.
    pub description: String,
}

/// What to do about the leftovers among the relations of a schema. A backup whose relation is missing takes its place
/// again: that run had no transactions and was killed between the two renames. All others are dropped.
pub fn recovery_steps(relations: &[Relation]) -> Vec<RecoveryStep> {
    let leftover =
        |name: &str| [STAGED, BACKUP].iter().any(|end| name.len() > end.len() && name.ends_with(end));
    if !relations.iter().any(|r| r.identifier.as_deref().is_some_and(leftover)) {
        return Vec::new();
    }
    let by_name: FxHashMap<&str, &Relation> =
        relations.iter().filter_map(|r| Some((r.identifier.as_deref()?, r))).collect();
    let mut steps = Vec::new();
    for relation in relations {
        let Some(name) = relation.identifier.as_deref().filter(|name| leftover(name)) else { continue };
        let kind = if relation.kind == Some(RelationType::View) { "view" } else { "table" };
        match name.strip_suffix(BACKUP).filter(|original| !by_name.contains_key(original)) {
            Some(original) => steps.push(RecoveryStep {
                sql: format!("alter {kind} {relation} rename to {}", relation.quoted(original)),
                description: format!("restored {original} from {relation}"),
            }),
            None => steps.push(RecoveryStep {
                sql: format!("drop {kind} if exists {relation} cascade"),
                description: format!("dropped {relation}, which an interrupted run left"),
            }),
        }
    }
    steps
}

/// Lists a schema and clears its leftovers away. Returns what is there then, and what was done.
///
/// # Errors
/// The database's.
pub fn list_recovered(
    session: &mut dyn Connection,
    database: Option<&str>,
    schema: &str,
) -> Result<(Vec<Relation>, Vec<String>), AdapterError> {
    let relations = session.list_relations(database, schema)?;
    let steps = recovery_steps(&relations);
    if steps.is_empty() {
        return Ok((relations, Vec::new()));
    }
    for step in &steps {
        session.execute(&step.sql, Fetch::No)?;
    }
    let done = steps.into_iter().map(|s| s.description).collect();
    Ok((session.list_relations(database, schema)?, done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_without_their_relation_are_restored() {
        let relation = |name: &str| Relation::of("d", "s", name).with_kind(RelationType::Table);
        let steps = recovery_steps(&[
            relation("a"),
            relation("a__dbt_backup"),
            relation("b__dbt_backup"),
            relation("c__dbt_tmp").with_kind(RelationType::View),
            relation("__dbt_tmp"),
        ]);
        let sql: Vec<&str> = steps.iter().map(|s| s.sql.as_str()).collect();
        assert_eq!(
            sql,
            [
                r#"drop table if exists "d"."s"."a__dbt_backup" cascade"#,
                r#"alter table "d"."s"."b__dbt_backup" rename to "b""#,
                r#"drop view if exists "d"."s"."c__dbt_tmp" cascade"#,
            ]
        );
    }
}
