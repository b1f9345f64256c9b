//! What is shared by all renders: templates, macros and the order in which they are found.

use crate::blocks::{BlockKind, extract_blocks};
use crate::syntax::ast::{Expr, Function, Stmt};
use crate::{Args, Error, Interp, Result, StaticCall, Value};
use kpi_diagnostics::SourceFile;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What the names of one node mean. Looked up after locals and macros, before globals.
pub trait Context: Send + Sync {
    /// The value of a global name such as `ref`, `this`, `var`; `None`: not a name of this context.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// All names, for the `context` mapping.
    fn names(&self) -> Vec<Arc<str>>;

    /// The package of the node: where bare macro names are looked up first.
    fn package(&self) -> &str;

    /// What calls of a macro give instead of running it, as unit tests may say; `None`: it runs.
    fn override_macro(&self, definition: &MacroDef) -> Option<Value> {
        let _ = definition;
        None
    }
}

/// How undefined values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndefinedMode {
    /// dbt while it parses: callable and chainable, calls return nothing. Holds for the code of the node, not for the
    /// code of the macros that it calls.
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
    pub(crate) root: Arc<Function>,
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

impl std::fmt::Debug for MacroDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MacroDef").field("unique_id", &self.unique_id).finish_non_exhaustive()
    }
}

/// A shared macro.
pub type MacroRef = Arc<MacroDef>;

/// Where `adapter.dispatch(name, namespace)` looks: namespace -> packages in order (the project's `dispatch:`).
pub type DispatchOrder = FxHashMap<Arc<str>, Vec<Arc<str>>>;

/// Macros by name, as they are visible from one package.
pub(crate) type VisibleMacros = Arc<FxHashMap<Arc<str>, MacroRef>>;

/// The namespace of all internal packages together.
const DBT: &str = "dbt";

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
    /// What [`MacroTable::visible`] found per package.
    cache: RwLock<FxHashMap<Arc<str>, VisibleMacros>>,
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
        self.insert_ref(Arc::new(definition))
    }

    /// Adds a macro that is shared already.
    pub fn insert_ref(&mut self, definition: MacroRef) -> Option<MacroRef> {
        self.cache.get_mut().clear();
        self.packages
            .entry(definition.package.clone())
            .or_default()
            .insert(definition.name.clone(), definition)
    }

    /// Makes a package known that may have no macros.
    pub fn add_package(&mut self, package: impl Into<Arc<str>>) {
        self.packages.entry(package.into()).or_default();
    }

    /// Adds the macros of a file: its `macro`, `materialization` and `test` blocks. `path` is relative to the package.
    ///
    /// # Errors
    /// What does not parse, or a name that the package has already.
    pub fn add_file(
        &mut self,
        package: &Arc<str>,
        path: &str,
        file: &Arc<SourceFile>,
    ) -> Result<Vec<MacroRef>> {
        let mut added = Vec::new();
        for definition in Self::parse_file(package, path, file)? {
            let definition = Arc::new(definition);
            if let Some(earlier) = self.insert_ref(definition.clone()) {
                return Err(Self::duplicate(&definition, &earlier));
            }
            added.push(definition);
        }
        Ok(added)
    }

    /// The macros of a file, without adding them anywhere; files can be parsed in parallel.
    ///
    /// # Errors
    /// What does not parse.
    pub fn parse_file(package: &Arc<str>, path: &str, file: &Arc<SourceFile>) -> Result<Vec<MacroDef>> {
        let wanted = [BlockKind::Macro, BlockKind::Materialization, BlockKind::Test];
        let path: Arc<str> = path.into();
        extract_blocks(file, &wanted)?
            .into_iter()
            .filter(|block| block.kind != BlockKind::Text)
            .map(|block| {
                let template = Template::parse(file, &block.full, block.line)?;
                let Some(function) = template.0.macro_function() else {
                    return Err(Error::compilation(format!("the block '{}' holds no macro", block.name))
                        .with_place(file, block.line, 1));
                };
                Ok(MacroDef {
                    unique_id: format!("macro.{package}.{}", function.name).into(),
                    package: package.clone(),
                    name: function.name.clone(),
                    path: path.clone(),
                    code: block.full.clone(),
                    parameters: function.parameters.iter().map(|p| p.name.clone()).collect(),
                    supported_languages: (block.kind == BlockKind::Materialization)
                        .then(|| languages(function)),
                    template,
                })
            })
            .collect()
    }

    /// The error of two macros of one name in one package.
    pub fn duplicate(a: &MacroDef, b: &MacroDef) -> Error {
        Error::compilation(format!(
            "dbt found multiple macros named \"{}\" in the project \"{}\".\nAll macros require unique names, to fix this \
             error rename or remove any duplicates. They can be found in these files:\n    - {}\n    - {}",
            a.name, a.package, a.path, b.path
        ))
    }

    /// The macro `package.name`.
    pub fn get(&self, package: &str, name: &str) -> Option<&MacroRef> {
        self.packages.get(package)?.get(name)
    }

    /// The macro `namespace.name` of a template, where `dbt` stands for all internal packages.
    pub fn in_namespace(&self, namespace: &str, name: &str) -> Option<&MacroRef> {
        if namespace == DBT {
            return self.internal_packages.iter().find_map(|package| self.get(package, name));
        }
        if self.is_internal(namespace) { None } else { self.get(namespace, name) }
    }

    fn is_internal(&self, package: &str) -> bool {
        self.internal_packages.iter().any(|internal| &**internal == package)
    }

    /// Whether a template may write `name.macro`.
    pub(crate) fn is_namespace(&self, name: &str) -> bool {
        if name == DBT {
            return !self.internal_packages.is_empty();
        }
        self.packages.get(name).is_some_and(|macros| !macros.is_empty()) && !self.is_internal(name)
    }

    /// Whether there is a package of that name.
    pub fn is_package(&self, name: &str) -> bool {
        self.packages.contains_key(name) || self.is_internal(name)
    }

    /// The names that [`MacroTable::is_namespace`] holds for.
    pub(crate) fn namespaces(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> =
            self.packages.keys().filter(|name| self.is_namespace(name)).cloned().collect();
        if self.is_namespace(DBT) && !names.iter().any(|name| &**name == DBT) {
            names.push(DBT.into());
        }
        names
    }

    /// What a bare name means in a node of `package`: the node's package, the root project, the internal packages.
    pub fn resolve(&self, package: &str, name: &str) -> Option<&MacroRef> {
        let own = if self.is_internal(package) { None } else { self.get(package, name) };
        own.or_else(|| self.get(&self.root_package, name))
            .or_else(|| self.internal_packages.iter().find_map(|p| self.get(p, name)))
    }

    /// All that [`MacroTable::resolve`] finds for a package, as one map.
    pub(crate) fn visible(&self, package: &str) -> VisibleMacros {
        if let Some(known) = self.cache.read().get(package) {
            return known.clone();
        }
        let mut visible: FxHashMap<Arc<str>, MacroRef> = FxHashMap::default();
        let own = if self.is_internal(package) { None } else { Some(package) };
        let order = self.internal_packages.iter().rev().map(|p| &**p);
        for package in order.chain([&*self.root_package]).chain(own) {
            let macros = self.packages.get(package).into_iter().flatten();
            visible.extend(macros.map(|(name, definition)| (name.clone(), definition.clone())));
        }
        let visible = Arc::new(visible);
        self.cache.write().insert(package.into(), visible.clone());
        visible
    }

    /// The names of the packages that are known, in no order.
    pub fn package_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.packages.keys()
    }

    /// All macros, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &MacroRef> {
        self.packages.values().flat_map(|p| p.values())
    }
}

