//! Python's library as templates see it: methods, filters, tests, formatting, globals and modules.

pub mod yaml;
