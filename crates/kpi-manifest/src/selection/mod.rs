//! `--select`, `--exclude` and YAML selectors.
