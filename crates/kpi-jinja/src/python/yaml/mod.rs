//! YAML 1.1 as PyYAML reads and writes it.

mod scalar;

pub use scalar::{Scalar, resolve_plain_scalar};
