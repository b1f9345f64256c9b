//! DuckDB's types: what a column's values are decoded as, and how the type is written.

use duckdb::core::{LogicalTypeHandle, LogicalTypeId};

/// How deep nested types are followed.
const MAX_NESTING: usize = 64;

/// A type with the types inside it.
#[derive(Debug, Clone)]
pub(crate) struct TypeNode {
    pub id: LogicalTypeId,
    /// As DuckDB writes it, where it can be told without the value: `DECIMAL(10,2)`, `INTEGER[]`.
    pub name: String,
    pub children: Vec<TypeNode>,
}

impl TypeNode {
    pub(crate) fn of(handle: &LogicalTypeHandle) -> Self {
        Self::nested(handle, 0)
    }

    fn nested(handle: &LogicalTypeHandle, depth: usize) -> Self {
        let id = handle.id();
        let count = if depth < MAX_NESTING { handle.num_children() } else { 0 };
        let children: Vec<TypeNode> = (0..count).map(|i| Self::nested(&handle.child(i), depth + 1)).collect();
        let inner = |i: usize| children.get(i).map_or("ANY", |c| c.name.as_str());
        let fields = || {
            let fields = children.iter().enumerate().map(|(i, child)| {
                let name = handle.try_child_name(i).unwrap_or_default();
                format!("{} {}", quoted(&name), child.name)
            });
            fields.collect::<Vec<_>>().join(", ")
        };
        let name = match id {
            LogicalTypeId::Decimal => {
                format!("DECIMAL({},{})", handle.decimal_width(), handle.decimal_scale())
            }
            LogicalTypeId::List | LogicalTypeId::Array => format!("{}[]", inner(0)),
            LogicalTypeId::Map => format!("MAP({}, {})", inner(0), inner(1)),
            LogicalTypeId::Struct => format!("STRUCT({})", fields()),
            LogicalTypeId::Union => format!("UNION({})", fields()),
            other => simple_name(other).to_owned(),
        };
        Self { id, name: handle.get_alias().filter(|a| !a.is_empty()).unwrap_or(name), children }
    }
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn simple_name(id: LogicalTypeId) -> &'static str {
    match id {
        LogicalTypeId::Boolean => "BOOLEAN",
        LogicalTypeId::Tinyint => "TINYINT",
        LogicalTypeId::Smallint => "SMALLINT",
        LogicalTypeId::Integer => "INTEGER",
        LogicalTypeId::Bigint => "BIGINT",
        LogicalTypeId::Hugeint => "HUGEINT",
        LogicalTypeId::UTinyint => "UTINYINT",
        LogicalTypeId::USmallint => "USMALLINT",
        LogicalTypeId::UInteger => "UINTEGER",
        LogicalTypeId::UBigint => "UBIGINT",
        LogicalTypeId::UHugeint => "UHUGEINT",
        LogicalTypeId::Float => "FLOAT",
        LogicalTypeId::Double => "DOUBLE",
        LogicalTypeId::Timestamp => "TIMESTAMP",
        LogicalTypeId::TimestampS => "TIMESTAMP_S",
        LogicalTypeId::TimestampMs => "TIMESTAMP_MS",
        LogicalTypeId::TimestampNs => "TIMESTAMP_NS",
        LogicalTypeId::TimestampTZ => "TIMESTAMP WITH TIME ZONE",
        LogicalTypeId::Date => "DATE",
        LogicalTypeId::Time => "TIME",
        LogicalTypeId::TimeNs => "TIME_NS",
        LogicalTypeId::TimeTZ => "TIME WITH TIME ZONE",
        LogicalTypeId::Interval => "INTERVAL",
        LogicalTypeId::Varchar | LogicalTypeId::StringLiteral => "VARCHAR",
        LogicalTypeId::Blob => "BLOB",
        LogicalTypeId::Bit => "BIT",
        LogicalTypeId::Uuid => "UUID",
        LogicalTypeId::Enum => "ENUM",
        LogicalTypeId::Bignum => "BIGNUM",
        LogicalTypeId::SqlNull => "\"NULL\"",
        LogicalTypeId::Geometry => "GEOMETRY",
        LogicalTypeId::IntegerLiteral => "INTEGER",
        _ => "UNKNOWN",
    }
}
