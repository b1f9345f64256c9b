//! Random choices. Nothing here is meant to be secret.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A random number below a bound; 0 for a bound of 0.
pub(crate) fn below(bound: usize) -> usize {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(COUNTER.fetch_add(1, Ordering::Relaxed));
    let bound = bound as u64;
    if bound == 0 { 0 } else { usize::try_from(hasher.finish() % bound).unwrap_or(0) }
}
