//! What statements cost: figures of a service's own history, by node and for a whole run, and estimates of statements
//! that have not run.

use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// How much a target is asked about the cost of a run (`--cost`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CostDetail {
    /// Nothing: no cost is told.
    None,
    /// The history of the run's sessions: one question at the end of the run.
    Basic,
    /// Besides the partitions of what scanned most, as long as asking takes a small part of the run's time.
    #[default]
    Auto,
    /// The partitions of every statement that scanned anything.
    Full,
}

impl CostDetail {
    /// The words of `--cost`, in the order of growing detail.
    pub const WORDS: [&'static str; 4] = ["none", "basic", "auto", "full"];

    /// The detail that a word means.
    pub fn of(word: &str) -> Option<Self> {
        let at = Self::WORDS.iter().position(|known| known.eq_ignore_ascii_case(word))?;
        [Self::None, Self::Basic, Self::Auto, Self::Full].get(at).copied()
    }
}

/// Micro-partitions: the files that a table consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Partitions {
    /// Those that were read (or, before a statement runs, that may have to be).
    pub scanned: u64,
    /// Those of all tables that were read.
    pub total: u64,
}

impl Partitions {
    /// Both counts together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            scanned: self.scanned.saturating_add(other.scanned),
            total: self.total.saturating_add(other.total),
        }
    }
}

/// Figures of one or more statements.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CostFigures {
    /// How many, those that no warehouse was needed for included.
    pub statements: u64,
    /// Bytes that were read.
    pub bytes_scanned: u64,
    /// `None`: not known.
    pub partitions: Option<Partitions>,
    /// Seconds of computing, summed over statements.
    pub execution_seconds: f64,
    /// Seconds until a statement had a plan.
    pub compilation_seconds: f64,
    /// Seconds in which statements waited: for the warehouse to start or to have room.
    pub queued_seconds: f64,
    /// Estimated credits of warehouses: a share of what the run used. `None`: the warehouse's rate is not known.
    pub credits: Option<f64>,
    /// Credits that the history gives for the service's own work (compiling, metadata). Most are not billed.
    pub cloud_services_credits: f64,
}

/// Thousandths of a second are what the history knows.
fn seconds(value: f64) -> Json {
    json!((value * 1000.0).round() / 1000.0)
}

/// A billionth of a credit is far below a cent.
fn credits(value: f64) -> Json {
    json!((value * 1e9).round() / 1e9)
}

impl CostFigures {
    /// Adds another's, but for credits and partitions, which may be unknown for one of the two.
    pub fn add(&mut self, other: &Self) {
        self.statements += other.statements;
        self.bytes_scanned = self.bytes_scanned.saturating_add(other.bytes_scanned);
        self.execution_seconds += other.execution_seconds;
        self.compilation_seconds += other.compilation_seconds;
        self.queued_seconds += other.queued_seconds;
        self.cloud_services_credits += other.cloud_services_credits;
    }

    /// As artifacts have them; what is not known is left out.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut map = Map::new();
        map.insert("statements".into(), self.statements.into());
        map.insert("bytes_scanned".into(), self.bytes_scanned.into());
        if let Some(partitions) = self.partitions {
            map.insert("partitions_scanned".into(), partitions.scanned.into());
            map.insert("partitions_total".into(), partitions.total.into());
        }
        map.insert("execution_seconds".into(), seconds(self.execution_seconds));
        map.insert("compilation_seconds".into(), seconds(self.compilation_seconds));
        map.insert("queued_seconds".into(), seconds(self.queued_seconds));
        if let Some(sum) = self.credits {
            map.insert("credits".into(), credits(sum));
        }
        map
    }
}

/// What the statements of a node cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeCost {
    /// `model.shop.orders`
    pub unique_id: Arc<str>,
    /// The warehouse that computed longest for it; `None`: none was needed.
    pub warehouse: Option<Arc<str>>,
    /// `X-Small`
    pub warehouse_size: Option<Arc<str>>,
    /// Its share.
    pub figures: CostFigures,
}

impl NodeCost {
    /// What is added to the node's `adapter_response`.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut map = Map::new();
        for (key, value) in [("warehouse", &self.warehouse), ("warehouse_size", &self.warehouse_size)] {
            if let Some(value) = value {
                map.insert(key.into(), (&**value).into());
            }
        }
        map.extend(self.figures.to_json());
        map
    }
}

