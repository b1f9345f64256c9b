//! The adapter methods of DuckDB's own materializations: files, indexes, temporary tables on MotherDuck.

use crate::arguments::text;
use crate::relation_parts::PathObject;
use crate::{AdapterFacts, Relation};
use kpi_jinja::{Args, Dict, Error, Interp, Object, Result, Value};
use std::path::Path;
use std::sync::Arc;

/// The methods that need no database.
pub(crate) fn call(facts: &AdapterFacts, interp: &mut Interp, name: &str, args: Args) -> Result<Value> {
    match name {
        "external_root" => Ok(Value::from(&facts.external_root)),
        "get_binding_char" => Ok(Value::from("?")),
        "escape_sql_string" => {
            let [value] = args.bind(name, ["value"])?;
            Ok(Value::from(text(value.as_ref()).replace('\'', "''")))
        }
        "external_write_options" => {
            let [location, options] = args.bind(name, ["write_location", "rendered_options"])?;
            write_options(&text(location.as_ref()), &options_of(options.as_ref())?).map(Value::from)
        }
        "external_read_location" => {
            let [location, options] = args.bind(name, ["write_location", "rendered_options"])?;
            Ok(Value::from(read_location(&text(location.as_ref()), &options_of(options.as_ref())?)))
        }
        "get_seed_file_path" => {
            let [model] = args.bind(name, ["model"])?;
            let model = model.unwrap_or(Value::None);
            let root = model.get_item(interp, &Value::from("root_path"))?;
            let file = model.get_item(interp, &Value::from("original_file_path"))?;
            let root = if root.is_true() { root.to_str() } else { ".".into() };
            Ok(Value::from(Path::new(&*root).join(&*file.to_str()).to_string_lossy().into_owned()))
        }
        "parse_index" => {
            let [raw] = args.bind(name, ["raw_index"])?;
            parse_index(raw.as_ref())
        }
        "batch_id_for_model" => {
            let [model] = args.bind(name, ["model"])?;
            batch_id(interp, &model.unwrap_or(Value::None))
        }
        "get_temp_relation_path" => {
            let [model, batch] = args.bind(name, ["model", "batch_id?"])?;
            let model = model.unwrap_or(Value::None);
            let identifier = model.get_attr(interp, "identifier")?.to_str();
            let database = model.get_attr(interp, "database")?;
            let mut temporary = format!("{identifier}__{}", temporary_suffix(facts, &identifier));
            if let Some(batch) = batch.filter(Value::is_true) {
                temporary.push_str(&format!("__{batch}"));
            }
            Ok(Value::object(PathObject {
                database: database.as_str().map(Into::into),
                schema: Some("dbt_temp".into()),
                identifier: Some(temporary.into()),
            }))
        }
        _ => Err(Error::compilation(format!("adapter.{name} is not available for {}", facts.adapter_type))),
    }
}

/// The same suffix for a model during one run, another one in the next.
fn temporary_suffix(facts: &AdapterFacts, model: &Arc<str>) -> String {
    let mut learned = facts.learned.lock();
    let fresh = || {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as u64);
        format!("{:012x}", (nanos ^ u64::from(std::process::id())) & 0xffff_ffff_ffff)
    };
    learned.temporary.entry(model.clone()).or_insert_with(fresh).clone()
}

fn options_of(value: Option<&Value>) -> Result<Dict> {
    match value {
        Some(Value::Dict(dict)) => Ok(dict.clone()),
        _ => Err(Error::type_error("the options of an external file must be a dict")),
    }
}

/// The options of `COPY ... TO`: the format from the file's extension, a header for CSV, parentheses round several
/// partition columns. What is found out is written back into the dict, as dbt-duckdb does.
fn write_options(location: &str, options: &Dict) -> Result<String> {
    let split = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or(name);
        file.rfind('.').filter(|i| *i > 0).map(|i| {
            let cut = name.len() - file.len() + i;
            (
                name.get(..cut).unwrap_or_default().to_owned(),
                name.get(cut..).unwrap_or_default().to_lowercase(),
            )
        })
    };
    if !options.contains_key("format") {
        let (root, mut extension) = split(location).unwrap_or_else(|| (location.to_owned(), String::new()));
        let compression = match extension.as_str() {
            ".gz" => Some("gzip"),
            ".zst" => Some("zstd"),
            _ => None,
        };
        if compression.is_some() {
            extension = split(&root).map(|(_, e)| e).unwrap_or_default();
        }
        if let Some(format) = extension.strip_prefix('.').filter(|f| !f.is_empty()) {
            options.insert("format", format);
            if let Some(compression) = compression.filter(|_| !options.contains_key("compression")) {
                options.insert("compression", compression);
            }
        } else if options.contains_key("delimiter") {
            options.insert("format", "csv");
        } else {
            options.insert("format", "parquet");
        }
    }
    if options.get("format").is_some_and(|f| f.as_str() == Some("csv")) && !options.contains_key("header") {
        options.insert("header", 1);
    }
    if let Some(columns) = options.get("partition_by") {
        let columns = columns.to_str();
        if columns.contains(',') && !columns.starts_with('(') {
            options.insert("partition_by", format!("({columns})"));
        }
    }
    let printed = options.str_entries().into_iter().map(|(key, value)| {
        let value = value.to_str();
        let quoted = matches!(key.to_lowercase().as_str(), "delimiter" | "quote" | "escape" | "null");
        if quoted && !value.starts_with('\'') { format!("{key} '{value}'") } else { format!("{key} {value}") }
    });
    Ok(printed.collect::<Vec<_>>().join(", "))
}

