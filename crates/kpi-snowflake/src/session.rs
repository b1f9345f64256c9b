//! One session: the client crate's, with everything beneath it going through [`Exchange`].

use crate::answer::Answer;
use crate::error::ServiceError;
use crate::exchange::{Asked, Exchange, Through};
use crate::key::private_key;
use crate::settings::{Authentication, SnowflakeSettings};
use snowflake_api::{
    AuthArgs, AuthType, CertificateArgs, PasswordArgs, SnowflakeApi, SnowflakeApiBuilder, SnowflakeApiError,
};
use std::sync::{Arc, OnceLock};
use tokio::runtime::Runtime;

/// What the target needs of a session. Its statements run one after the other.
pub(crate) trait Client: Send {
    /// Runs one statement to its end.
    ///
    /// # Errors
    /// The service's, or those of the way to it.
    fn run(&mut self, sql: &str, asked: Asked) -> Result<Answer, ServiceError>;

    /// The talk beneath, with which another thread ends the running statement.
    fn exchange(&self) -> Arc<Exchange>;
}

/// The runtime in which all sessions of the program wait for the network.
pub(crate) fn runtime() -> Result<&'static Runtime, ServiceError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("snowflake")
                .enable_all()
                .build()
                .map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|error| ServiceError::Unreachable {
            message: format!("no threads for the network: {error}"),
            may_have_run: false,
        })
}

/// A session over HTTPS. It logs in with its first statement.
pub(crate) struct ApiSession {
    api: SnowflakeApi,
    exchange: Arc<Exchange>,
}

impl ApiSession {
    /// A session that has not logged in yet.
    ///
    /// # Errors
    /// A key that cannot be read, a proxy address that is none.
    pub fn new(settings: &Arc<SnowflakeSettings>) -> Result<Self, ServiceError> {
        let exchange = Exchange::new(settings.clone())?;
        let auth_type = match &settings.authentication {
            Authentication::KeyPair { key, passphrase } => AuthType::Certificate(CertificateArgs {
                private_key_pem: private_key(key, passphrase.as_deref())?,
            }),
            // What the exchange sends instead is the authenticator's.
            _ => AuthType::Password(PasswordArgs { password: String::new() }),
        };
        // The name that is signed has no region.
        let account = settings.account.split('.').next().unwrap_or_default();
        let arguments = AuthArgs {
            account_identifier: account.to_owned(),
            warehouse: None,
            database: None,
            schema: None,
            username: settings.user.clone(),
            role: None,
            auth_type,
        };
        let client = reqwest::Client::builder()
            .build()
            .map_err(|error| ServiceError::Unreachable { message: error.to_string(), may_have_run: false })?;
        let client = reqwest_middleware::ClientBuilder::new(client).with(Through(exchange.clone())).build();
        let api = SnowflakeApiBuilder::new(arguments)
            .with_client(client)
            .build()
            .map_err(|error| ServiceError::Malformed(error.to_string()))?;
        Ok(Self { api, exchange })
    }
}

impl Client for ApiSession {
    fn run(&mut self, sql: &str, asked: Asked) -> Result<Answer, ServiceError> {
        self.exchange.ask(asked);
        let done = runtime()?.block_on(self.api.exec_raw(sql));
        if let Some(outcome) = self.exchange.take_outcome() {
            return outcome;
        }
        match done {
            Ok(_) => Err(ServiceError::Malformed("nothing came of a statement".to_owned())),
            Err(SnowflakeApiError::AuthError(error)) => Err(ServiceError::Settings {
                message: format!("the login could not be made: {error}"),
                hint: Some("check 'private_key' or 'private_key_path' of the target: an RSA key".to_owned()),
            }),
            Err(error) => Err(ServiceError::Malformed(error.to_string())),
        }
    }

    fn exchange(&self) -> Arc<Exchange> {
        self.exchange.clone()
    }
}

impl Drop for ApiSession {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            let exchange = self.exchange.clone();
            // A session may be dropped inside the runtime, where nothing may block.
            match tokio::runtime::Handle::try_current() {
                Ok(handle) => drop(handle.spawn(async move { exchange.close().await })),
                Err(_) => runtime.block_on(exchange.close()),
            }
        }
    }
}
