//! What an account has to have before a project can run on it: warehouses, databases, schemas, roles and their rights.
//!
//! The declared is compared with what the account says it has; what is missing or differs becomes a change with its
//! statement. Nothing is dropped or revoked: what is not declared stays.

use kpi_adapter::{AdapterError, Table};
use std::collections::BTreeSet;

/// `[setup.snowflake]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// In the order of the file.
    pub warehouses: Vec<Warehouse>,
    /// Databases with their schemas.
    pub databases: Vec<(String, Vec<String>)>,
    /// Who may do what.
    pub roles: Vec<Role>,
}

/// A warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warehouse {
    /// Its name.
    pub name: String,
    /// `XSMALL`, `SMALL`...
    pub size: String,
    /// Seconds without work until it is suspended.
    pub auto_suspend: u32,
    /// Whether a statement wakes it.
    pub auto_resume: bool,
}

/// A role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Warehouses that it may use.
    pub warehouses: Vec<String>,
    /// Databases whose declared schemas it may read.
    pub reads: Vec<String>,
    /// Databases in which it builds.
    pub writes: Vec<String>,
    /// Users that have it.
    pub users: Vec<String>,
    /// Roles that have it, and with it all that it may.
    pub granted_to: Vec<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Something exists and is made to differ; otherwise it is new.
    pub alters: bool,
    /// What, in words.
    pub what: String,
    /// Statements that do it.
    pub sql: Vec<String>,
}

/// A name as the account has it: plain ones in upper case.
pub fn stored(name: &str) -> String {
    if is_plain(name) { name.to_uppercase() } else { name.to_owned() }
}

