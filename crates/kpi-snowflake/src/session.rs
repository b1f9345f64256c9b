//! One session: the client crate's, with everything beneath it going through [`Exchange`].

use crate::answer::Answer;
use crate::error::ServiceError;
use crate::exchange::{Asked, Exchange, Through, body_of};
use crate::key::private_key;
use crate::settings::{Authentication, SnowflakeSettings};
use parking_lot::Mutex;
use reqwest_middleware::{Middleware, Next};
use serde_json::Value as Json;
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

/// Makes logins that a private key proves. What it signs holds for an hour at most, so each login gets its own.
pub(crate) struct Signer {
    account: String,
    user: String,
    private_key_pem: String,
}

impl Signer {
    /// # Errors
    /// A key that cannot be read.
    fn new(settings: &SnowflakeSettings) -> Result<Option<Self>, ServiceError> {
        let Authentication::KeyPair { key, passphrase } = &settings.authentication else { return Ok(None) };
        Ok(Some(Self {
            account: account(settings),
            user: settings.user.clone(),
            private_key_pem: private_key(key, passphrase.as_deref())?,
        }))
    }

    fn arguments(&self) -> AuthArgs {
        let private_key_pem = self.private_key_pem.clone();
        arguments(&self.account, &self.user, AuthType::Certificate(CertificateArgs { private_key_pem }))
    }

    /// A login as the client crate makes it.
    ///
    /// # Errors
    /// A key of another kind than RSA.
    pub async fn login(&self) -> Result<Json, ServiceError> {
        let caught = Caught::default();
        let api = api(self.arguments(), caught.clone())?;
        let done = api.exec_raw("select 1").await;
        let login = caught.0.lock().take();
        login.ok_or_else(|| match done {
            Err(error) => of_client(error),
            Ok(_) => ServiceError::Malformed("a login that was not made".to_owned()),
        })
    }
}

/// Keeps the login that the client crate makes, and lets it go no further.
#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Option<Json>>>);

#[async_trait::async_trait]
impl Middleware for Caught {
    async fn handle(
        &self,
        request: reqwest::Request,
        _extensions: &mut http::Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        *self.0.lock() = Some(body_of(&request));
        Err(reqwest_middleware::Error::Middleware(std::io::Error::other("kept").into()))
    }
}

/// The name that is signed has no region.
fn account(settings: &SnowflakeSettings) -> String {
    settings.account.split('.').next().unwrap_or_default().to_owned()
}

fn arguments(account: &str, user: &str, auth_type: AuthType) -> AuthArgs {
    AuthArgs {
        account_identifier: account.to_owned(),
        warehouse: None,
        database: None,
        schema: None,
        username: user.to_owned(),
        role: None,
        auth_type,
    }
}

fn api(arguments: AuthArgs, through: impl Middleware) -> Result<SnowflakeApi, ServiceError> {
    let client = reqwest::Client::builder()
        .build()
        .map_err(|error| ServiceError::Unreachable { message: error.to_string(), may_have_run: false })?;
    let client = reqwest_middleware::ClientBuilder::new(client).with(through).build();
    SnowflakeApiBuilder::new(arguments)
        .with_client(client)
        .build()
        .map_err(|error| ServiceError::Malformed(error.to_string()))
}

fn of_client(error: SnowflakeApiError) -> ServiceError {
    match error {
        // Its form was read already.
        SnowflakeApiError::AuthError(_) => ServiceError::Settings {
            message: "the private key of the target is not an RSA key: Snowflake knows no others".to_owned(),
            hint: Some(
                "make one: openssl genrsa 2048 | openssl pkcs8 -topk8 -v2 des3 -inform PEM -out rsa_key.p8"
                    .to_owned(),
            ),
        },
        error => ServiceError::Malformed(error.to_string()),
    }
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
        let signer = Signer::new(settings)?;
        let arguments = match &signer {
            Some(signer) => signer.arguments(),
            // What the exchange sends instead is the authenticator's.
            None => arguments(
                &account(settings),
                &settings.user,
                AuthType::Password(PasswordArgs { password: String::new() }),
            ),
        };
        let exchange = Exchange::new(settings.clone(), signer)?;
        Ok(Self { api: api(arguments, Through(exchange.clone()))?, exchange })
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
            Err(error) => Err(of_client(error)),
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
