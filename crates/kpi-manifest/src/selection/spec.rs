//! What was asked: criteria and how they combine.

use super::Criterion;
use kpi_diagnostics::Diagnostic;
use std::str::FromStr;
use std::sync::Arc;

/// Which tests a selection brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IndirectSelection {
    /// Tests of which any parent is selected.
    #[default]
    Eager,
    /// Tests of which all parents are selected.
    Cautious,
    /// Tests of which all parents are selected or upstream of what is.
    Buildable,
    /// None.
    Empty,
}

impl FromStr for IndirectSelection {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        match text.to_lowercase().as_str() {
            "eager" => Ok(Self::Eager),
            "cautious" => Ok(Self::Cautious),
            "buildable" => Ok(Self::Buildable),
            "empty" => Ok(Self::Empty),
            _ => Err(Diagnostic::error(
                "K0705",
                "Runtime Error",
                format!("'{text}' is not a valid indirect selection mode"),
            )
            .with_hint("one of: eager, cautious, buildable, empty")),
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone)]
pub enum SelectionSpec {
    /// One criterion.
    Criterion(Criterion),
    /// What any of them selects.
    Union(SelectionGroup),
    /// What all of them select.
    Intersection(SelectionGroup),
    /// What the first selects and no other does.
    Difference(SelectionGroup),
    /// What a named selector asks for.
    Named(Arc<SelectionSpec>),
}

/// Parts that combine.
#[derive(Debug, Clone, Default)]
pub struct SelectionGroup {
    /// The parts.
    pub components: Vec<SelectionSpec>,
    /// Which tests come along once the parts are combined.
    pub indirect: IndirectSelection,
    /// As typed, to be named in a warning if it selects nothing; `None`: no warning.
    pub expected: Option<String>,
}

impl SelectionGroup {
    pub(super) fn of(components: Vec<SelectionSpec>) -> Self {
        Self { components, ..Self::default() }
    }
}

/// What runs when nothing is selected.
const EVERYTHING: [&str; 5] = ["fqn:*", "source:*", "exposure:*", "metric:*", "semantic_model:*"];

impl SelectionSpec {
    /// Everything there is.
    pub fn everything(indirect: IndirectSelection) -> Self {
        let all = EVERYTHING.map(|text| Criterion::parse(text, indirect).ok().map(Self::Criterion));
        Self::Union(SelectionGroup::of(all.into_iter().flatten().collect()))
    }

    /// What `--select` and `--exclude` ask for. Each item may hold several criteria, separated by spaces (any of them)
    /// and commas (all of them). Without `select` it is everything.
    ///
    /// # Errors
    /// A criterion that is none.
    pub fn from_arguments(
        select: &[String],
        exclude: &[String],
        indirect: IndirectSelection,
    ) -> Result<Self, Diagnostic> {
        let included = match select {
            [] => Self::everything(indirect),
            _ => union(select, indirect)?,
        };
        if exclude.is_empty() {
            return Ok(included);
        }
        Ok(Self::Difference(SelectionGroup::of(vec![included, union(exclude, indirect)?])))
    }
}

fn union(items: &[String], indirect: IndirectSelection) -> Result<SelectionSpec, Diagnostic> {
    let mut components = Vec::new();
    for text in items.iter().flat_map(|item| item.split_whitespace()) {
        let parts = text
            .split(',')
            .map(|part| Criterion::parse(part, indirect).map(SelectionSpec::Criterion))
            .collect::<Result<_, _>>()?;
        components.push(SelectionSpec::Intersection(SelectionGroup {
            components: parts,
            indirect,
            expected: Some(text.to_owned()),
        }));
    }
    Ok(SelectionSpec::Union(SelectionGroup { components, indirect, expected: None }))
}
