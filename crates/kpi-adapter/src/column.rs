//! A column of a relation and what its type means.

use std::sync::Arc;

/// What a target means by the types of columns.
#[derive(Debug)]
pub struct ColumnRules {
    /// The name of dbt's class, which templates can see.
    pub class: &'static str,
    /// The length of a string column that gives none.
    pub string_size: u64,
    /// Types of floating point numbers.
    pub floats: &'static [&'static str],
    /// Types of integers.
    pub integers: &'static [&'static str],
    /// Types of decimal numbers.
    pub numerics: &'static [&'static str],
    /// How a type as the database describes it is taken apart, where that is not as everywhere.
    pub describe: Option<fn(&str, &str) -> Result<Column, String>>,
    /// Columns of existing tables are widened to the strings that come.
    pub widens: bool,
}

impl PartialEq for ColumnRules {
    fn eq(&self, other: &Self) -> bool {
        self.class == other.class
    }
}

impl Eq for ColumnRules {}

static COMMON: ColumnRules = ColumnRules {
    class: "DuckDBColumn",
    string_size: 256,
    floats: FLOATS,
    integers: INTEGERS,
    numerics: &["numeric", "decimal", "number"],
    describe: None,
    widens: false,
};

impl Default for &'static ColumnRules {
    fn default() -> Self {
        &COMMON
    }
}

/// A column with its database type. As a Jinja object it has dbt's attributes and methods (`name`, `quoted`, `dtype`,
/// `data_type`, `is_string()`, `can_expand_to()`...).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name as the database spells it.
    pub name: Arc<str>,
    /// Base type: `VARCHAR`, `DECIMAL`...
    pub dtype: Arc<str>,
    /// Length of a string type.
    pub char_size: Option<u64>,
    /// Precision of a numeric type.
    pub numeric_precision: Option<u64>,
    /// Scale of a numeric type.
    pub numeric_scale: Option<u64>,
    /// Comment, if known.
    pub comment: Option<Arc<str>>,
    /// The collation of a string column that has one.
    pub collation: Option<Arc<str>>,
    /// What its type means.
    pub rules: &'static ColumnRules,
}

const STRINGS: &[&str] = &["text", "character varying", "character", "varchar"];
const FLOATS: &[&str] = &["real", "float", "float4", "float8", "double"];
const INTEGERS: &[&str] = &[
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "int1",
    "int2",
    "int4",
    "int8",
    "short",
    "int",
    "signed",
    "long",
];

/// How deep nested structs are followed.
const MAX_NESTING: usize = 64;

