//! Types of nodes by their words, and which of them a command takes.

use super::Filter;
use crate::ResourceType;
use kpi_diagnostics::{Diagnostic, nearest};

impl ResourceType {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Model,
        Self::Seed,
        Self::Snapshot,
        Self::Test,
        Self::Analysis,
        Self::Operation,
        Self::SqlOperation,
        Self::UnitTest,
        Self::Function,
        Self::Source,
        Self::Exposure,
        Self::Metric,
        Self::SemanticModel,
        Self::SavedQuery,
        Self::Group,
        Self::Macro,
        Self::Doc,
    ];

    /// The type of a word, as in unique ids and on the command line.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == word)
    }
}

impl Filter<'_> {
    /// The types that `--resource-type` and `--exclude-resource-type` leave; `all` and `default` are words of their own.
    ///
    /// # Errors
    /// A word that is no type.
    pub fn resource_types(
        included: &[String],
        excluded: &[String],
        default: &[ResourceType],
        all: &[ResourceType],
    ) -> Result<Vec<ResourceType>, Diagnostic> {
        let read = |words: &[String]| {
            let mut types = Vec::new();
            for word in words {
                match word.as_str() {
                    "all" => types.extend(all),
                    "default" => types.extend(default),
                    word => types.push(ResourceType::from_word(word).ok_or_else(|| unknown(word, all))?),
                }
            }
            Ok::<_, Diagnostic>(types)
        };
        let mut types = if included.is_empty() { default.to_vec() } else { read(included)? };
        let excluded = read(excluded)?;
        types.retain(|t| !excluded.contains(t));
        types.sort_unstable();
        types.dedup();
        Ok(types)
    }
}

fn unknown(word: &str, all: &[ResourceType]) -> Diagnostic {
    let words: Vec<&str> = all.iter().map(|t| t.as_str()).collect();
    let error = Diagnostic::error("K0708", "Runtime Error", format!("'{word}' is not a resource type"));
    match nearest(word, words.iter().copied()) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error.with_hint(format!("one of: {}", words.join(", "))),
    }
}
