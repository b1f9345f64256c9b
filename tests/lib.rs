//! Shared set-up of the integration tests.
