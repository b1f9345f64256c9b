//! The built-in Jinja library: materializations, tests and cross-database functions.
