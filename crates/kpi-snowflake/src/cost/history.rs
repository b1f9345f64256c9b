//! The questions to the service about what ran, and how its answers are read.
//!
//! `information_schema.query_history_by_session` knows every statement of a session at once, but no partitions;
//! `get_query_operator_stats` knows those of one statement. Both are Snowflake's documented functions, and both let a user
//! see what that user ran (the second needs MONITOR or OPERATE on the warehouse).

use crate::answer::Answer;
use kpi_adapter::Partitions;
use std::collections::HashMap;

/// How many statements of a session the service tells at once.
pub(crate) const PAGE: usize = 10_000;

/// How many statements' operators are asked for at once.
pub(crate) const OPERATORS: usize = 20;

/// A statement of the history. Times in milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entry {
    pub query_id: String,
    pub session: u64,
    /// Where it ran. Without a size it needed no warehouse.
    pub warehouse: Option<String>,
    pub size: Option<String>,
    pub cluster: i64,
    pub start: i64,
    pub end: i64,
    pub compilation: i64,
    pub execution: i64,
    /// It waited for the warehouse to start.
    pub provisioning: i64,
    /// It waited for room, or for a server to be mended.
    pub waiting: i64,
    pub bytes_scanned: u64,
    pub cloud_services_credits: f64,
    pub partitions: Option<Partitions>,
}

impl Entry {
    /// Where and at which size it computed.
    pub fn place(&self) -> Option<(&str, &str)> {
        Some((self.warehouse.as_deref()?, self.size.as_deref()?))
    }
}

/// Column and expression. Epochs, since a session may print times in any format.
const COLUMNS: [(&str, &str); 13] = [
    ("query_id", "query_id"),
    ("session_id", "session_id"),
    ("warehouse_name", "warehouse_name"),
    ("warehouse_size", "warehouse_size"),
    ("cluster_number", "cluster_number"),
    ("start_ms", "date_part(epoch_millisecond, start_time)"),
    ("end_ms", "date_part(epoch_millisecond, end_time)"),
    ("compilation_time", "compilation_time"),
    ("execution_time", "execution_time"),
    ("queued_provisioning_time", "queued_provisioning_time"),
    ("waiting_time", "queued_overload_time + queued_repair_time"),
    ("bytes_scanned", "bytes_scanned"),
    ("credits_used_cloud_services", "credits_used_cloud_services"),
];

/// The statements of these sessions that ended. `until`: only those that ended before (milliseconds), by session.
pub(crate) fn of_sessions(database: &str, sessions: &[u64], until: &HashMap<u64, i64>) -> String {
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(name, from)| if name == from { (*name).to_owned() } else { format!("{from} as {name}") })
        .collect();
    let columns = columns.join(", ");
    let parts: Vec<String> = sessions
        .iter()
        .map(|session| {
            let end = until.get(session).map_or(String::new(), |end| {
                format!(", end_time_range_end => to_timestamp_ltz({end}, 3)")
            });
            format!(
                "select {columns}\nfrom table({database}.information_schema.query_history_by_session(session_id => \
                 {session}{end}, result_limit => {PAGE}))"
            )
        })
        .collect();
    parts.join("\nunion all\n")
}

/// The partitions of these statements.
pub(crate) fn of_operators(query_ids: &[&str]) -> String {
    let parts: Vec<String> = query_ids
        .iter()
        .map(|id| {
            format!(
                "select '{id}' as query_id, sum(operator_statistics:pruning.partitions_scanned::number) as scanned, \
                 sum(operator_statistics:pruning.partitions_total::number) as total\nfrom \
                 table(get_query_operator_stats('{id}'))"
            )
        })
        .collect();
    parts.join("\nunion all\n")
}

/// A cell by the column's name.
fn cell<'a>(answer: &Answer, row: &'a [Option<String>], name: &str) -> Option<&'a str> {
    let at = answer.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
    row.get(at)?.as_deref()
}

fn whole(text: Option<&str>) -> i64 {
    // Sums and differences may come with a fraction.
    text.and_then(|text| text.split('.').next()?.parse().ok()).unwrap_or(0)
}

fn count(text: Option<&str>) -> u64 {
    u64::try_from(whole(text)).unwrap_or(0)
}

/// The statements of an answer to [`of_sessions`]. One that still runs has no end and is left out.
pub(crate) fn entries(answer: &Answer) -> Vec<Entry> {
    let rows = answer.rows.iter().filter_map(|row| {
        let at = |name: &str| cell(answer, row, name);
        at("end_ms").filter(|end| whole(Some(end)) > 0)?;
        let text = |name: &str| at(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Entry {
            query_id: text("query_id")?,
            session: count(at("session_id")),
            warehouse: text("warehouse_name"),
            size: text("warehouse_size"),
            cluster: whole(at("cluster_number")),
            start: whole(at("start_ms")),
            end: whole(at("end_ms")),
            compilation: whole(at("compilation_time")),
            execution: whole(at("execution_time")),
            provisioning: whole(at("queued_provisioning_time")),
            waiting: whole(at("waiting_time")),
            bytes_scanned: count(at("bytes_scanned")),
            cloud_services_credits: at("credits_used_cloud_services")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0.0),
            partitions: None,
        })
    });
    rows.collect()
}

/// The partitions of an answer to [`of_operators`], by query id. A statement without a scan has none.
pub(crate) fn partitions(answer: &Answer) -> HashMap<String, Partitions> {
    let rows = answer.rows.iter().filter_map(|row| {
        let at = |name: &str| cell(answer, row, name);
        let found = Partitions { scanned: count(at("scanned")), total: count(at("total")) };
        Some((at("query_id")?.to_owned(), found))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_questions() {
        let until = HashMap::from([(22, 1_700_000_000_000)]);
        insta::assert_snapshot!(format!(
            "{}\n\n{}",
            of_sessions("ANALYTICS", &[11, 22], &until),
            of_operators(&["01b2-0001", "01b2-0002"])
        ));
    }

    #[test]
    fn answers_are_read_by_the_names_of_columns() {
        let column = |name: &str| json!({"name": name, "type": "text"});
        let names = ["QUERY_ID", "WAREHOUSE_SIZE", "END_MS", "BYTES_SCANNED", "WAITING_TIME", "START_MS"];
        let answer = Answer::of(&json!({
            "rowtype": names.map(column),
            "rowset": [["q1", "X-Small", "1700000000500.000", "1024", "3", "1700000000000"],
                       ["q2", null, null, null, null, "1700000000000"],
                       ["q3", "", "1700000000500", "-1", "much", null]],
        }))
        .unwrap();
        let found = entries(&answer);
        assert_eq!(found.len(), 2, "one still runs");
        assert_eq!(found[0].end - found[0].start, 500);
        assert_eq!((found[0].bytes_scanned, found[0].waiting), (1024, 3));
        assert_eq!((found[1].size.as_deref(), found[1].bytes_scanned, found[1].waiting), (None, 0, 0));
        assert!(entries(&Answer::default()).is_empty());
    }
}
