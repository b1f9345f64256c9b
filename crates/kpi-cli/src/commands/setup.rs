//! `kpi setup snowflake`: makes in the account what `[setup.snowflake]` of `kpi.toml` declares.

use super::print;
use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_adapter::{Connection, Fetch};
use kpi_diagnostics::{Diagnostic, Level, SourceFile, nearest};
use kpi_project::Project;
use kpi_project::yaml::{Node, parse_toml};
use kpi_snowflake::setup::{Change, Role, Setup, Warehouse};
use std::sync::Arc;

const KIND: &str = "Runtime Error";

/// Shows what would be done, and with `--apply` does it.
pub fn snowflake(session: &Session, matches: &ArgMatches) -> Outcome {
    let checked = Project::check(&session.load_options(true)?);
    let target = checked.target?;
    if target.kind != "snowflake" {
        let message =
            format!("the target '{}' is of type {}, not snowflake", target.target_name, target.kind);
        return Err(Diagnostic::error("K0241", KIND, message)
            .with_hint("name the target of the account: kpi setup snowflake --target NAME")
            .into());
    }
    let setup = declared(&checked.root.join("kpi.toml"))?;
    let mut connection = session.adapter(&target)?.connect("setup").map_err(|error| error.to_diagnostic())?;
    let changes = setup
        .changes(&mut |sql| connection.execute(sql, Fetch::All).map(|result| result.table))
        .map_err(|error| error.to_diagnostic())?;
    print(&difference(&changes));
    if changes.is_empty() {
        session.messages.say("SetupDone", Level::Info, "The account has all that kpi.toml declares");
        return Ok(Ending::Good);
    }
    let altered = changes.iter().filter(|change| change.alters).count();
    let count = format!("{} to create, {altered} to change", changes.len() - altered);
    if !matches.get_flag("apply") {
        let text = format!("{count}; nothing was done: --apply does it");
        session.messages.say("SetupDone", Level::Info, text);
        return Ok(Ending::Good);
    }
    for (done, change) in changes.iter().enumerate() {
        apply(&mut *connection, change).map_err(|mut error| {
            error.message =
                format!("{}\n  failed: {} ({done} of {} done)", error.message, change.what, changes.len());
            error
        })?;
    }
    session.messages.say("SetupDone", Level::Info, format!("Done: {} changes", changes.len()));
    Ok(Ending::Good)
}

fn apply(connection: &mut dyn Connection, change: &Change) -> Result<(), Diagnostic> {
    for sql in &change.sql {
        connection.execute(sql, Fetch::No).map_err(|error| error.to_diagnostic())?;
    }
    Ok(())
}

/// A line for each change, its statements beneath.
fn difference(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        text.push_str(&format!("{} {}\n", if change.alters { '~' } else { '+' }, change.what));
        for sql in &change.sql {
            text.push_str(&format!("    {sql};\n"));
        }
    }
    text
}

/// Reads the block, which names its own places.
struct Block {
    file: Arc<SourceFile>,
}

impl Block {
    fn wrong(&self, node: &Node, message: String) -> Diagnostic {
        Diagnostic::error("K0242", KIND, message).with_span(node.span(&self.file))
    }

