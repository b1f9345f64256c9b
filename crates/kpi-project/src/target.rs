//! The chosen target: of `profiles.yml`, or of `[targets]` in `kpi.toml`.

mod duckdb;

use crate::render::{Policy, Renderer};
use crate::shape::did_you_mean;
use crate::yaml::{Node, Value};
use crate::{LoadOptions, TargetSettings};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KIND: &str = "Runtime Error";

const PROFILE_HINT: &str = "a profile has `target:` and `outputs:`, with one entry for each target";

/// The types of targets that this program knows.
const KNOWN_TYPES: [&str; 2] = ["duckdb", "snowflake"];

impl TargetSettings {
    /// What `target` is in templates: connection settings without secrets, and the names of profile and target.
    pub fn context(&self) -> Map<String, Json> {
        let mut map = Map::new();
        if self.kind.is_empty() {
            return map;
        }
        match self.kind.as_str() {
            "duckdb" => duckdb::connection_info(&self.settings, &mut map),
            _ => {
                for (key, value) in &self.settings {
                    let secret = ["password", "token", "private_key", "passphrase", "secret"]
                        .iter()
                        .any(|word| key.contains(word));
                    if !secret && key != "threads" {
                        map.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        map.insert("type".to_owned(), self.kind.as_str().into());
        map.insert("threads".to_owned(), self.threads.into());
        map.insert("name".to_owned(), self.target_name.as_str().into());
        map.insert("target_name".to_owned(), self.target_name.as_str().into());
        map.insert("profile_name".to_owned(), self.profile_name.as_str().into());
        map
    }
}

/// The folder whose `profiles.yml` counts: dbt's order, then the project's own folder.
pub(crate) fn profiles_folder(options: &LoadOptions, root: &Path, working: &Path) -> PathBuf {
    let given = options.profiles_dir.clone().or_else(|| (options.env)("DBT_PROFILES_DIR").map(PathBuf::from));
    if let Some(given) = given {
        return working.join(given);
    }
    let home = (options.env)("HOME").map(|home| Path::new(&home).join(".dbt"));
    let candidates = [Some(working.to_owned()), home.clone(), Some(root.to_owned())];
    candidates
        .into_iter()
        .flatten()
        .find(|folder| folder.join("profiles.yml").is_file())
        .or(home)
        .unwrap_or_else(|| working.to_owned())
}

/// Reads the profile that the project names from `profiles.yml`.
pub(crate) fn of_profiles(
    options: &LoadOptions,
    root: &Path,
    working: &Path,
    project: Option<(&Node, &Arc<SourceFile>)>,
    renderer: &Renderer,
    warnings: &mut Vec<Diagnostic>,
) -> Result<TargetSettings, Diagnostic> {
    let folder = profiles_folder(options, root, working);
    let path = folder.join("profiles.yml");
    let shown = shown_path(&path, root);
    let mut named =
        project.and_then(|(node, file)| node.get("profile").map(|node| (node.clone(), file.clone())));
    if let Some((node, file)) = &mut named {
        renderer.render(node, file, Policy::Profile)?;
    }
    let profile_name = match (&options.profile, &named) {
        (Some(name), _) => name.clone(),
        (None, Some((node, _))) if !node.is_null() => node.key_text(),
        (None, _) => {
            let error = Diagnostic::error("K0211", KIND, "no profile was specified for this dbt project");
            return Err(match project {
                None => error.with_hint(format!("name one of {shown} with --profile")),
                Some((_, file)) => error.with_span(Span::whole(file.clone())).with_hint(format!(
                    "add a line `profile: my_profile` to {}, with a profile of {shown}",
                    file.name
                )),
            });
        }
    };
    // Whoever names the profile is where a wrong name is to be mended.
    let named_at = |diagnostic: Diagnostic| match (&options.profile, &named) {
        (None, Some((node, file))) => diagnostic.with_span(node.span(file)),
        _ => diagnostic,
    };
    if !path.is_file() {
        // A folder that was named is told as it was.
        let looked = match &options.profiles_dir {
            Some(given) => given.join("profiles.yml").display().to_string(),
            None => shown,
        };
        let message = format!(
            "Could not find profile named '{profile_name}': dbt looked for a profiles.yml file in {looked}, but did not find \
             one"
        );
        return Err(named_at(Diagnostic::error("K0212", KIND, message)).with_hint(
            "create profiles.yml there or beside the project file, or name its folder with --profiles-dir or \
             DBT_PROFILES_DIR",
        ));
    }
    let file = crate::inventory::read_text(&path, &shown)?;
    let document = crate::yaml::parse(&file)?;
    let Some(root_node) = document.filter(|node| !node.is_null()) else {
        return Err(Diagnostic::error("K0213", KIND, format!("The profiles.yml file at {shown} is empty"))
            .with_span(Span::whole(file))
            .with_hint(PROFILE_HINT));
    };
    let Some(entries) = root_node.as_map() else {
        return Err(Diagnostic::error("K0213", KIND, format!("{shown} does not parse to a dictionary"))
            .with_span(root_node.span(&file))
            .with_hint(PROFILE_HINT));
    };
    let Some((_, profile)) = entries.iter().find(|(key, _)| key.key_text() == profile_name) else {
        let names: Vec<String> =
            entries.iter().map(|(k, _)| k.key_text()).filter(|n| n != "config").collect();
        let error = Diagnostic::error(
            "K0212",
            KIND,
            format!("Could not find profile named '{profile_name}' in {shown}"),
        );
        let hint = did_you_mean(&profile_name, names.iter().map(String::as_str))
            .unwrap_or_else(|| format!("profiles there are: {}", names.join(", ")));
        return Err(named_at(error).with_hint(hint));
    };
    if profile.as_map().is_none_or(<[_]>::is_empty) {
        return Err(Diagnostic::error(
            "K0213",
            KIND,
            format!("Profile {profile_name} in profiles.yml is empty"),
        )
        .with_span(profile.span(&file))
        .with_hint(PROFILE_HINT));
    }
    let target_name = match (&options.target, profile.get("target")) {
        (Some(name), _) => name.clone(),
        (None, Some(node)) => {
            let mut node = node.clone();
            renderer.render(&mut node, &file, Policy::Profile)?;
            node.key_text()
        }
        (None, None) => {
            let message = format!("target not specified in profile '{profile_name}', using 'default'");
            warnings.push(
                Diagnostic::warning("K0217", "Note", message).with_span(profile.span(&file)).with_event(
                    "MissingProfileTarget",
                    json!({"profile_name": profile_name, "target_name": "default"}),
                ),
            );
            "default".to_owned()
        }
    };
    let Some(outputs) = profile.get("outputs") else {
        return Err(Diagnostic::error(
            "K0213",
            KIND,
            format!("outputs not specified in profile '{profile_name}'"),
        )
        .with_span(profile.span(&file))
        .with_hint("a profile has `target:` and `outputs:`, with one entry for each target"));
    };
    let output = find_target(outputs, &target_name, &format!("The profile '{profile_name}'"), &file)?;
    read_target(options, output.clone(), profile_name, target_name, &file, renderer)
}

/// Reads a target of `kpi.toml`.
pub(crate) fn of_native(
    options: &LoadOptions,
    project_name: &str,
    targets: Option<&Node>,
    default: Option<&Node>,
    file: &Arc<SourceFile>,
    renderer: &Renderer,
) -> Result<TargetSettings, Diagnostic> {
    let entries = targets.and_then(Node::as_map).unwrap_or_default();
    let (Some(targets), Some((first, _))) = (targets, entries.first()) else {
        return Err(Diagnostic::error("K0214", KIND, "kpi.toml has no targets")
            .with_span(Span::whole(file.clone()))
            .with_hint("add one: [targets.dev] with type = \"duckdb\" and path = \"dev.duckdb\""));
    };
    let name = match (&options.target, default) {
        (Some(name), _) => name.clone(),
        (None, Some(node)) => {
            let mut node = node.clone();
            renderer.render(&mut node, file, Policy::Profile)?;
            node.key_text()
        }
        (None, None) if targets.get("dev").is_some() => "dev".to_owned(),
        (None, None) => first.key_text(),
    };
    let output = find_target(targets, &name, "kpi.toml", file)?;
    read_target(options, output.clone(), project_name.to_owned(), name, file, renderer)
}

fn find_target<'a>(
    outputs: &'a Node,
    name: &str,
    of: &str,
    file: &Arc<SourceFile>,
) -> Result<&'a Node, Diagnostic> {
    let entries = outputs.as_map().unwrap_or_default();
    match entries.iter().find(|(key, _)| key.key_text() == name) {
        Some((_, output)) if output.as_map().is_some() => Ok(output),
        Some((key, _)) => Err(Diagnostic::error(
            "K0213",
            KIND,
            format!("output '{name}' of {} is misconfigured in {}", of.trim_start_matches("The "), file.name),
        )
        .with_span(key.span(file))
        .with_hint("an output is a mapping with `type:` and the settings of that type")),
        None => {
            let names: Vec<String> = entries.iter().map(|(key, _)| key.key_text()).collect();
            let list: String = names.iter().map(|name| format!("\n - {name}")).collect();
            let error = Diagnostic::error(
                "K0215",
                KIND,
                format!("{of} does not have a target named '{name}'. The valid target names are:{list}"),
            )
            .with_span(outputs.span(file));
            Err(match did_you_mean(name, names.iter().map(String::as_str)) {
                Some(hint) => error.with_hint(hint),
                None => error.with_hint("choose one with --target"),
            })
        }
    }
}

fn read_target(
    options: &LoadOptions,
    mut output: Node,
    profile_name: String,
    target_name: String,
    file: &Arc<SourceFile>,
    renderer: &Renderer,
) -> Result<TargetSettings, Diagnostic> {
    renderer.render(&mut output, file, Policy::Profile)?;
    let at =
        |node: &Node, message: String| Diagnostic::error("K0216", KIND, message).with_span(node.span(file));
    let whose = format!("profile \"{profile_name}\", target \"{target_name}\"");
    let Some(kind_node) = output.get("type") else {
        return Err(at(&output, format!("required field \"type\" not found in {whose}"))
            .with_hint("add `type: duckdb`"));
    };
    let kind = kind_node.key_text();
    if !KNOWN_TYPES.contains(&kind.as_str()) {
        let hint = did_you_mean(&kind, KNOWN_TYPES)
            .unwrap_or_else(|| format!("the types that kpi knows are: {}", KNOWN_TYPES.join(", ")));
        return Err(at(kind_node, format!("Could not find adapter type {kind}!")).with_hint(hint));
    }
    let threads = match (options.threads, output.get("threads")) {
        (Some(threads), _) => threads,
        (None, None) => 1,
        (None, Some(node)) => match node.value {
            Value::Int(threads) if threads >= 1 => usize::try_from(threads).unwrap_or(1),
            _ => {
                return Err(at(node, format!("threads of {whose} must be a whole number of at least 1, not {}", crate::shape::shown(node)))
                    .with_hint("write a number without quotes; one from the environment needs a filter: \"{{ env_var('THREADS') | as_number }}\""));
            }
        },
    };
    let mut settings = output.to_json_map();
    if kind == "duckdb" {
        duckdb::check(&output, &whose, file)?;
        duckdb::complete(&mut settings, &output, &whose, file)?;
    }
    Ok(TargetSettings { profile_name, target_name, kind, threads, settings, file: Some(file.clone()) })
}

/// A path as messages show it: relative to the project where it lies below it.
pub(crate) fn shown_path(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
