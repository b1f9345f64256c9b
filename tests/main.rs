//! Integration tests: the real binary on real projects and real DuckDB files.

#![allow(missing_docs)]

mod support;

mod build;
mod checkpoints;
mod cli;
mod clone;
mod data_tests;
mod defer;
mod deploy;
mod deprecations;
mod deps;
mod docs;
mod dry_run;
mod errors;
mod events;
mod expectations;
mod flags;
mod foreign_keys;
mod freshness;
mod functions;
mod history;
mod hooks;
mod init;
mod killed;
mod ls;
mod microbatch;
mod migrate;
mod packages;
mod profile;
mod python;
mod quarantine;
mod retry;
mod rollback;
mod sample;
mod semantic_layer;
mod show;
mod snowflake;
mod state;
mod suite_files;
mod suites;
mod unit_tests;
