//! A build beside production: what grows starts from production's rows, and what has not changed is not built again.

use super::history::EarlierBuild;
use super::{copied, copy_of};
use crate::compile::Compiled;
use crate::engine::Engine;
use crate::node_run::Outcome;
use crate::scope::NodeScope;
use kpi_adapter::{Fetch, NodeConnection, Relation, RelationType};
use kpi_artifacts::NodeStatus;
use kpi_jinja::Result;
use kpi_manifest::{Manifest, Node, QUARANTINE_SUFFIX, ResourceType};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Names that give another value at each call, or read what no mark covers: a model that has one of them is always
/// built.
const VOLATILE: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "date_now",
    "gen_random_uuid",
    "get_current_time",
    "get_current_timestamp",
    "getdate",
    "glob",
    "localtime",
    "localtimestamp",
    "nextval",
    "normal",
    "now",
    "rand",
    "randn",
    "random",
    "randstr",
    "sample",
    "seq1",
    "seq2",
    "seq4",
    "seq8",
    "setseed",
    "sysdate",
    "systimestamp",
    "tablesample",
    "today",
    "transaction_timestamp",
    "uniform",
    "uuid",
    "uuid_string",
    "uuidv4",
    "uuidv7",
    "zipf",
];

/// What of a project is built beside production, and what came of it.
pub struct Staging {
    /// What the names of its schemas end in.
    suffix: Arc<str>,
    /// References to these nodes mean the relations beside production; to all others those of production.
    nodes: FxHashSet<Arc<str>>,
    /// What production was built from, by node.
    earlier: FxHashMap<Arc<str>, EarlierBuild>,
    /// What told of rows before the build, by unique id: of sources, of nodes that are not built, and of those that are
    /// where all are told of at once.
    marks: FxHashMap<Arc<str>, String>,
    built: Mutex<FxHashMap<Arc<str>, Built>>,
}

/// What came of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Built {
    /// Production's is as good as a new one.
    pub unchanged: bool,
    /// Of its SQL and config.
    pub fingerprint: Option<String>,
    /// Its SQL with the names of production.
    pub code: Option<String>,
}

impl Staging {
    /// A build of `nodes` (unique ids) in schemas with this suffix, which knows nothing of production.
    pub fn new(suffix: &str, nodes: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self {
            suffix: suffix.into(),
            nodes: nodes.into_iter().collect(),
            earlier: FxHashMap::default(),
            marks: FxHashMap::default(),
            built: Mutex::default(),
        }
    }

    /// With what production was built from, and what tells of the rows of the inputs now.
    pub(crate) fn knowing(
        mut self,
        earlier: FxHashMap<Arc<str>, EarlierBuild>,
        marks: FxHashMap<Arc<str>, String>,
    ) -> Self {
        self.earlier = earlier;
        self.marks = marks;
        self
    }

    /// What the names of its schemas end in.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Whether references to the node mean the relation beside production.
    pub fn holds(&self, id: &str) -> bool {
        self.nodes.contains(id)
    }

    /// A text of the build with the names of production.
    pub fn of_production(&self, text: &str) -> String {
        text.replace(&*self.suffix, "")
    }

    pub(crate) fn built(&self, id: &str) -> Option<Built> {
        self.built.lock().get(id).cloned()
    }

    pub(crate) fn mark(&self, id: &str) -> Option<&String> {
        self.marks.get(id)
    }

    /// What the fingerprint of a node is: SQL with the names of production, config, columns, and the file of a seed.
    fn fingerprint(&self, node: &Node, compiled: Option<&Compiled>) -> String {
        let mut digest = Sha256::new();
        let mut part = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        };
        part(&compiled.map(|compiled| self.of_production(&compiled.code)).unwrap_or_default());
        part(&node.checksum.checksum);
        part(&Json::Object(node.config.effective()).to_string());
        part(&Json::Array(node.constraints.clone()).to_string());
        for column in node.columns.values() {
            part(&column.name);
            part(column.data_type.as_deref().unwrap_or_default());
            part(&Json::Array(column.constraints.clone()).to_string());
            part(&column.description);
        }
        part(&node.description);
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether all that a node reads is as it was when production's was built.
    fn same_inputs(&self, manifest: &Manifest, node: &Node, earlier: &EarlierBuild) -> bool {
        inputs_of(manifest, node).iter().all(|input| {
            if self.holds(input) {
                return self.built.lock().get(input).is_some_and(|built| built.unchanged);
            }
            let then = earlier.inputs.get(&**input).and_then(Json::as_str);
            then.is_some() && then == self.mark(input).map(String::as_str)
        })
    }
}

/// Sources and nodes that a node reads: ephemeral models stand for what they read.
pub(crate) fn inputs_of(manifest: &Manifest, node: &Node) -> Vec<Arc<str>> {
    let mut inputs = Vec::new();
    let mut seen: FxHashSet<Arc<str>> = FxHashSet::default();
    let mut open: Vec<Arc<str>> = node.depends_on_nodes.clone();
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        match manifest.node(&id) {
            Some(parent) if parent.is_ephemeral() => open.extend(parent.depends_on_nodes.iter().cloned()),
            _ => inputs.push(id),
        }
    }
    inputs.sort();
    inputs
}

/// Whether the same SQL over the same rows may give other rows.
fn is_volatile(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    if words.any(|word| VOLATILE.contains(&word) || word.starts_with("read_")) {
        return true;
    }
    // A file can be read by its mere name: `from 'orders.csv'`, `from @stage/orders.csv`.
    let spaced = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    ["from '", "join '", "from @", "join @"].iter().any(|start| spaced.contains(start))
}

