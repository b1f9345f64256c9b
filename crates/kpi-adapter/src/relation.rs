//! A table, view or CTE by name: how it is addressed, printed and compared.

use std::sync::Arc;

/// Which parts of a name something holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The database part.
    pub database: bool,
    /// The schema part.
    pub schema: bool,
    /// The identifier part.
    pub identifier: bool,
}

impl Policy {
    /// Holds for every part.
    pub const ALL: Policy = Policy { database: true, schema: true, identifier: true };

    /// The parts by name, in the order in which a relation prints them.
    pub fn parts(self) -> [(&'static str, bool); 3] {
        [("database", self.database), ("schema", self.schema), ("identifier", self.identifier)]
    }

    /// Whether it holds for a part; `None` if no part has that name.
    pub fn get(self, part: &str) -> Option<bool> {
        self.parts().into_iter().find(|(name, _)| *name == part).map(|(_, holds)| holds)
    }

    /// Sets a part; other names are ignored.
    pub fn set(&mut self, part: &str, holds: bool) {
        match part {
            "database" => self.database = holds,
            "schema" => self.schema = holds,
            "identifier" => self.identifier = holds,
            _ => {}
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::ALL
    }
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationType {
    /// `table`
    Table,
    /// `view`
    View,
    /// `cte`: an ephemeral model
    Cte,
    /// `materialized_view`
    MaterializedView,
    /// `ephemeral`
    Ephemeral,
    /// `external`
    External,
    /// `pointer_table`
    PointerTable,
    /// `function`
    Function,
    /// `dynamic_table` (Snowflake)
    DynamicTable,
    /// `interactive_table` (Snowflake)
    InteractiveTable,
}

impl RelationType {
    /// All of them, with the names that templates use.
    pub const ALL: [RelationType; 10] = [
        Self::Table,
        Self::View,
        Self::Cte,
        Self::MaterializedView,
        Self::Ephemeral,
        Self::External,
        Self::PointerTable,
        Self::Function,
        Self::DynamicTable,
        Self::InteractiveTable,
    ];

    /// `table`, `view`...
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Cte => "cte",
            Self::MaterializedView => "materialized_view",
            Self::Ephemeral => "ephemeral",
            Self::External => "external",
            Self::PointerTable => "pointer_table",
            Self::Function => "function",
            Self::DynamicTable => "dynamic_table",
            Self::InteractiveTable => "interactive_table",
        }
    }

    /// The name of the class attribute: `Table`, `View`, `CTE`...
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Table => "Table",
            Self::View => "View",
            Self::Cte => "CTE",
            Self::MaterializedView => "MaterializedView",
            Self::Ephemeral => "Ephemeral",
            Self::External => "External",
            Self::PointerTable => "PointerTable",
            Self::Function => "Function",
            Self::DynamicTable => "DynamicTable",
            Self::InteractiveTable => "InteractiveTable",
        }
    }

    /// The type of a name such as `table`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }
}

impl std::fmt::Display for RelationType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A relation: a value, cheap to clone. As a Jinja object it has dbt's attributes and methods (`include`, `quote`,
/// `incorporate`, `is_table`, `render`, ...) and prints as its rendered name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Database (catalog), if any.
    pub database: Option<Arc<str>>,
    /// Schema, if any.
    pub schema: Option<Arc<str>>,
    /// Table or view name, if any.
    pub identifier: Option<Arc<str>>,
    /// What it is, if known.
    pub kind: Option<RelationType>,
    /// Which parts are quoted.
    pub quote: Policy,
    /// Which parts are printed.
    pub include: Policy,
    /// The quote character.
    pub quote_char: char,
    /// Printed instead of the name: an `external_location`.
    pub render_as: Option<Arc<str>>,
    /// What few relations have; `None` for all others.
    pub extra: Option<Arc<RelationExtra>>,
}

/// What few relations have: a row limit, an event-time filter, the view of an information schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RelationExtra {
    /// Rows at most: 0 for `--empty`.
    pub limit: Option<u64>,
    /// Only rows of this stretch of time (microbatch, `--sample`).
    pub event_time: Option<EventTimeFilter>,
    /// Subqueries that stand for the relation need an alias (Postgres; not DuckDB or Snowflake).
    pub alias_subqueries: bool,
    /// For `relation.information_schema('columns')`: the view, printed unquoted at the end.
    pub information_schema_view: Option<Arc<str>>,
    /// Its files are in the Iceberg format (Snowflake).
    pub iceberg: bool,
    /// The catalog that it is in, where that is not the database's own.
    pub catalog: Option<Arc<str>>,
}

/// A stretch of event time that is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventTimeFilter {
    /// The column, quoted as it should be printed.
    pub field: Arc<str>,
    /// From, inclusive: as it is printed in SQL.
    pub start: Option<Arc<str>>,
    /// To, exclusive.
    pub end: Option<Arc<str>>,
    /// The function that makes a moment of a text, where the database does not by itself.
    pub function: Option<&'static str>,
}

