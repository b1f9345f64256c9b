//! What a killed run leaves behind, and how the next one clears it away.

use kpi_adapter::{AdapterError, Connection, Fetch, Relation, RelationType};
use rustc_hash::FxHashMap;

/// A table that was being built.
const STAGED: &str = "__dbt_tmp";
/// The old table while the new one takes its name.
const BACKUP: &str = "__dbt_backup";

/// Drops the leftovers in these schemas and says what was done. A backup whose table is missing takes its place
/// again: that run turned transactions off and was killed between the two renames.
pub(crate) fn recover(
    session: &mut dyn Connection,
    schemas: &[(Option<String>, String)],
) -> Result<Vec<String>, AdapterError> {
    let mut done = Vec::new();
    for (database, schema) in schemas {
        let relations = session.list_relations(database.as_deref(), schema)?;
        let by_name: FxHashMap<&str, &Relation> =
            relations.iter().filter_map(|r| Some((r.identifier.as_deref()?, r))).collect();
        for (name, relation) in &by_name {
            let kind = if relation.kind == Some(RelationType::View) { "view" } else { "table" };
            let backed_up = name.strip_suffix(BACKUP).filter(|original| !original.is_empty());
            if let Some(original) = backed_up.filter(|o| !by_name.contains_key(o)) {
                session.execute(
                    &format!("alter {kind} {relation} rename to \"{}\"", original.replace('"', "\"\"")),
                    Fetch::No,
                )?;
                done.push(format!("restored {original} from {relation}"));
            } else if backed_up.is_some() || name.strip_suffix(STAGED).is_some_and(|o| !o.is_empty()) {
                session.execute(&format!("drop {kind} if exists {relation} cascade"), Fetch::No)?;
                done.push(format!("dropped {relation}"));
            }
        }
    }
    Ok(done)
}
