//! The files that other tools read: manifest, run results and the rest.