impl Default for Relation {
    fn default() -> Self {
        Self::new(None, None, None)
    }
}

impl Relation {
    /// A relation whose parts are all printed and quoted.
    pub fn new(database: Option<Arc<str>>, schema: Option<Arc<str>>, identifier: Option<Arc<str>>) -> Self {
        Self {
            database,
            schema,
            identifier,
            kind: None,
            quote: Policy::ALL,
            include: Policy::ALL,
            quote_char: '"',
            render_as: None,
            extra: None,
        }
    }

    /// The relation `database.schema.identifier`.
    ///
    /// ```
    /// let orders = kpi_adapter::Relation::of("dev", "main", "orders");
    /// assert_eq!(orders.render(), r#""dev"."main"."orders""#);
    /// ```
    pub fn of(
        database: impl Into<Arc<str>>,
        schema: impl Into<Arc<str>>,
        identifier: impl Into<Arc<str>>,
    ) -> Self {
        Self::new(Some(database.into()), Some(schema.into()), Some(identifier.into()))
    }

    /// The CTE that stands for an ephemeral model.
    pub fn ephemeral(identifier: &str) -> Self {
        let mut relation = Self::new(None, None, Some(format!("__dbt__cte__{identifier}").into()));
        relation.kind = Some(RelationType::Cte);
        relation.quote.identifier = false;
        relation
    }

    /// Says what it is.
    pub fn with_kind(mut self, kind: RelationType) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Says which parts are quoted.
    pub fn with_quote(mut self, quote: Policy) -> Self {
        self.quote = quote;
        self
    }

    /// Prints `text` instead of the name, as a source with an `external_location` does. What is neither a call nor
    /// quoted already is put in single quotes.
    pub fn with_external_location(mut self, text: &str) -> Self {
        self.render_as = Some(if text.contains('(') || text.starts_with('\'') {
            text.into()
        } else {
            format!("'{text}'").into()
        });
        self
    }

