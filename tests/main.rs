//! Integration tests: the real binary on real projects and real DuckDB files.

#![allow(missing_docs)]

mod support;

mod build;
mod cli;
mod data_tests;
mod defer;
mod deps;
mod docs;
mod errors;
mod freshness;
mod history;
mod init;
mod killed;
mod ls;
mod migrate;
mod packages;
mod python;
mod show;
mod state;
mod unit_tests;