fn languages(function: &Function) -> Vec<Arc<str>> {
    let default = function
        .parameters
        .iter()
        .find(|parameter| &*parameter.name == "supported_languages")
        .and_then(|parameter| parameter.default.as_ref());
    let items = match default {
        Some(Expr::List(items) | Expr::Tuple(items)) => items.as_slice(),
        _ => &[],
    };
    items
        .iter()
        .filter_map(|item| match item {
            Expr::Const(Value::Str(language)) => Some(language.clone()),
            _ => None,
        })
        .collect()
}

impl TemplateData {
    /// The macro that a block of a macro file defines.
    pub(crate) fn macro_function(&self) -> Option<&Arc<Function>> {
        self.root.body.iter().find_map(|statement| match statement {
            Stmt::Macro(function, _) => Some(function),
            _ => None,
        })
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({})", self.0.file.name)
    }
}

impl Template {
    /// The file that it came from.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.0.file
    }

    /// Parses a file's or block's text. `line` is the 1-based line of the file at which `text` begins.
    ///
    /// # Errors
    /// A syntax error with its place.
    pub fn parse(file: &Arc<SourceFile>, text: &str, line: u32) -> Result<Template> {
        let root = crate::syntax::parse(file, text, line)?;
        Ok(Template(Arc::new(TemplateData { file: file.clone(), root })))
    }

    /// Parses a text that stands in no file of its own, such as a value in YAML; `name` is for messages.
    ///
    /// # Errors
    /// A syntax error with its place.
    pub fn parse_str(name: &str, text: &str) -> Result<Template> {
        Self::parse(&SourceFile::new(name, text), text, 1)
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
        crate::analysis::static_calls(&self.0.root, names)
    }

    /// The keyword arguments of the first call of `name`, each as the text that jinja2 prints of its syntax tree; `None`
    /// where nothing calls it.
    pub fn written_keywords(&self, name: &str) -> Option<Vec<(Arc<str>, String)>> {
        crate::written::keywords_of(&self.0.root, name)
    }

    /// Whether the text is plain but for prints of calls of `names`.
    pub fn prints_only(&self, names: &[&str]) -> bool {
        crate::written::prints_only(&self.0.root, names)
    }

    /// All calls in the text that could be of macros, each once, in the order of the text: what a macro may depend on.
    pub fn macro_calls(&self) -> Vec<StaticCall> {
        crate::analysis::macro_calls(&self.0.root)
    }

    /// Whether the text reads `name` anywhere, such as `this`.
    pub fn reads_name(&self, name: &str) -> bool {
        crate::analysis::reads_name(&self.0.root, name)
    }
}
