//! The Snowflake target: sessions over HTTPS behind the `Adapter` trait.
//!
//! The client crate (`snowflake-api`) makes logins and statements; `exchange` sends them and mends what the crate
//! lacks; `connection` is what the engine sees.

mod adapter;
mod answer;
mod arrow;
mod browser;
mod catalogs;
mod column;
mod connection;
mod cost;
mod error;
mod exchange;
mod grants;
mod key;
mod login;
mod model;
mod normal;
mod python;
mod results;
mod seed;
mod session;
mod settings;
pub mod setup;
mod stage;
mod statement;
mod storage;
mod tables;
mod tokens;
mod transport;
mod versions;

pub use adapter::SnowflakeAdapter;
pub use settings::SnowflakeSettings;