    /// Limits the rows that are read: 0 for `--empty`.
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.extra_mut().limit = Some(limit);
        self
    }

    /// Reads only a stretch of event time.
    pub fn with_event_time(mut self, filter: EventTimeFilter) -> Self {
        self.extra_mut().event_time = Some(filter);
        self
    }

    /// Whether its files are in the Iceberg format.
    pub fn is_iceberg(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.iceberg)
    }

    /// What few relations have, made on first use.
    pub fn extra_mut(&mut self) -> &mut RelationExtra {
        Arc::make_mut(self.extra.get_or_insert_with(Arc::default))
    }

    /// A part by name.
    pub fn part(&self, name: &str) -> Option<&Arc<str>> {
        match name {
            "database" => self.database.as_ref(),
            "schema" => self.schema.as_ref(),
            "identifier" => self.identifier.as_ref(),
            _ => None,
        }
    }

    /// Without the identifier: the schema.
    pub fn without_identifier(&self) -> Self {
        let mut schema = self.clone();
        schema.identifier = None;
        schema.include.identifier = false;
        schema
    }

    /// `database.information_schema`, or one of its views.
    pub fn information_schema(&self, view: Option<Arc<str>>) -> Self {
        let mut relation = Self::new(self.database.clone(), None, Some("INFORMATION_SCHEMA".into()));
        relation.kind = Some(RelationType::View);
        relation.include = Policy { database: self.database.is_some(), schema: false, identifier: true };
        relation.quote = Policy { identifier: false, ..self.quote };
        relation.quote_char = self.quote_char;
        if view.is_some() {
            relation.extra_mut().information_schema_view = view;
        }
        relation
    }

    /// An identifier in the relation's quotes.
    pub fn quoted(&self, identifier: &str) -> String {
        format!("{0}{identifier}{0}", self.quote_char)
    }

    /// The name as it is printed in SQL, without limit and filter.
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.write_name(&mut out);
        out
    }

    fn write_name(&self, out: &mut String) {
        if let Some(text) = &self.render_as {
            out.push_str(text);
            return;
        }
        let parts = [
            (&self.database, self.include.database, self.quote.database),
            (&self.schema, self.include.schema, self.quote.schema),
            (&self.identifier, self.include.identifier, self.quote.identifier),
        ];
        let start = out.len();
        for (part, include, quote) in parts {
            let Some(part) = part.as_ref().filter(|_| include) else { continue };
            if out.len() > start {
                out.push('.');
            }
            if quote {
                out.push(self.quote_char);
            }
            out.push_str(part);
            if quote {
                out.push(self.quote_char);
            }
        }
        if let Some(view) = self.extra.as_ref().and_then(|e| e.information_schema_view.as_ref()) {
            if out.len() > start {
                out.push('.');
            }
            out.push_str(view);
        }
    }

    /// What stands for it in SQL when a row limit holds.
    pub fn render_limited(&self) -> String {
        let name = self.render();
        let Some(extra) = self.extra.as_ref() else { return name };
        let alias = self.subquery_alias("limit");
        match extra.limit {
            None => name,
            Some(0) => format!("(select * from {name} where false limit 0){alias}"),
            Some(limit) => format!("(select * from {name} limit {limit}){alias}"),
        }
    }

    fn subquery_alias(&self, namespace: &str) -> String {
        if !self.extra.as_ref().is_some_and(|e| e.alias_subqueries) {
            return String::new();
        }
        format!(" _dbt_{namespace}_subq_{}", self.identifier.as_deref().unwrap_or("None"))
    }

    /// The rendered text inside the filter on event time, if there is one.
    pub fn render_event_time_filtered(&self, rendered: String) -> String {
        let Some(filter) = self.extra.as_ref().and_then(|e| e.event_time.as_ref()) else { return rendered };
        let field = &filter.field;
        let moment = |text: &Option<Arc<str>>| {
            text.as_deref().map(|text| match filter.function {
                Some(function) => format!("{function}('{text}')"),
                None => format!("'{text}'"),
            })
        };
        let condition = match (moment(&filter.start), moment(&filter.end)) {
            (Some(start), Some(end)) => format!("{field} >= {start} and {field} < {end}"),
            (Some(start), None) => format!("{field} >= {start}"),
            (None, Some(end)) => format!("{field} < {end}"),
            (None, None) => return rendered,
        };
        format!("(select * from {rendered} where {condition}){}", self.subquery_alias("et_filter"))
    }

    /// Whether this is the relation of these names. A name that differs only in case is neither: the error is the
    /// relation that was searched for.
    ///
    /// # Errors
    /// The searched relation, where the names match but for their case.
    pub fn matches(
        &self,
        database: Option<&str>,
        schema: Option<&str>,
        identifier: Option<&str>,
    ) -> Result<bool, Box<Relation>> {
        let mut exact = true;
        let mut approximate = true;
        for (mine, searched) in
            [(&self.database, database), (&self.schema, schema), (&self.identifier, identifier)]
        {
            let Some(searched) = searched else { continue };
            let mine = mine.as_deref().unwrap_or("None");
            if mine != searched {
                exact = false;
                let bare = |s: &str| s.to_lowercase().trim_matches(self.quote_char).to_owned();
                approximate = approximate && bare(mine) == bare(searched);
            }
        }
        if approximate && !exact {
            return Err(Box::new(Relation::new(
                database.map(Into::into),
                schema.map(Into::into),
                identifier.map(Into::into),
            )));
        }
        Ok(exact)
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match (&self.extra, self.kind) {
            (None, _) | (_, Some(RelationType::Function)) => self.render(),
            _ => self.render_event_time_filtered(self.render_limited()),
        };
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_included_parts_in_their_quotes() {
        let mut relation = Relation::of("d", "s", "t");
        assert_eq!(relation.to_string(), r#""d"."s"."t""#);
        relation.include.database = false;
        relation.quote.identifier = false;
        assert_eq!(relation.to_string(), r#""s".t"#);
        assert_eq!(Relation::new(None, None, Some("t".into())).to_string(), r#""t""#);
        assert_eq!(relation.without_identifier().to_string(), r#""s""#);
    }

    #[test]
    fn an_external_location_replaces_the_name() {
        let source = Relation::of("d", "s", "t");
        assert_eq!(source.clone().with_external_location("data/*.csv").to_string(), "'data/*.csv'");
        assert_eq!(source.with_external_location("read_csv('x.csv')").to_string(), "read_csv('x.csv')");
    }

    #[test]
    fn empty_and_event_time_wrap_the_name() {
        let relation = Relation::of("d", "s", "t").with_limit(0);
        assert_eq!(relation.to_string(), r#"(select * from "d"."s"."t" where false limit 0)"#);
        assert_eq!(relation.render(), r#""d"."s"."t""#);
        let filtered = Relation::of("d", "s", "t").with_event_time(EventTimeFilter {
            field: "at".into(),
            start: Some("2024-01-01".into()),
            end: Some("2024-01-02".into()),
            function: None,
        });
        assert_eq!(
            filtered.to_string(),
            r#"(select * from "d"."s"."t" where at >= '2024-01-01' and at < '2024-01-02')"#
        );
    }

    #[test]
    fn a_match_but_for_case_is_an_error() {
        let relation = Relation::of("d", "s", "t");
        assert_eq!(relation.matches(Some("d"), None, Some("t")), Ok(true));
        assert_eq!(relation.matches(None, None, Some("x")), Ok(false));
        assert!(relation.matches(None, None, Some("T")).is_err());
    }

    #[test]
    fn the_information_schema_is_addressed_by_database() {
        let relation = Relation::of("d", "s", "t");
        assert_eq!(relation.information_schema(None).to_string(), r#""d".INFORMATION_SCHEMA"#);
        assert_eq!(
            relation.information_schema(Some("columns".into())).to_string(),
            r#""d".INFORMATION_SCHEMA.columns"#
        );
    }
}
