//! The scheduler and the runners of each node kind.
