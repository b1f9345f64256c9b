//! What is shared by all renders: templates, macros and the order in which they are found.

use crate::{Args, Interp, Result, Value};
use kpi_diagnostics::SourceFile;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What the names of one node mean. Looked up after locals, before macros.
pub trait Context: Send + Sync {
    /// The value of a global name such as `ref`, `this`, `var`; `None`: not a name of this context.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// All names, for the `context` mapping.
    fn names(&self) -> Vec<Arc<str>>;

    /// The package of the node: where bare macro names are looked up first.
    fn package(&self) -> &str;
}

/// How undefined values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndefinedMode {
    /// dbt while it parses: callable and chainable, calls return nothing.
    Lenient,
    /// dbt at run time: an error when called or read through.
    Strict,
}

/// A parsed template, ready to render; cheap to share.
#[derive(Clone)]
pub struct Template(pub(crate) Arc<TemplateData>);

/// The insides of a template.
pub struct TemplateData {
    /// The file it came from.
    pub file: Arc<SourceFile>,
    // lowered code: owned by the lowering module
}

/// A macro of some package.
pub struct MacroDef {
    /// `macro.package.name`
    pub unique_id: Arc<str>,
    /// The package that defines it.
    pub package: Arc<str>,
    /// Its name; `materialization_table_duckdb`, `test_unique` for those blocks.
    pub name: Arc<str>,
    /// The file, relative to the package root.
    pub path: Arc<str>,
    /// The text of the whole block.
    pub code: Arc<str>,
    /// Names of parameters, in order.
    pub parameters: Vec<Arc<str>>,
    /// `supported_languages` of a materialization.
    pub supported_languages: Option<Vec<Arc<str>>>,
    /// The parsed block.
    pub template: Template,
}

/// A shared macro.
pub type MacroRef = Arc<MacroDef>;

/// Where `adapter.dispatch(name, namespace)` looks: namespace -> packages in order (the project's `dispatch:`).
pub type DispatchOrder = FxHashMap<Arc<str>, Vec<Arc<str>>>;

/// All macros of all packages.
#[derive(Default)]
pub struct MacroTable {
    /// package -> name -> macro
    pub(crate) packages: FxHashMap<Arc<str>, FxHashMap<Arc<str>, MacroRef>>,
    /// The root project's name.
    pub root_package: Arc<str>,
    /// Internal packages in order: the adapter's, its parents', `dbt`.
    pub internal_packages: Vec<Arc<str>>,
    /// The adapter's name and its parents', for `adapter.dispatch`.
    pub adapter_prefixes: Vec<Arc<str>>,
    /// The project's `dispatch:`.
    pub dispatch: DispatchOrder,
}

/// Everything that renders share. Immutable once built.
pub struct Environment {
    /// The macros.
    pub macros: MacroTable,
    /// Names that mean the same in every node (`modules`, `exceptions`, `fromjson`...).
    pub globals: FxHashMap<Arc<str>, Value>,
    /// How undefined values behave.
    pub undefined: UndefinedMode,
}

impl MacroTable {
    /// Adds a macro. Returns the earlier macro of the same package and name, if there was one.
    pub fn insert(&mut self, definition: MacroDef) -> Option<MacroRef> {
        self.packages
            .entry(definition.package.clone())
            .or_default()
            .insert(definition.name.clone(), Arc::new(definition))
    }

    /// The macro `package.name`.
    pub fn get(&self, package: &str, name: &str) -> Option<&MacroRef> {
        self.packages.get(package)?.get(name)
    }

    /// What a bare name means in a node of `package`: the node's package, the root project, the internal packages.
    pub fn resolve(&self, package: &str, name: &str) -> Option<&MacroRef> {
        self.get(package, name)
            .or_else(|| self.get(&self.root_package, name))
            .or_else(|| self.internal_packages.iter().find_map(|p| self.get(p, name)))
    }

    /// All macros, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &MacroRef> {
        self.packages.values().flat_map(|p| p.values())
    }
}

impl Template {
    /// Parses a file's or block's text. `line` is the 1-based line of the file at which `text` begins.
    ///
    /// # Errors
    /// A syntax error with its place.
    pub fn parse(file: &Arc<SourceFile>, text: &str, line: u32) -> Result<Template> {
        let _ = (text, line);
        Ok(Template(Arc::new(TemplateData { file: file.clone() })))
    }

    /// Renders to text in the interpreter's context.
    ///
    /// # Errors
    /// Whatever the template raises.
    pub fn render(&self, interp: &mut Interp) -> Result<String> {
        interp.render(self)
    }

    /// Calls of the names `names` (such as `ref`, `source`, `config`, `var`) with constant arguments, found without
    /// rendering; `None` where the template is not simple enough for that to be sound.
    pub fn static_calls(&self, names: &[&str]) -> Option<Vec<(Arc<str>, Args)>> {
        let _ = names;
        None
    }
}
