//! Which relations exist, so that a node costs no catalog query.

/// Relations by database, schema and name, filled per schema at the start of a run and kept true by the adapter's
/// methods (create, drop, rename). Lookups are hashed, never scans.
#[derive(Default)]
pub struct RelationCache;
