//! One expectation as it stands in a suite.

use crate::catalog::{self, Spec};
use crate::condition::Condition;
use crate::kwargs::{COMMON, ConfigError, Kwargs};
use crate::result_format::ResultFormat;
use kpi_diagnostics::nearest;
use serde_json::{Map, Value as Json};

/// How bad it is when data are not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// An error.
    #[default]
    Critical,
    /// A warning.
    Warning,
    /// A note.
    Info,
}

impl Severity {
    /// `critical`, `warning`, `info`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    /// By its name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Critical, Self::Warning, Self::Info].into_iter().find(|s| s.as_str() == text)
    }
}

/// One expectation as it stands in a suite: checked.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Which one.
    pub spec: &'static Spec,
    /// Its keywords.
    pub kwargs: Kwargs,
    /// Which rows it is about.
    pub condition: Option<Condition>,
    /// Free data of the suite's author.
    pub meta: Option<Json>,
    /// Free text.
    pub notes: Option<Json>,
    /// A sentence that stands for the expectation in reports.
    pub description: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Id in the suite.
    pub id: Option<String>,
    /// How much of the result is wanted, if the suite says so.
    pub result_format: Option<ResultFormat>,
    /// Rows that break it leave the model's table for its quarantine, instead of failing the test.
    pub quarantine: bool,
}

impl Expectation {
    /// Checks an expectation: its type, its keywords (common ones may stand among them) and what stands beside them.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(
        name: &str,
        kwargs: &Map<String, Json>,
        beside: &Map<String, Json>,
    ) -> Result<Self, Vec<ConfigError>> {
        let Some(spec) = catalog::find(name) else { return Err(vec![unknown(name)]) };
        let mut errors = Vec::new();
        let own = Kwargs::read(spec, kwargs).unwrap_or_else(|found| {
            errors.extend(found);
            Kwargs::default()
        });
        let condition = if spec.filters_rows { Condition::read(kwargs) } else { Ok(None) };
        let condition = condition.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let common = |name: &str| {
            debug_assert!(COMMON.contains(&name));
            beside.get(name).or_else(|| kwargs.get(name)).filter(|v| !v.is_null())
        };
        let severity = match common("severity") {
            None => Severity::default(),
            Some(value) => value.as_str().and_then(Severity::parse).unwrap_or_else(|| {
                errors.push(ConfigError::of(
                    "severity",
                    format!(
                        "'severity' must be critical, warning or info, not {}",
                        crate::text::shown(value)
                    ),
                ));
                Severity::default()
            }),
        };
        let result_format = match common("result_format").map(ResultFormat::read) {
            None => None,
            Some(Ok(format)) => Some(format),
            Some(Err(error)) => {
                errors.push(error);
                None
            }
        };
        let quarantine = match beside.get("on_failure").filter(|v| !v.is_null()) {
            None => false,
            Some(value) => match value.as_str() {
                Some("fail") => false,
                Some("quarantine") if spec.is_map() => true,
                Some("quarantine") => {
                    let message = format!(
                        "{} judges the data as a whole: there are no rows to put into quarantine",
                        spec.short
                    );
                    let hint = "'on_failure: quarantine' is for expectations about rows, such as not_null or between";
                    errors.push(ConfigError::of("on_failure", message).with_hint(hint));
                    false
                }
                _ => {
                    let shown = crate::text::shown(value);
                    let message = format!("'on_failure' must be fail or quarantine, not {shown}");
                    errors.push(ConfigError::of("on_failure", message));
                    false
                }
            },
        };
        let text = |name: &str| common(name).and_then(Json::as_str).map(str::to_owned);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            spec,
            kwargs: own,
            condition,
            meta: common("meta").cloned(),
            notes: common("notes").cloned(),
            description: text("description"),
            severity,
            id: text("id"),
            result_format,
            quarantine,
        })
    }

    /// The keywords as in a suite file, the row condition included.
    pub fn kwargs_json(&self) -> Map<String, Json> {
        let mut map = self.kwargs.to_json(self.spec);
        if let Some(condition) = &self.condition {
            map.insert("row_condition".into(), condition.to_json());
        }
        map
    }

    /// What it asks for, as a sentence: `values of rate lie in [0, 100]`.
    pub fn sentence(&self) -> String {
        crate::words::expected(self)
    }

    /// Why a single row breaks it: `rate outside [0, 100]`.
    pub fn row_reason(&self) -> String {
        let columns = match (self.kwargs.text("column"), self.kwargs.text("column_A")) {
            (Some(column), _) => column.to_owned(),
            (None, Some(first)) => format!("{first}, {}", self.kwargs.text("column_B").unwrap_or_default()),
            (None, None) => self.kwargs.texts("column_list").unwrap_or_default().join(", "),
        };
        format!("{columns} {}", crate::words::of_one(&crate::words::unexpected(self)))
    }

    /// With the values of its parameters in their places.
    ///
    /// # Errors
    /// A parameter without a value, or with one that the keyword cannot hold.
    pub fn with_parameters(&self, value: &dyn Fn(&str) -> Option<Json>) -> Result<Self, Vec<ConfigError>> {
        let kwargs = self.kwargs_json();
        if !kwargs.values().any(crate::parameters::holds) {
            return Ok(self.clone());
        }
        let kwargs = crate::parameters::substitute(&kwargs, value).map_err(|(keyword, message)| {
            vec![ConfigError::of(&keyword, format!("'{keyword}': {message}"))]
        })?;
        let read = Self::read(self.spec.name, &kwargs, &Map::new())?;
        Ok(Self { kwargs: read.kwargs, condition: read.condition, ..self.clone() })
    }

    /// Patterns that no database would take: found without asking one.
    pub fn pattern_problems(&self) -> Vec<ConfigError> {
        let mut out = Vec::new();
        let mut check = |name: &str, pattern: &str| {
            if let Some(problem) = crate::pattern::problem(pattern) {
                out.push(ConfigError::of(name, format!("the pattern '{pattern}' {problem}")));
            }
        };
        if let Some(pattern) = self.kwargs.text("regex") {
            check("regex", pattern);
        }
        for pattern in self.kwargs.texts("regex_list").unwrap_or_default() {
            check("regex_list", &pattern);
        }
        out
    }
}

fn unknown(name: &str) -> ConfigError {
    let error = ConfigError::of("type", format!("there is no expectation '{name}'"));
    match nearest(name, catalog::all().iter().map(|s| s.name)) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error,
    }
}
