//! What an earlier run left behind, compared with the project as it is now: `state:modified` and deferral.
//!
//! [`EarlierManifest`] holds of an earlier `manifest.json` what a comparison asks for; [`Comparison`] tells what is new
//! and what changed; [`Deferred`] is the relation that an earlier run made of a node, which stands in for the project's
//! own as long as that one is missing.

mod changes;
mod comparison;
mod contract;
mod deferral;
mod earlier;
mod macros;

pub use comparison::Comparison;
pub use deferral::Deferred;
pub use earlier::{EarlierChecksum, EarlierColumn, EarlierContract, EarlierManifest, EarlierNode};
