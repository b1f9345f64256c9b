//! What Snowflake's types of columns mean.

use kpi_adapter::{Column, ColumnRules};

/// The longest string of a standard table.
const LONGEST: u64 = 16_777_216;

pub(crate) static RULES: ColumnRules = ColumnRules {
    class: "SnowflakeColumn",
    string_size: LONGEST,
    floats: &["float", "float4", "float8", "double", "double precision", "real"],
    // All whole numbers are NUMBER(38, 0).
    integers: &[],
    numerics: &["int", "integer", "bigint", "smallint", "tinyint", "byteint", "numeric", "decimal", "number"],
    describe: Some(describe),
    widens: true,
};

/// Takes a type such as `VARCHAR(20) COLLATE 'en-ci'` apart. Types with types inside stay whole, with the long strings of
/// Iceberg tables cut to what standard tables can hold.
fn describe(name: &str, raw: &str) -> Result<Column, String> {
    let lower = raw.to_lowercase();
    if ["array", "object", "map", "vector"].iter().any(|kind| lower.starts_with(kind)) {
        return Ok(Column::new(name, shortened(raw)));
    }
    let Some((base, collation)) = collated(raw) else { return Column::from_description(name, raw) };
    let mut column = Column::from_description(name, base)?;
    if ["varchar", "character", "text"].iter().any(|kind| lower.starts_with(kind)) {
        column.collation = Some(collation.into());
    }
    Ok(column)
}

/// A type without its collation, and the collation.
fn collated(raw: &str) -> Option<(&str, &str)> {
    let at = raw.to_ascii_lowercase().find("collate")?;
    let (base, rest) = raw.split_at_checked(at)?;
    let (_, rest) = rest.split_once('\'')?;
    let (collation, _) = rest.split_once('\'')?;
    Some((base.trim_end(), collation))
}

fn shortened(raw: &str) -> String {
    const LONG: &str = "varchar(134217728)";
    let mut text = raw.to_owned();
    while let Some(at) = text.to_ascii_lowercase().find(LONG) {
        text.replace_range(at..at + LONG.len(), &format!("VARCHAR({LONGEST})"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(raw: &str) -> Column {
        Column::described(&RULES, "c", raw).expect("a type")
    }

    #[test]
    fn types_are_taken_apart() {
        assert_eq!(column("VARCHAR(20)").data_type(), "character varying(20)");
        assert_eq!(column("VARCHAR").string_size(), Some(LONGEST));
        assert_eq!(column("NUMBER(38,0)").data_type(), "NUMBER(38,0)");
        assert!(column("INT").is_numeric() && !column("INT").is_integer());
        let collated = column("VARCHAR(16777216) COLLATE 'en-ci-rtrim'");
        assert_eq!(collated.data_type(), "character varying(16777216)");
        assert_eq!(collated.expanded_data_type(), "character varying(16777216) collate 'en-ci-rtrim'");
        assert!(column("VARCHAR(5)").can_expand_to(&column("VARCHAR(9)")));
        assert!(!column("VARCHAR(9)").can_expand_to(&column("VARCHAR(5)")));
    }

    #[test]
    fn types_within_types_stay_whole() {
        let array = column("ARRAY(VARCHAR(134217728), NUMBER(10,2))");
        assert_eq!(array.data_type(), "ARRAY(VARCHAR(16777216), NUMBER(10,2))");
        assert!(!array.is_string());
        assert_eq!(column("OBJECT(a NUMBER(38,0))").dtype.as_ref(), "OBJECT(a NUMBER(38,0))");
    }
}
