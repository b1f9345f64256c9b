//! The Snowflake target: sessions over HTTPS behind the `Adapter` trait.
//!
//! The client crate (`snowflake-api`) makes logins and statements; `exchange` sends them and mends what the crate
//! lacks; `connection` is what the engine sees.

mod adapter;
mod answer;
mod arrow;
mod browser;
mod connection;
mod cost;
mod error;
mod exchange;
mod key;
mod login;
mod results;
mod seed;
mod session;
mod settings;
pub mod setup;
mod stage;
mod statement;
mod storage;
mod tokens;
mod transport;
mod versions;

pub use adapter::SnowflakeAdapter;
pub use settings::SnowflakeSettings;
