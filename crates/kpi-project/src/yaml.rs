//! PyYAML's YAML 1.1 with positions.