impl Engine {
    /// Gives a table that grows production's rows to start from.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn bring_start(&self, node: &Node, connection: &Arc<NodeConnection>) -> Result<()> {
        if self.options.staging.is_none() || !node.is_refable() {
            return Ok(());
        }
        let anew = ["table", "view", "seed", "materialized_view", "dynamic_table", "interactive_table"];
        if anew.contains(&node.config.materialized()) {
            return Ok(());
        }
        if node.resource_type != ResourceType::Snapshot && self.full_refresh(node) {
            return Ok(());
        }
        let Some(production) = self.production_table(node, "") else { return Ok(()) };
        // What its expectations keep out of it grows too.
        let quarantine = self.production_table(node, QUARANTINE_SUFFIX);
        for from in std::iter::once(production).chain(quarantine) {
            let mut staged = node.relation().with_kind(RelationType::Table);
            staged.identifier.clone_from(&from.identifier);
            copied(connection, &from, &staged, copy_of(node))?;
            self.cache.add(staged);
        }
        Ok(())
    }

    /// The node's table in production, or the one beside it whose name has this ending, if it is a table.
    fn production_table(&self, node: &Node, ending: &str) -> Option<Relation> {
        let deferred = node.deferred.as_ref()?;
        let mut relation = deferred.relation().with_kind(RelationType::Table);
        relation.identifier = Some(format!("{}{ending}", deferred.alias).into());
        let name = relation.identifier.as_deref().unwrap_or_default();
        let found = self.cache.get_relation(deferred.database.as_deref(), &deferred.schema, name)?;
        (found.kind == Some(RelationType::Table)).then_some(relation)
    }

    /// The outcome of a node that need not be built: its SQL, config and inputs are those of production, whose rows
    /// nobody has touched. It is a clone of production's (a view of it where the database has no clones). `None`: it is
    /// to be built.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn reuse(
        self: &Arc<Self>,
        node: &Node,
        compiled: Option<&Arc<Compiled>>,
        scope: &Arc<NodeScope>,
    ) -> Result<Option<Outcome>> {
        let Some(staging) = self.options.staging.as_ref().filter(|_| node.is_refable()) else {
            return Ok(None);
        };
        let fingerprint = staging.fingerprint(node, compiled.map(|compiled| &**compiled));
        let code = compiled.map(|compiled| staging.of_production(&compiled.code));
        let is_python = node.language == "python";
        let steady =
            !is_python && !code.as_deref().is_some_and(|code| is_volatile(&self.own_sql(node, code)));
        let mut built = Built { unchanged: false, fingerprint: Some(fingerprint.clone()), code };
        let earlier = staging.earlier.get(&node.unique_id).filter(|earlier| {
            steady && earlier.fingerprint == fingerprint && staging.same_inputs(&self.manifest, node, earlier)
        });
        let mut outcome = None;
        if let Some(earlier) = earlier {
            let is_view = node.config.materialized() == "view";
            match self.production_table(node, "") {
                // A view costs nothing and is made again, but what reads it need not be.
                None => built.unchanged = is_view,
                Some(production) => {
                    let mark = match staging.mark(&node.unique_id) {
                        Some(mark) => Some(mark.clone()),
                        // Nobody else writes meanwhile, and to look at all rows of all tables takes its time.
                        None if self.adapter.is_exclusive() => {
                            let mark = scope.connection.change_marks(std::slice::from_ref(&production));
                            mark.ok().and_then(|marks| marks.into_iter().next().flatten())
                        }
                        None => None,
                    };
                    let same = mark.is_some() && mark == earlier.mark;
                    if same && !is_view {
                        built.unchanged = true;
                        outcome = Some(self.stand_in(node, &production, scope)?);
                    }
                }
            }
        }
        staging.built.lock().insert(node.unique_id.clone(), built);
        Ok(outcome)
    }

    /// SQL without the sources in it: whether their rows have changed is told by themselves, be they files or functions.
    fn own_sql(&self, node: &Node, code: &str) -> String {
        let inputs = inputs_of(&self.manifest, node);
        let sources = inputs.iter().filter_map(|id| self.manifest.sources.get(id));
        sources.fold(code.to_owned(), |sql, source| sql.replace(&source.relation().render(), " kpi_source "))
    }

    /// Makes the node's relation one that has production's rows.
    fn stand_in(self: &Arc<Self>, node: &Node, production: &Relation, scope: &NodeScope) -> Result<Outcome> {
        let own = node.relation();
        let connection = &scope.connection;
        let there = self.cache.get_relation(own.database.as_deref(), &node.schema, &node.alias);
        let kind = if there.is_some_and(|relation| relation.kind == Some(RelationType::Table)) {
            // It grows, and has production's rows already.
            RelationType::Table
        } else if self.adapter.has_transactional_ddl() {
            let sql = format!("create or replace view {own} as select * from {production}");
            connection.execute(&sql, false, Fetch::No)?;
            RelationType::View
        } else {
            copied(connection, production, &own, copy_of(node))?;
            RelationType::Table
        };
        self.cache.add(own.with_kind(kind));
        let mut outcome = Outcome::of(NodeStatus::Success);
        outcome.message = Some("UNCHANGED".to_owned());
        outcome.response = Map::from_iter([("_message".to_owned(), Json::from("UNCHANGED"))]);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::is_volatile;

    #[test]
    fn what_may_give_other_rows_is_told_from_what_may_not() {
        for sql in [
            "select now()",
            "select CURRENT_DATE as day from orders",
            "select * from read_csv('x.csv')",
            "select *\nfrom\n  'orders.parquet'",
            "select * from t using sample 10",
        ] {
            assert!(is_volatile(sql), "{sql}");
        }
        for sql in ["select 'a' as now_or_never from orders", "select id, known from orders where kind = 'x'"]
        {
            assert!(!is_volatile(sql), "{sql}");
        }
    }
}
