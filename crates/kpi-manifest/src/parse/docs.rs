//! Docs blocks of all packages.

use crate::Doc;
use crate::context::Shared;
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_jinja::{
    Block, BlockKind, Context, Environment, Interp, MacroTable, Template, UndefinedMode, Value,
    extract_blocks,
};
use kpi_project::FileKind;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Docs blocks by id and by name.
#[derive(Default)]
pub(crate) struct Docs {
    pub blocks: IndexMap<Arc<str>, Doc>,
    /// name -> (package, id)
    names: FxHashMap<Arc<str>, Vec<(Arc<str>, Arc<str>)>>,
}

impl Docs {
    /// Reads all docs blocks.
    pub(super) fn load(shared: &Shared) -> Result<Self, Vec<Diagnostic>> {
        let files: Vec<_> = shared
            .project
            .packages
            .iter()
            .flat_map(|package| {
                let docs = package.files.iter().filter(|file| file.kind == FileKind::Docs);
                docs.map(move |file| (package, file))
            })
            .filter(|(_, file)| file.source.text.contains("{%"))
            .collect();
        let found: Vec<_> = files
            .par_iter()
            .map(|(package, file)| {
                let blocks = extract_blocks(&file.source, &[BlockKind::Docs])
                    .map_err(|error| error.to_diagnostic("Compilation Error", None))?;
                let docs = blocks.into_iter().filter(|block| block.kind == BlockKind::Docs).map(|block| {
                    let contents = rendered(&file.source, &block)?;
                    let doc = Doc {
                        unique_id: format!("doc.{}.{}", package.name, block.name).into(),
                        name: block.name.clone(),
                        package_name: package.name.clone(),
                        path: file.relative_path().into(),
                        original_file_path: file.path.clone(),
                        block_contents: contents.trim().into(),
                    };
                    Ok((doc, Span::at(file.source.clone(), block.line, 0)))
                });
                docs.collect::<Result<Vec<_>, Diagnostic>>()
            })
            .collect();
        let mut docs = Self::default();
        let mut places: FxHashMap<Arc<str>, Span> = FxHashMap::default();
        let mut errors = Vec::new();
        for result in found {
            match result {
                Ok(blocks) => {
                    for (doc, span) in blocks {
                        if let Some(first) = places.get(&doc.unique_id) {
                            errors.push(duplicate(
                                docs.blocks.get(&doc.unique_id),
                                &doc,
                                first.clone(),
                                span,
                            ));
                            continue;
                        }
                        places.insert(doc.unique_id.clone(), span);
                        docs.names
                            .entry(doc.name.clone())
                            .or_default()
                            .push((doc.package_name.clone(), doc.unique_id.clone()));
                        docs.blocks.insert(doc.unique_id.clone(), doc);
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(docs) } else { Err(errors) }
    }

    /// The block that `doc()` means in a node of `own`.
    pub(super) fn find(&self, name: &str, package: Option<&str>, root: &str, own: &str) -> Option<&Doc> {
        let entries = self.names.get(name)?;
        let in_package = |package: &str| entries.iter().find(|(p, _)| &**p == package);
        let found = match package {
            Some(package) => in_package(package),
            None => in_package(root).or_else(|| in_package(own)).or_else(|| entries.first()),
        };
        self.blocks.get(&found?.1)
    }

    /// The names of all blocks.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }
}

/// A docs block is a template without names: what it refers to is undefined and prints as nothing.
struct NoNames;

impl Context for NoNames {
    fn lookup(&self, _: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn package(&self) -> &str {
        ""
    }
}

/// The text of a block, as dbt renders it.
fn rendered(file: &Arc<SourceFile>, block: &Block) -> Result<Arc<str>, Diagnostic> {
    if !block.contents.contains("{{") && !block.contents.contains("{%") && !block.contents.contains("{#") {
        return Ok(block.contents.clone());
    }
    let environment = Environment {
        macros: MacroTable::default(),
        globals: FxHashMap::default(),
        undefined: UndefinedMode::Lenient,
    };
    let mut interp = Interp::new(Arc::new(environment), Arc::new(NoNames));
    Template::parse(file, &block.contents, block.contents_line)
        .and_then(|template| interp.render(&template))
        .map(Into::into)
        .map_err(|error| {
            error.to_diagnostic("Compilation Error", Some(&format!("doc {} ({})", block.name, file.name)))
        })
}

fn duplicate(first: Option<&Doc>, second: &Doc, first_place: Span, second_place: Span) -> Diagnostic {
    let path = first.map(|doc| doc.original_file_path.clone()).unwrap_or_default();
    Diagnostic::error(
        "K0605",
        "Compilation Error",
        format!(
            "dbt found two docs with the name \"{0}\".\n\nSince these resources have the same name, dbt will be unable to \
             find the correct resource when looking for doc(\"{0}\").\n\nTo fix this, change the name of one of these \
             resources:\n- {1} ({path})\n- {1} ({2})",
            second.name, second.unique_id, second.original_file_path
        ),
    )
    .with_span(second_place)
    .with_related(first_place, "defined here too")
}
