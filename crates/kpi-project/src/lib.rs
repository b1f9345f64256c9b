//! What is on disk: `kpi.toml` or `dbt_project.yml`, targets, property files, packages, and the file inventory.
//!
//! Nothing here knows what a node is: this crate turns a folder into a [`Project`] of [`Package`]s with their files and
//! typed [`PropertyFile`]s, each value with the place it came from.

// An error ends the command: its size is on no hot path.
#![allow(clippy::result_large_err)]

mod catalogs;
mod flags;
mod inventory;
mod load;
mod packages;
mod project;
mod properties;
mod render;
mod selectors;
mod settings;
mod shape;
mod target;
mod variables;
mod version;
pub mod yaml;

pub use catalogs::CatalogDefinition;
pub use flags::{WrittenFlag, WrittenFlags};
pub use inventory::{FileKind, InventoryFile};
pub use load::{Checked, Dependencies, LoadOptions};
pub use packages::{
    LOCK_FILE, PackageLock, PackageMetadata, PackageReader, PackageSource, PackageSpec, PackagesFile,
};
pub use project::{Package, Project, ProjectConfig, SelectorDefinition, TargetSettings};
pub use properties::{
    ColumnProperties, ExposureProperties, GroupProperties, MacroProperties, NodeProperties, PropertyFile,
    SourceProperties, SourceTableProperties, TestEntry, VersionProperties, locate,
};
pub use render::EnvLookup;
pub use variables::{variable_value, variables_of};
pub use version::{EMULATED_DBT_VERSION, VersionBound, VersionRange};
