//! Files to nodes: every file is read once, rendered with nothing executed, and what it asked for written down.

use super::{Parser, functions, static_refs};
use crate::config_merge::merge_calls;
use crate::context::parsing::{Captured, ParseContext, ParseScope};
use crate::context::{parse_ref_args, parse_source_args};
use crate::{Checksum, Node, ResourceType};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_jinja::{Args, BlockKind, Error, ErrorKind, Interp, Template, extract_blocks};
use kpi_project::{FileKind, InventoryFile, NodeProperties, Package, PropertyFile};
use rayon::prelude::*;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A node as its file has it, before property files and names.
pub(super) struct Draft {
    pub node: Node,
    pub captured: Captured,
    pub template: Option<Template>,
    pub file: Arc<SourceFile>,
}

/// A piece of work: what becomes nodes.
enum Job<'p> {
    File(&'p Package, &'p InventoryFile),
    YamlSnapshot(&'p Package, &'p PropertyFile, &'p NodeProperties),
    Hook(&'p Package, &'static str, usize, &'p str),
}

impl Parser {
    /// All nodes of all packages but generic tests, in dbt's order.
    pub(super) fn drafts(&self) -> Result<Vec<Draft>, Vec<Diagnostic>> {
        let mut jobs = Vec::new();
        for package in &self.project().packages {
            let kinds = [
                &[FileKind::Model, FileKind::PythonModel][..],
                &[FileKind::Snapshot],
                &[FileKind::Analysis],
                &[FileKind::SingularTest],
                &[FileKind::Seed],
            ];
            for kinds in kinds {
                let files = package.files.iter().filter(|file| kinds.contains(&file.kind));
                jobs.extend(files.map(|file| Job::File(package, file)));
            }
            for (tag, hooks) in
                [("on-run-start", &package.config.on_run_start), ("on-run-end", &package.config.on_run_end)]
            {
                jobs.extend(hooks.iter().enumerate().map(|(i, sql)| Job::Hook(package, tag, i, sql)));
            }
            let functions = package.files.iter().filter(|file| file.kind == FileKind::Function);
            jobs.extend(functions.map(|file| Job::File(package, file)));
            for file in &package.properties {
                let snapshots =
                    file.snapshots.iter().filter(|snapshot| snapshot.other.contains_key("relation"));
                jobs.extend(snapshots.map(|snapshot| Job::YamlSnapshot(package, file, snapshot)));
            }
        }
        let found: Vec<Result<Vec<Draft>, Diagnostic>> =
            jobs.par_iter().with_min_len(16).map(|job| self.draft(job)).collect();
        let mut drafts = Vec::with_capacity(found.len());
        let mut errors = Vec::new();
        for result in found {
            match result {
                Ok(new) => drafts.extend(new),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(drafts) } else { Err(errors) }
    }

    fn draft(&self, job: &Job<'_>) -> Result<Vec<Draft>, Diagnostic> {
        match job {
            Job::File(package, file) => match file.kind {
                FileKind::Snapshot => self.snapshots(package, file),
                FileKind::Seed => Ok(vec![self.seed(package, file)]),
                FileKind::PythonModel => self.python_model(package, file).map(|draft| vec![draft]),
                _ => self.sql_file(package, file).map(|draft| vec![draft]),
            },
            Job::YamlSnapshot(package, file, snapshot) => {
                self.yaml_snapshot(package, file, snapshot).map(|draft| vec![draft])
            }
            Job::Hook(package, tag, index, sql) => {
                self.hook(package, tag, *index, sql).map(|draft| vec![draft])
            }
        }
    }

    /// A node of a file, with the names that every node has.
    pub(super) fn node_of(
        &self,
        package: &Package,
        file: &InventoryFile,
        resource_type: ResourceType,
        name: Arc<str>,
    ) -> Node {
        let mut node = Node::new(resource_type, package.name.clone(), name);
        (node.schema, node.database) = self.names.defaults();
        node.quote = self.shared.facts.quoting;
        node.path = file.relative_path().into();
        node.original_file_path = file.path.clone();
        node.checksum = Checksum { name: file.checksum_name, checksum: file.checksum.clone() };
        node.created_at = self.created_at;
        node
    }

    fn sql_file(&self, package: &Package, file: &InventoryFile) -> Result<Draft, Diagnostic> {
        let resource_type = match file.kind {
            FileKind::Analysis => ResourceType::Analysis,
            FileKind::SingularTest => ResourceType::Test,
            FileKind::Function => ResourceType::Function,
            _ => ResourceType::Model,
        };
        let name: Arc<str> = file.stem().into();
        let mut node = self.node_of(package, file, resource_type, name.clone());
        if resource_type == ResourceType::Analysis {
            node.path = format!("analysis/{}", node.path).into();
        }
        if resource_type == ResourceType::Function {
            functions::undescribed(&mut node, &file.path);
        }
        node.fqn = fqn(&package.name, folders(&node.path), &name);
        let text = file.contents();
        node.first_line = first_line(&file.source.text, text);
        node.raw_code = shared_text(&file.source, text);
        let template = self.parse_template(&file.source, &node.raw_code, node.first_line, &node)?;
        self.rendered(node, template, file.source.clone())
    }

    fn seed(&self, package: &Package, file: &InventoryFile) -> Draft {
        let name: Arc<str> = file.stem().into();
        let mut node = self.node_of(package, file, ResourceType::Seed, name.clone());
        node.fqn = fqn(&package.name, folders(&node.path), &name);
        node.root_path = Some(package.root.to_string_lossy().into());
        Draft { node, captured: Captured::default(), template: None, file: file.source.clone() }
    }

    fn snapshots(&self, package: &Package, file: &InventoryFile) -> Result<Vec<Draft>, Diagnostic> {
        let blocks = extract_blocks(&file.source, &[BlockKind::Snapshot]).map_err(|error| {
            diagnostic(&error, &format!("snapshot {} ({})", file.stem(), file.path), &file.source)
        })?;
        for warning in super::macros::unexpected_blocks(&file.source, &[BlockKind::Snapshot]) {
            self.warn(warning);
        }
        blocks
            .into_iter()
            .filter(|block| block.kind == BlockKind::Snapshot)
            .map(|block| {
                let mut node = self.node_of(package, file, ResourceType::Snapshot, block.name.clone());
                let relative = node.path.clone();
                let stem = relative.strip_suffix(".sql").unwrap_or(&relative);
                node.fqn = fqn(&package.name, stem.split('/'), &block.name);
                node.raw_code = block.contents.clone();
                node.first_line = block.contents_line;
                let template = self.parse_template(&file.source, &node.raw_code, node.first_line, &node)?;
                self.rendered(node, template, file.source.clone())
            })
            .collect()
    }

    fn yaml_snapshot(
        &self,
        package: &Package,
        file: &PropertyFile,
        snapshot: &NodeProperties,
    ) -> Result<Draft, Diagnostic> {
        let relation = snapshot.other.get("relation").and_then(Json::as_str).unwrap_or_default();
        let mut node = Node::new(ResourceType::Snapshot, package.name.clone(), snapshot.name.clone());
        (node.schema, node.database) = self.names.defaults();
        node.quote = self.shared.facts.quoting;
        node.created_at = self.created_at;
        let relative = relative_path(package, &file.path);
        node.path = format!("{relative}/{}.sql", snapshot.name).into();
        node.original_file_path = file.path.clone();
        node.fqn = fqn(&package.name, folders(relative), &snapshot.name);
        node.raw_code = format!("select * from {{{{ {relation} }}}}").into();
        if let Some(inventory) = package.files.iter().find(|f| f.path == file.path) {
            node.checksum = Checksum { name: inventory.checksum_name, checksum: inventory.checksum.clone() };
        }
        let mut captured = Captured::default();
        match static_refs::parse(relation) {
            Some(static_refs::Reference::Ref(call)) => captured.refs.push(call),
            Some(static_refs::Reference::Source(pair)) => captured.sources.push(pair),
            _ => {
                return Err(Diagnostic::error(
                    "K0510",
                    "Parsing Error",
                    format!(
                        "Invalid {} expression: {relation} (in 'relation' of the snapshot {})",
                        if relation.contains("{{") { "jinja" } else { "ref or source" },
                        snapshot.name
                    ),
                )
                .with_span(snapshot.span.clone())
                .with_hint("write relation: ref('a_model') or relation: source('a_source', 'a_table')"));
            }
        }
        let source = SourceFile::new(file.file.name.clone(), node.raw_code.clone());
        let template = self.parse_template(&source, &node.raw_code, 1, &node)?;
        Ok(Draft { node, captured, template: Some(template), file: file.file.clone() })
    }

    fn hook(
        &self,
        package: &Package,
        tag: &'static str,
        index: usize,
        sql: &str,
    ) -> Result<Draft, Diagnostic> {
        let name: Arc<str> = format!("{}-{tag}-{index}", package.name).into();
        let mut node = Node::new(ResourceType::Operation, package.name.clone(), name.clone());
        (node.schema, node.database) = self.names.defaults();
        node.quote = self.shared.facts.quoting;
        node.created_at = self.created_at;
        node.path = format!("hooks/{name}.sql").into();
        let project_file = package.config.file.clone();
        let file_name = if package.config.native { "kpi.toml" } else { "dbt_project.yml" };
        node.original_file_path = format!("./{file_name}").into();
        if let Some(file) = &project_file {
            let digest = hex::encode(Sha256::digest(file.text.trim().as_bytes()));
            node.checksum = Checksum { name: "sha256", checksum: digest.into() };
        }
        node.fqn = fqn(&package.name, ["hooks"], &name);
        node.raw_code = sql.into();
        node.tags = vec![tag.into()];
        node.hook_index = Some(index);
        let file = SourceFile::new(project_file.map_or_else(|| file_name.into(), |f| f.name.clone()), sql);
        let template = self.parse_template(&file, sql, 1, &node)?;
        self.rendered(node, template, file)
    }

    pub(super) fn parse_template(
        &self,
        file: &Arc<SourceFile>,
        text: &str,
        line: u32,
        node: &Node,
    ) -> Result<Template, Diagnostic> {
        Template::parse(file, text, line).map_err(|error| diagnostic(&error, &node.heading(), file))
    }

    /// Renders a node's text and writes down what it asked for.
    pub(super) fn rendered(
        &self,
        node: Node,
        template: Template,
        file: Arc<SourceFile>,
    ) -> Result<Draft, Diagnostic> {
        let (node, mut captured) = match self.static_capture(&node, &template) {
            Some(captured) => (node, captured),
            None => self.capture(node, &[&template], &file)?,
        };
        captured.written = self.written_config(&node, &template, &captured.config);
        Ok(Draft { node, captured, template: Some(template), file })
    }

    /// What a text asks for, if it is simple enough to see that without rendering.
    fn static_capture(&self, node: &Node, template: &Template) -> Option<Captured> {
        const CALLS: [&str; 3] = ["ref", "source", "config"];
        let overridden =
            CALLS.iter().any(|name| self.lenient.macros.resolve(&node.package_name, name).is_some());
        if overridden {
            return None;
        }
        let calls = template.static_calls(&CALLS)?;
        let mut captured = Captured::default();
        for (name, args) in calls {
            let done = match &*name {
                "ref" => parse_ref_args(args).map(|call| captured.refs.push(call)),
                "source" => parse_source_args(args).map(|pair| captured.sources.push(pair)),
                _ => static_config(args).and_then(|map| merge_calls(&mut captured.config, map)),
            };
            if done.is_err() {
                // Rendering says where.
                return None;
            }
        }
        Some(captured)
    }

    /// What `config()` in a text is told, before it is evaluated. dbt keeps plain values where it need not render.
    fn written_config(
        &self,
        node: &Node,
        template: &Template,
        config: &Map<String, Json>,
    ) -> Option<Map<String, Json>> {
        fn plain(value: &Json) -> bool {
            match value {
                Json::String(_) | Json::Bool(_) => true,
                Json::Array(items) => items.iter().all(plain),
                Json::Object(map) => map.values().all(plain),
                _ => false,
            }
        }
        if config.is_empty() || !self.shared.flag("state_modified_compare_more_unrendered_values") {
            return None;
        }
        const CALLS: [&str; 3] = ["ref", "source", "config"];
        // The other spelling of these makes dbt render the text.
        let rendered = |text: &str| {
            let calls = text.split("config(").skip(1).filter_map(|rest| rest.split("}}").next());
            let mut words = calls.flat_map(|call| call.split(|c: char| !(c.is_alphanumeric() || c == '_')));
            text.contains("{{-") || text.contains("-}}") || words.any(|word| matches!(word, "true" | "false"))
        };
        let is_plain = node.resource_type == ResourceType::Model
            && template.prints_only(&CALLS)
            && template.static_calls(&CALLS).is_some()
            && config.iter().all(|(key, value)| plain(value) && !key.ends_with("-hook"))
            && !rendered(&node.raw_code);
        if is_plain {
            return None;
        }
        let written = template.written_keywords("config")?;
        Some(written.into_iter().map(|(key, text)| (key.to_string(), Json::from(text))).collect())
    }

    /// Renders templates in the node's context.
    pub(super) fn capture(
        &self,
        node: Node,
        templates: &[&Template],
        file: &Arc<SourceFile>,
    ) -> Result<(Node, Captured), Diagnostic> {
        let heading = node.heading();
        let scope = ParseScope::new(&self.parsing, Arc::new(node));
        let mut interp = Interp::new(self.lenient.clone(), Arc::new(ParseContext(scope.clone())));
        for template in templates {
            interp.render(template).map_err(|error| diagnostic(&error, &heading, file))?;
        }
        let macros = interp.called_macros();
        drop(interp);
        let mut captured = std::mem::take(&mut *scope.captured.lock());
        captured.macros = macros;
        let node = match Arc::try_unwrap(scope) {
            Ok(scope) => Arc::unwrap_or_clone(scope.node),
            Err(scope) => (*scope.node).clone(),
        };
        Ok((node, captured))
    }
}

/// The keywords of a `config()` call with constant arguments.
pub(super) fn static_config(args: Args) -> Result<Map<String, Json>, Error> {
    if !args.positional.is_empty() || args.keyword.is_empty() {
        return Err(Error::compilation("Invalid inline model config"));
    }
    let mut map = Map::new();
    for (key, value) in args.keyword {
        let key = match &*key {
            "pre_hook" => "pre-hook",
            "post_hook" => "post-hook",
            other => other,
        };
        if map.insert(key.to_owned(), value.to_json()?).is_some() {
            return Err(Error::compilation("Invalid inline model config"));
        }
    }
    Ok(map)
}

/// An error of a template as a diagnostic of a node.
pub(super) fn diagnostic(error: &Error, heading: &str, file: &Arc<SourceFile>) -> Diagnostic {
    let kind = match error.kind() {
        ErrorKind::Parsing => "Parsing Error",
        ErrorKind::Database | ErrorKind::DatabaseService => "Database Error",
        _ => "Compilation Error",
    };
    let mut diagnostic = error.to_diagnostic(kind, Some(heading));
    diagnostic.span.get_or_insert_with(|| Span::whole(file.clone()));
    diagnostic
}

/// `[package, folders..., name]`
pub(super) fn fqn<'a>(
    package: &Arc<str>,
    folders: impl IntoIterator<Item = &'a str>,
    name: &Arc<str>,
) -> Vec<Arc<str>> {
    let folders = folders.into_iter().filter(|folder| !folder.is_empty()).map(Arc::from);
    std::iter::once(package.clone()).chain(folders).chain([name.clone()]).collect()
}

/// The folders of a path.
pub(super) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit_once('/').map_or("", |(folders, _)| folders).split('/')
}

