//! From a project on disk to a manifest.