fn is_plain(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

/// A name as it is written in SQL.
fn sql_name(name: &str) -> String {
    if is_plain(name) { name.to_uppercase() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Rows of an answer by the names of columns, in lower case.
struct Rows(Vec<Vec<String>>, Vec<String>);

impl Rows {
    fn of(table: &Table) -> Self {
        let names = table.columns.iter().map(|name| name.to_lowercase()).collect();
        Self(table.rows.iter().map(|row| row.iter().map(kpi_adapter::Cell::text).collect()).collect(), names)
    }

    fn column(&self, name: &str) -> impl Iterator<Item = &str> {
        let at = self.1.iter().position(|column| column == name);
        self.0.iter().filter_map(move |row| row.get(at?).map(String::as_str))
    }

    fn find(&self, key: &str, value: &str) -> Option<Vec<(&str, &str)>> {
        let at = self.1.iter().position(|column| column == key)?;
        let row = self.0.iter().find(|row| row.get(at).is_some_and(|cell| cell == value))?;
        Some(self.1.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect())
    }
}

/// Asks the account one thing.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<Table, AdapterError>;

impl Setup {
    /// What has to be done for the account to be as declared, in the order in which it can be done.
    ///
    /// # Errors
    /// The account's: no right to look.
    pub fn changes(&self, ask: Ask<'_>) -> Result<Vec<Change>, AdapterError> {
        let mut changes = Vec::new();
        if !self.warehouses.is_empty() {
            let found = Rows::of(&ask("show warehouses")?);
            for warehouse in &self.warehouses {
                changes.extend(warehouse.change(&found));
            }
        }
        if !self.databases.is_empty() {
            self.database_changes(ask, &mut changes)?;
        }
        if !self.roles.is_empty() {
            let found = Rows::of(&ask("show roles")?);
            let found: BTreeSet<&str> = found.column("name").collect();
            for role in &self.roles {
                let name = sql_name(&role.name);
                let exists = found.contains(&*stored(&role.name));
                if !exists {
                    changes.push(Change {
                        alters: false,
                        what: format!("role {name}"),
                        sql: vec![format!("create role if not exists {name}")],
                    });
                }
                self.grant_changes(role, exists, ask, &mut changes)?;
            }
        }
        Ok(changes)
    }

    fn database_changes(&self, ask: Ask<'_>, changes: &mut Vec<Change>) -> Result<(), AdapterError> {
        let found = Rows::of(&ask("show databases")?);
        for (database, schemas) in &self.databases {
            let name = sql_name(database);
            let exists = found.column("name").any(|found| found == stored(database));
            if !exists {
                changes.push(Change {
                    alters: false,
                    what: format!("database {name}"),
                    sql: vec![format!("create database if not exists {name}")],
                });
            }
            let present = match exists && !schemas.is_empty() {
                true => Some(Rows::of(&ask(&format!("show terse schemas in database {name} limit 10000"))?)),
                false => None,
            };
            for schema in schemas {
                let wanted = stored(schema);
                if present.as_ref().is_some_and(|rows| rows.column("name").any(|found| found == wanted)) {
                    continue;
                }
                let schema = sql_name(schema);
                changes.push(Change {
                    alters: false,
                    what: format!("schema {name}.{schema}"),
                    sql: vec![format!("create schema if not exists {name}.{schema}")],
                });
            }
        }
        Ok(())
    }

    /// Schemas of a database, as declared.
    fn schemas(&self, database: &str) -> &[String] {
        self.databases
            .iter()
            .find(|(name, _)| stored(name) == stored(database))
            .map_or(&[], |(_, schemas)| schemas.as_slice())
    }

    fn grant_changes(
        &self,
        role: &Role,
        exists: bool,
        ask: Ask<'_>,
        changes: &mut Vec<Change>,
    ) -> Result<(), AdapterError> {
        let name = sql_name(&role.name);
        // Privilege, kind of object and the object, as the account lists them.
        let (mut held, mut future, mut members) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        if exists {
            let of = |rows: &Rows, columns: [&str; 3]| -> Vec<(String, String, String)> {
                let cells = columns.map(|column| rows.column(column).map(plain_name).collect::<Vec<_>>());
                let [a, b, c] = cells;
                a.into_iter().zip(b).zip(c).map(|((a, b), c)| (a, b, c)).collect()
            };
            let rows = Rows::of(&ask(&format!("show grants to role {name}"))?);
            held.extend(of(&rows, ["privilege", "granted_on", "name"]));
            let rows = Rows::of(&ask(&format!("show future grants to role {name}"))?);
            future.extend(of(&rows, ["privilege", "grant_on", "name"]));
            let rows = Rows::of(&ask(&format!("show grants of role {name}"))?);
            members.extend(of(&rows, ["granted_to", "grantee_name", "grantee_name"]));
        }
        let mut on = |privileges: &[&str], kind: &str, object: &str, stored_name: &str| {
            let missing: Vec<&str> = privileges
                .iter()
                .copied()
                .filter(|privilege| {
                    !held.contains(&(privilege.to_uppercase(), kind.to_uppercase(), stored_name.to_owned()))
                })
                .collect();
            if !missing.is_empty() {
                let rights = missing.join(", ");
                changes.push(Change {
                    alters: false,
                    what: format!("{rights} on {kind} {object} to role {name}"),
                    sql: vec![format!("grant {rights} on {kind} {object} to role {name}")],
                });
            }
        };
        for warehouse in &role.warehouses {
            on(&["usage"], "warehouse", &sql_name(warehouse), &stored(warehouse));
        }
        for database in &role.reads {
            on(&["usage"], "database", &sql_name(database), &stored(database));
            for schema in self.schemas(database) {
                let (object, stored_name) = place(database, schema);
                on(&["usage"], "schema", &object, &stored_name);
            }
        }
        for database in &role.writes {
            on(&["usage", "create schema"], "database", &sql_name(database), &stored(database));
            for schema in self.schemas(database) {
                let (object, stored_name) = place(database, schema);
                on(&["usage", "create table", "create view"], "schema", &object, &stored_name);
            }
        }
        for database in &role.reads {
            for schema in self.schemas(database) {
                let (object, stored_name) = place(database, schema);
                for (kind, many) in [("TABLE", "tables"), ("VIEW", "views")] {
                    if future.contains(&("SELECT".into(), kind.into(), format!("{stored_name}.<{kind}>"))) {
                        continue;
                    }
                    changes.push(Change {
                        alters: false,
                        what: format!("select on all and future {many} in schema {object} to role {name}"),
                        sql: vec![
                            format!("grant select on all {many} in schema {object} to role {name}"),
                            format!("grant select on future {many} in schema {object} to role {name}"),
                        ],
                    });
                }
            }
        }
        let users = role.users.iter().map(|user| ("user", user));
        for (kind, member) in users.chain(role.granted_to.iter().map(|parent| ("role", parent))) {
            let wanted = stored(member);
            if members.contains(&(kind.to_uppercase(), wanted.clone(), wanted)) {
                continue;
            }
            let member = sql_name(member);
            changes.push(Change {
                alters: false,
                what: format!("role {name} to {kind} {member}"),
                sql: vec![format!("grant role {name} to {kind} {member}")],
            });
        }
        Ok(())
    }
}

/// A name of the account's listing without its quotes.
fn plain_name(name: &str) -> String {
    name.replace('"', "")
}

fn place(database: &str, schema: &str) -> (String, String) {
    (
        format!("{}.{}", sql_name(database), sql_name(schema)),
        format!("{}.{}", stored(database), stored(schema)),
    )
}

impl Warehouse {
    fn change(&self, found: &Rows) -> Option<Change> {
        let name = sql_name(&self.name);
        let size = self.size.to_uppercase().replace('-', "");
        let Some(row) = found.find("name", &stored(&self.name)) else {
            return Some(Change {
                alters: false,
                what: format!(
                    "warehouse {name} ({size}, suspended after {} s{})",
                    self.auto_suspend,
                    if self.auto_resume { ", resumed by itself" } else { "" }
                ),
                sql: vec![format!(
                    "create warehouse if not exists {name} warehouse_size = {size} auto_suspend = {} auto_resume = {} \
                     initially_suspended = true",
                    self.auto_suspend, self.auto_resume
                )],
            });
        };
        let now = |column: &str| row.iter().find(|(name, _)| *name == column).map_or("", |(_, value)| *value);
        let mut differing = Vec::new();
        let mut settings = Vec::new();
        let size_now = now("size").to_uppercase().replace('-', "");
        for (label, setting, is, wanted) in [
            ("size", "warehouse_size", size_now, size),
            ("auto_suspend", "auto_suspend", now("auto_suspend").to_owned(), self.auto_suspend.to_string()),
            ("auto_resume", "auto_resume", now("auto_resume").to_lowercase(), self.auto_resume.to_string()),
        ] {
            if is != wanted {
                differing.push(format!("{label} {is} -> {wanted}"));
                settings.push(format!("{setting} = {wanted}"));
            }
        }
        (!settings.is_empty()).then(|| Change {
            alters: true,
            what: format!("warehouse {name}: {}", differing.join(", ")),
            sql: vec![format!("alter warehouse {name} set {}", settings.join(" "))],
        })
    }
}