/// What a warehouse did in a run, at one size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WarehouseCost {
    /// Name.
    pub name: Arc<str>,
    /// `X-Small`
    pub size: Arc<str>,
    /// `STANDARD`, `STANDARD_GEN_2`, `SNOWPARK-OPTIMIZED`...
    pub kind: Arc<str>,
    /// How many of its clusters computed.
    pub clusters: u64,
    /// Of one cluster; `None`: not known.
    pub credits_per_hour: Option<f64>,
    /// Seconds in which at least one statement of the run computed, summed over clusters.
    pub active_seconds: f64,
    /// The same with at least 60 seconds after each time that the run made it start.
    pub billed_seconds: f64,
    /// How often the run made it start.
    pub resumes: u64,
    /// Statements that computed there. Credits and partitions are known where all are.
    pub figures: CostFigures,
}

impl WarehouseCost {
    /// As `cost.json` has it.
    pub fn to_json(&self) -> Json {
        let mut map = Map::new();
        map.insert("name".into(), (&*self.name).into());
        map.insert("size".into(), (&*self.size).into());
        map.insert("type".into(), (&*self.kind).into());
        map.insert("clusters".into(), self.clusters.into());
        map.insert("credits_per_hour".into(), json!(self.credits_per_hour));
        map.insert("active_seconds".into(), seconds(self.active_seconds));
        map.insert("billed_seconds".into(), seconds(self.billed_seconds));
        map.insert("resumes".into(), self.resumes.into());
        map.extend(self.figures.to_json());
        Json::Object(map)
    }
}

/// What a credit costs.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditPrice {
    /// Of one credit.
    pub amount: f64,
    /// `EUR`; empty where the setting names none.
    pub currency: String,
}

/// What a run cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunCost {
    /// By node, in the order in which they first sent something.
    pub nodes: Vec<NodeCost>,
    /// Statements of no node: schemas, lists of relations, `on-run-start`.
    pub others: CostFigures,
    /// All together.
    pub total: CostFigures,
    /// What computed, the most expensive first.
    pub warehouses: Vec<WarehouseCost>,
    /// Of the target's settings.
    pub price: Option<CreditPrice>,
    /// Statements that the history did not have.
    pub missing: u64,
    /// What is not whole about these figures, and why.
    pub notes: Vec<String>,
}

impl RunCost {
    /// The price of the run's credits.
    pub fn price_of_all(&self) -> Option<f64> {
        Some(self.price.as_ref()?.amount * self.total.credits?)
    }

    /// `warehouses`, `nodes`, `others`, `total` and what the figures lack.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut map = Map::new();
        let warehouses: Vec<Json> = self.warehouses.iter().map(WarehouseCost::to_json).collect();
        map.insert("warehouses".into(), warehouses.into());
        let nodes: Vec<Json> = self
            .nodes
            .iter()
            .map(|node| {
                let mut entry = Map::new();
                entry.insert("unique_id".into(), (&*node.unique_id).into());
                entry.extend(node.to_json());
                Json::Object(entry)
            })
            .collect();
        map.insert("nodes".into(), nodes.into());
        map.insert("others".into(), self.others.to_json().into());
        let mut total = self.total.to_json();
        total.insert("cloud_services_credits".into(), credits(self.total.cloud_services_credits));
        if let (Some(price), Some(sum)) = (&self.price, self.price_of_all()) {
            total.insert("price".into(), credits(sum));
            total.insert("currency".into(), price.currency.as_str().into());
        }
        map.insert("total".into(), total.into());
        map.insert("missing_statements".into(), self.missing.into());
        map.insert("notes".into(), json!(self.notes));
        map
    }
}

/// What the database says of a statement without running it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Micro-partitions that are left after pruning by constants, and those of all tables.
    pub partitions: Option<Partitions>,
    /// Bytes of those that are left.
    pub bytes: Option<u64>,
    /// Rows of all tables that are read.
    pub rows_scanned: Option<u64>,
    /// Rows that come out of it.
    pub rows: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut cost = NodeCost { unique_id: "model.shop.a".into(), ..NodeCost::default() };
        cost.figures.statements = 2;
        let keys = |cost: &NodeCost| cost.to_json().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            keys(&cost),
            "statements bytes_scanned execution_seconds compilation_seconds queued_seconds"
        );
        cost.warehouse = Some("WH".into());
        cost.figures.credits = Some(0.001_234_567_891);
        cost.figures.partitions = Some(Partitions { scanned: 1, total: 2 });
        assert_eq!(cost.to_json()["credits"], json!(0.001_234_568));
        assert_eq!(cost.to_json()["partitions_total"], json!(2));
        assert_eq!(CostDetail::of("FULL"), Some(CostDetail::Full));
        assert_eq!(CostDetail::of("much"), None);
    }
}
