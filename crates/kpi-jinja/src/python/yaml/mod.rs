//! YAML 1.1 as PyYAML reads and writes it.

mod dump;
mod load;
mod scalar;

pub use dump::{dump, dump_indented};
pub use load::load;
pub use scalar::{Scalar, resolve_plain_scalar};