    /// The entries of a table whose keys are all `known`.
    fn entries<'n>(
        &self,
        node: &'n Node,
        what: &str,
        known: Option<&[&str]>,
    ) -> Result<&'n [(Node, Node)], Diagnostic> {
        let Some(entries) = node.as_map() else {
            return Err(self.wrong(node, format!("{what} must be a table, not {}", node.type_name())));
        };
        for (key, _) in entries {
            let name = key.key_text();
            let Some(known) = known.filter(|known| !known.contains(&name.as_str())) else { continue };
            let error = self.wrong(key, format!("{what} has no setting '{name}'"));
            return Err(match nearest(&name, known.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error.with_hint(format!("it has: {}", known.join(", "))),
            });
        }
        Ok(entries)
    }

    fn names(&self, node: Option<&Node>, what: &str) -> Result<Vec<String>, Diagnostic> {
        let Some(node) = node else { return Ok(Vec::new()) };
        let wrong = |at: &Node| self.wrong(at, format!("{what} must be a list of names"));
        let list = node.as_list().ok_or_else(|| wrong(node))?;
        list.iter()
            .map(|item| match item.as_str().filter(|name| !name.is_empty()) {
                Some(name) => Ok(name.to_string()),
                None => Err(wrong(item)),
            })
            .collect()
    }

    fn warehouse(&self, name: &Node, node: &Node) -> Result<Warehouse, Diagnostic> {
        const SIZES: &[&str] = &[
            "XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE", "XXXLARGE", "X4LARGE", "X5LARGE",
            "X6LARGE",
        ];
        let name = name.key_text();
        let what = format!("warehouse {name}");
        self.entries(node, &what, Some(&["size", "auto_suspend", "auto_resume"]))?;
        let size = match node.get("size") {
            None => "XSMALL".to_owned(),
            Some(size) => {
                let text = size.as_str().map(|text| text.to_uppercase().replace('-', "")).unwrap_or_default();
                if !SIZES.contains(&text.as_str()) {
                    let error = self.wrong(size, format!("the size of {what} is none of Snowflake's"));
                    return Err(error.with_hint(format!("one of: {}", SIZES.join(", "))));
                }
                text
            }
        };
        let auto_suspend = match node.get("auto_suspend") {
            None => 300,
            Some(seconds) => {
                let number = seconds.to_json().as_u64().and_then(|n| u32::try_from(n).ok());
                number.ok_or_else(|| {
                    self.wrong(seconds, format!("auto_suspend of {what} must be a number of seconds"))
                })?
            }
        };
        let auto_resume = match node.get("auto_resume") {
            None => true,
            Some(flag) => flag
                .to_json()
                .as_bool()
                .ok_or_else(|| self.wrong(flag, format!("auto_resume of {what} must be true or false")))?,
        };
        Ok(Warehouse { name, size, auto_suspend, auto_resume })
    }

    fn role(&self, name: &Node, node: &Node, setup: &Setup) -> Result<Role, Diagnostic> {
        let name = name.key_text();
        let what = format!("role {name}");
        self.entries(node, &what, Some(&["warehouses", "reads", "writes", "users", "granted_to"]))?;
        let list = |key: &str| self.names(node.get(key), &format!("'{key}' of {what}"));
        let role = Role {
            warehouses: list("warehouses")?,
            reads: list("reads")?,
            writes: list("writes")?,
            users: list("users")?,
            granted_to: list("granted_to")?,
            name,
        };
        for (key, names) in [("reads", &role.reads), ("writes", &role.writes)] {
            for database in names {
                let known = setup.databases.iter().any(|(name, _)| name.eq_ignore_ascii_case(database));
                if !known && let Some(at) = node.get(key) {
                    let message = format!("{what} {key} the database {database}, which is not declared");
                    return Err(self
                        .wrong(at, message)
                        .with_hint(format!("add [setup.snowflake.databases.{database}] with its schemas")));
                }
            }
        }
        Ok(role)
    }
}

fn declared(path: &std::path::Path) -> Result<Setup, Diagnostic> {
    let nothing = || {
        Diagnostic::error("K0243", KIND, "kpi.toml declares nothing to set up").with_hint(
            "add for instance [setup.snowflake.warehouses.TRANSFORMING] with size = \"XSMALL\"; docs/snowflake.md shows all of it",
        )
    };
    let text = std::fs::read_to_string(path).map_err(|_| nothing())?;
    let file = SourceFile::new("kpi.toml", text);
    let root = parse_toml(&file)?;
    let node = root.find(["setup", "snowflake"]).ok_or_else(nothing)?;
    let block = Block { file };
    let mut setup = Setup::default();
    block.entries(node, "[setup.snowflake]", Some(&["warehouses", "databases", "roles"]))?;
    if let Some(warehouses) = node.get("warehouses") {
        for (name, node) in block.entries(warehouses, "[setup.snowflake.warehouses]", None)? {
            setup.warehouses.push(block.warehouse(name, node)?);
        }
    }
    if let Some(databases) = node.get("databases") {
        for (name, node) in block.entries(databases, "[setup.snowflake.databases]", None)? {
            let what = format!("database {}", name.key_text());
            block.entries(node, &what, Some(&["schemas"]))?;
            let schemas = block.names(node.get("schemas"), &format!("'schemas' of {what}"))?;
            setup.databases.push((name.key_text(), schemas));
        }
    }
    if let Some(roles) = node.get("roles") {
        for (name, node) in block.entries(roles, "[setup.snowflake.roles]", None)? {
            let role = block.role(name, node, &setup)?;
            setup.roles.push(role);
        }
    }
    Ok(setup)
}
