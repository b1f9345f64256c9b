//! The DuckDB target: an in-process database behind the Adapter trait.
