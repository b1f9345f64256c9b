//! Python's library as templates see it: methods, filters, tests, formatting, globals and modules.

pub(crate) mod arguments;
pub mod filters;
pub mod format;
pub mod globals;
pub mod iteration;
pub mod json;
pub mod literal;
pub mod markup;
pub mod methods;
pub mod modules;
pub mod named_tuple;
pub(crate) mod random;
pub(crate) mod set_order;
pub mod tests;
pub mod text;
pub mod yaml;