/// What reads the files back that were written: a glob for a partitioned folder.
fn read_location(location: &str, options: &Dict) -> String {
    let set = |key: &str| options.get(key).filter(Value::is_true);
    let partitions = set("partition_by");
    if partitions.is_none() && set("per_thread_output").is_none() {
        return location.to_owned();
    }
    let depth = partitions.map_or(0, |p| p.to_str().split(',').count());
    let format = options.get("format").map_or_else(|| "parquet".into(), |f| f.to_str());
    format!("{location}/*{}.{format}", "/*".repeat(depth))
}

fn parse_index(raw: Option<&Value>) -> Result<Value> {
    let invalid = |why: String| Error::compilation(format!("Could not parse index config: {why}"));
    let Some(raw) = raw.filter(|r| !r.is_none()) else { return Ok(Value::None) };
    let Some(dict) = raw.as_dict() else {
        return Err(invalid(format!("expected a dict, got a {} ({})", raw.type_name(), raw.repr())));
    };
    for (key, _) in dict.str_entries() {
        if !matches!(&*key, "columns" | "unique") {
            return Err(invalid(format!("unknown key '{key}'; known keys are 'columns' and 'unique'")));
        }
    }
    let columns = dict.get("columns").and_then(|c| c.as_sequence());
    let Some(columns) = columns.filter(|c| c.iter().all(|c| c.as_str().is_some())) else {
        return Err(invalid("'columns' must be a list of column names".to_owned()));
    };
    let unique = dict.get("unique").is_some_and(|u| u.is_true());
    Ok(Value::object(IndexConfig { columns: columns.iter().map(Value::to_str).collect(), unique }))
}

/// An index that a model's config asks for.
struct IndexConfig {
    columns: Vec<Arc<str>>,
    unique: bool,
}

impl Object for IndexConfig {
    fn type_name(&self) -> &str {
        "DuckDBIndexConfig"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "columns" => Some(Value::list(self.columns.iter().map(Value::from))),
            "unique" => Some(Value::Bool(self.unique)),
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name != "render" {
            return Ok(None);
        }
        let [relation] = args.bind(name, ["relation"])?;
        let relation = relation.as_ref().and_then(Value::downcast_ref::<Relation>).map(Relation::render);
        // The name must differ from run to run: the index of the table that is being replaced still has the last one.
        let now = chrono::Utc::now().to_rfc3339();
        let mut parts: Vec<String> = self.columns.iter().map(|c| c.to_string()).collect();
        parts.extend([relation.unwrap_or_default(), self.unique.to_string(), now]);
        Ok(Some(Value::from(digest(&parts.join("_")))))
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// 128 bits of the text in hex. Only has to be unlikely to repeat.
fn digest(text: &str) -> String {
    use std::hash::{BuildHasher, Hasher};
    let halves = [0u8, 1].map(|half| {
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write(text.as_bytes());
        hasher.write_u8(half);
        hasher.finish()
    });
    format!("{:016x}{:016x}", halves[0], halves[1])
}

/// The start of the batch as a suffix for names; empty outside of microbatches.
fn batch_id(interp: &mut Interp, model: &Value) -> Result<Value> {
    let batch = match model {
        Value::Dict(dict) => dict.get("batch").unwrap_or(Value::None),
        Value::Object(_) => model.get_attr(interp, "batch")?,
        _ => Value::None,
    };
    if !batch.is_true() {
        return Ok(Value::empty());
    }
    let start = batch.get_attr(interp, "event_time_start")?;
    if !start.is_true() {
        return Ok(Value::empty());
    }
    let id: String = start
        .to_str()
        .chars()
        .filter(|c| !matches!(c, '-' | ':' | '+'))
        .map(|c| if c == ' ' { '_' } else { c })
        .collect();
    Ok(Value::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(entries: &[(&str, &str)]) -> Dict {
        Dict::of(entries.iter().map(|(k, v)| (*k, Value::from(*v))))
    }

    #[test]
    fn the_format_follows_the_extension() {
        let written = |location, entries: &[(&str, &str)]| write_options(location, &options(entries)).ok();
        assert_eq!(written("out/a.parquet", &[]).as_deref(), Some("format parquet"));
        assert_eq!(written("a.CSV.GZ", &[]).as_deref(), Some("format csv, compression gzip, header 1"));
        assert_eq!(written("folder", &[]).as_deref(), Some("format parquet"));
        assert_eq!(
            written("folder", &[("delimiter", "|")]).as_deref(),
            Some("delimiter '|', format csv, header 1")
        );
        assert_eq!(
            written("f", &[("format", "parquet"), ("partition_by", "a, b")]).as_deref(),
            Some("format parquet, partition_by (a, b)")
        );
    }

    #[test]
    fn partitions_are_read_by_glob() {
        assert_eq!(read_location("a.csv", &options(&[])), "a.csv");
        assert_eq!(read_location("dir", &options(&[("partition_by", "a,b")])), "dir/*/*/*.parquet");
    }
}