/// A property file's path below the folder that it was found in.
pub(super) fn relative_path<'p>(package: &'p Package, path: &'p str) -> &'p str {
    let config = &package.config;
    let lists = [
        &config.model_paths,
        &config.seed_paths,
        &config.snapshot_paths,
        &config.analysis_paths,
        &config.macro_paths,
        &config.test_paths,
        &config.function_paths,
        &config.docs_paths,
    ];
    let longest = lists
        .into_iter()
        .flatten()
        .filter_map(|folder| {
            let folder = folder.trim_start_matches("./").trim_end_matches('/');
            path.strip_prefix(folder)?.strip_prefix('/')
        })
        .min_by_key(|rest| rest.len());
    longest.unwrap_or(path)
}

/// The line of the file on which its contents begin.
pub(super) fn first_line(whole: &str, contents: &str) -> u32 {
    let start = whole.len() - whole.trim_start().len();
    let skipped = if contents.is_empty() { "" } else { whole.get(..start).unwrap_or_default() };
    skipped.bytes().filter(|b| *b == b'\n').count() as u32 + 1
}

/// The text of a file as a shared string, without a copy where nothing was stripped.
pub(super) fn shared_text(file: &Arc<SourceFile>, text: &str) -> Arc<str> {
    if text.len() == file.text.len() { file.text.clone() } else { text.into() }
}