impl Column {
    /// A column of a type as the database prints it, without taking the type apart.
    pub fn new(name: impl Into<Arc<str>>, dtype: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            dtype: dtype.into(),
            char_size: None,
            numeric_precision: None,
            numeric_scale: None,
            comment: None,
            collation: None,
            rules: <&ColumnRules>::default(),
        }
    }

    /// With the rules of a target.
    pub fn with_rules(mut self, rules: &'static ColumnRules) -> Self {
        self.rules = rules;
        self
    }

    /// Takes a type apart as a target describes it.
    ///
    /// # Errors
    /// A size that is no number, or an empty type.
    pub fn described(rules: &'static ColumnRules, name: &str, raw_type: &str) -> Result<Self, String> {
        let column = match rules.describe {
            Some(describe) => describe(name, raw_type)?,
            None => Self::from_description(name, raw_type)?,
        };
        Ok(column.with_rules(rules))
    }

    /// `Column.create`: the type may be a generic label, which is translated.
    pub fn create(name: impl Into<Arc<str>>, label_or_dtype: &str) -> Self {
        Self::new(name, Self::translate_type(label_or_dtype))
    }

    /// The database's name of a generic type: `string` is `TEXT`.
    pub fn translate_type(label: &str) -> &str {
        if label.eq_ignore_ascii_case("string") { "TEXT" } else { label }
    }

    /// Takes a type such as `decimal(10,2)` or `varchar(20)` apart.
    ///
    /// # Errors
    /// A size that is no number, or an empty type.
    pub fn from_description(name: impl Into<Arc<str>>, raw_type: &str) -> Result<Self, String> {
        let (base, rest) = match raw_type.find('(') {
            Some(i) => raw_type.split_at(i),
            None => (raw_type, ""),
        };
        if base.is_empty() {
            return Err(format!("Could not interpret data type \"{raw_type}\""));
        }
        let mut column = Self::new(name, base);
        let Some(size) = rest.strip_prefix('(').and_then(|r| r.split_once(')')).map(|(size, _)| size) else {
            return Ok(column);
        };
        let parts: Vec<&str> = size.split(',').collect();
        let number = |text: &str| {
            text.trim().parse::<u64>().map_err(|_| {
                format!(
                    "Could not interpret data_type \"{raw_type}\": could not convert \"{text}\" to an integer"
                )
            })
        };
        match parts.as_slice() {
            [length] => column.char_size = Some(number(length)?),
            [precision, scale] => {
                column.numeric_precision = Some(number(precision)?);
                column.numeric_scale = Some(number(scale)?);
            }
            _ => {}
        }
        Ok(column)
    }

    fn dtype_is_in(&self, names: &[&str]) -> bool {
        names.iter().any(|n| self.dtype.eq_ignore_ascii_case(n))
    }

    /// Whether it is a string type.
    pub fn is_string(&self) -> bool {
        self.dtype_is_in(STRINGS)
    }

    /// Whether it is a floating point type.
    pub fn is_float(&self) -> bool {
        self.dtype_is_in(self.rules.floats)
    }

    /// Whether it is an integer type.
    pub fn is_integer(&self) -> bool {
        self.dtype_is_in(self.rules.integers)
    }

    /// Whether it is a decimal type.
    pub fn is_numeric(&self) -> bool {
        self.dtype_is_in(self.rules.numerics)
    }

    /// Whether it is any number.
    pub fn is_number(&self) -> bool {
        self.is_integer() || self.is_numeric() || self.is_float()
    }

    /// Whether it is a struct.
    pub fn is_struct(&self) -> bool {
        self.dtype.get(..6).is_some_and(|p| p.eq_ignore_ascii_case("struct"))
    }

    /// The name in quotes.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    /// The length of a string column; `None` for other types.
    pub fn string_size(&self) -> Option<u64> {
        if !self.is_string() {
            return None;
        }
        match self.char_size {
            Some(size) if &*self.dtype != "text" => Some(size),
            _ => Some(self.rules.string_size),
        }
    }

    /// A string type of a length.
    pub fn string_type(size: u64) -> String {
        format!("character varying({size})")
    }

    /// A numeric type with its precision and scale, if both are known.
    pub fn numeric_type(dtype: &str, precision: Option<u64>, scale: Option<u64>) -> String {
        match (precision, scale) {
            (Some(p), Some(s)) => format!("{dtype}({p},{s})"),
            _ => dtype.to_owned(),
        }
    }

    /// The whole type as it is written in DDL.
    pub fn data_type(&self) -> String {
        if let Some(size) = self.string_size() {
            Self::string_type(size)
        } else if self.is_numeric() {
            Self::numeric_type(&self.dtype, self.numeric_precision, self.numeric_scale)
        } else {
            self.dtype.to_string()
        }
    }

    /// The whole type with the collation of a string column.
    pub fn expanded_data_type(&self) -> String {
        match &self.collation {
            Some(collation) if self.is_string() => format!("{} collate '{collation}'", self.data_type()),
            _ => self.data_type(),
        }
    }

    /// Whether it may be widened to the size of the other.
    pub fn can_expand_to(&self, other: &Column) -> bool {
        match (self.string_size(), other.string_size()) {
            (Some(mine), Some(theirs)) => theirs > mine,
            _ => false,
        }
    }

    /// The fields of a struct, one level deep; none for other types.
    pub fn fields(&self) -> Vec<Column> {
        let Some(open) = self.dtype.find('(').filter(|_| self.is_struct()) else { return Vec::new() };
        let Some(close) = self.dtype.rfind(')').filter(|close| *close > open) else { return Vec::new() };
        let content = self.dtype.get(open + 1..close).unwrap_or_default();
        let mut fields = Vec::new();
        let (mut depth, mut quoted, mut start) = (0usize, false, 0usize);
        for (i, c) in content.char_indices().chain([(content.len(), ',')]) {
            match c {
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth = depth.saturating_sub(1),
                ',' if depth == 0 && !quoted || i == content.len() => {
                    let field = content.get(start..i).unwrap_or_default().trim();
                    if let Some((name, dtype)) = split_field(field) {
                        fields.push(Column::new(name, dtype));
                    }
                    start = i + 1;
                }
                _ => {}
            }
        }
        fields
    }

    /// A struct as its leaves, named `column.field.field`; other columns as they are.
    pub fn flatten(&self) -> Vec<Column> {
        let mut out = Vec::new();
        self.flatten_into(None, &mut out, 0);
        out
    }

    fn flatten_into(&self, prefix: Option<&str>, out: &mut Vec<Column>, depth: usize) {
        let name: Arc<str> = match prefix {
            Some(prefix) => format!("{prefix}.{}", self.name).into(),
            None => self.name.clone(),
        };
        if !self.is_struct() || depth >= MAX_NESTING {
            out.push(Column { name, ..self.clone() });
            return;
        }
        for field in self.fields() {
            field.flatten_into(Some(&name), out, depth + 1);
        }
    }
}

/// Splits `name TYPE`, where the name may be quoted and then contain spaces.
fn split_field(field: &str) -> Option<(&str, &str)> {
    if field.starts_with('"') {
        let end = field.char_indices().skip(1).find(|(_, c)| *c == '"')?.0;
        return Some((field.get(..=end)?, field.get(end + 1..)?.trim_start()));
    }
    field.split_once(' ')
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<Column {} ({})>", self.name, self.data_type())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_types_keep_their_sizes() {
        let amount = Column::from_description("amount", "decimal(10,2)").expect("valid");
        assert_eq!(amount.data_type(), "decimal(10,2)");
        assert!(amount.is_numeric() && !amount.is_string());
        let name = Column::from_description("name", "varchar(20)").expect("valid");
        assert_eq!(name.data_type(), "character varying(20)");
        assert_eq!(Column::new("c", "VARCHAR").data_type(), "character varying(256)");
        assert_eq!(Column::create("c", "String").dtype.as_ref(), "TEXT");
        assert!(name.can_expand_to(&Column::new("c", "VARCHAR")));
        assert!(Column::from_description("x", "varchar(big)").is_err());
    }

    #[test]
    fn structs_are_taken_apart() {
        let column = Column::new("s", "STRUCT(a DECIMAL(10,2), \"b c\" STRUCT(d INTEGER, e VARCHAR[]))");
        let names: Vec<(String, String)> =
            column.flatten().iter().map(|c| (c.name.to_string(), c.dtype.to_string())).collect();
        assert_eq!(
            names,
            [
                ("s.a".into(), "DECIMAL(10,2)".into()),
                ("s.\"b c\".d".into(), "INTEGER".into()),
                ("s.\"b c\".e".into(), "VARCHAR[]".into())
            ]
        );
    }
}
