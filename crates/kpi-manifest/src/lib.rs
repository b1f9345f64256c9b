//! Typed nodes and configs, names to ids, references to edges, and selection.
