//! What a profile says of a Snowflake target.

use crate::cost::rates::CreditsPerHour;
use crate::tokens::Kept;
use kpi_adapter::{AdapterError, AdapterErrorKind, CreditPrice};
use kpi_diagnostics::nearest;
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Keys that dbt-snowflake's profiles have, and `passcode`, `session_parameters`, `oauth_token_url`, `credit_price` and
/// `credits_per_hour` of our own.
const KEYS: &[&str] = &[
    "type",
    "account",
    "user",
    "password",
    "passcode",
    "authenticator",
    "private_key",
    "private_key_path",
    "private_key_passphrase",
    "token",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_token_url",
    "database",
    "dbname",
    "warehouse",
    "schema",
    "role",
    "threads",
    "query_tag",
    "session_parameters",
    "client_session_keep_alive",
    "host",
    "port",
    "protocol",
    "proxy_host",
    "proxy_port",
    "connect_retries",
    "connect_timeout",
    "retry_on_database_errors",
    "retry_all",
    "insecure_mode",
    "reuse_connections",
    "s3_stage_vpce_dns_name",
    "workload_identity_provider",
    "workload_identity_entra_resource",
    "platform_detection_timeout_seconds",
    "credit_price",
    "credits_per_hour",
];

/// Keys whose values are secrets: never in `target`, `debug`, logs or artifacts.
const SECRETS: &[&str] = &[
    "password",
    "passcode",
    "private_key",
    "private_key_path",
    "private_key_passphrase",
    "token",
    "oauth_client_secret",
];

/// How a session proves who it is.
#[derive(Clone)]
pub(crate) enum Authentication {
    /// User and password; with a second factor, which is a one-time passcode or else a question on the person's phone.
    Password { password: String, passcode: Option<String>, mfa: bool },
    /// A key pair: PKCS#8, as PEM or as the base64 of its DER form.
    KeyPair { key: KeySource, passphrase: Option<String> },
    /// An access token.
    OAuth { token: String },
    /// A refresh token, which is changed for an access token at the first login.
    OAuthRefresh { refresh_token: String, client_id: String, client_secret: String },
    /// A programmatic access token.
    AccessToken { token: String },
    /// A token of an OpenID Connect provider that the account trusts.
    WorkloadIdentity { token: String },
    /// A person logs in in their browser.
    ExternalBrowser,
}

/// Where the private key is.
#[derive(Clone)]
pub(crate) enum KeySource {
    /// In the setting itself.
    Text(String),
    /// In a file.
    File(PathBuf),
}

/// The settings of a target: a profile's output (`type: snowflake`) or `[targets.x]` of `kpi.toml`.
#[derive(Clone)]
pub struct SnowflakeSettings {
    /// `account`, with hyphens: `acme-analytics` or `xy12345.eu-central-1`.
    pub account: String,
    /// `user`; empty where a token names it.
    pub user: String,
    /// `database`
    pub database: String,
    /// `schema`
    pub schema: String,
    /// `warehouse`
    pub warehouse: Option<String>,
    /// `role`
    pub role: Option<String>,
    /// `query_tag`: of every session.
    pub query_tag: Option<String>,
    /// `threads`: how many nodes run at once.
    pub workers: usize,
    /// `connect_retries`: how often a login is tried again.
    pub connect_retries: u32,
    /// `connect_timeout`: of one request for a login.
    pub connect_timeout: Duration,
    /// `retry_all`: whether a login is tried again after any error, not only where the service could not be reached.
    pub retry_all: bool,
    /// Scheme, host and port that requests go to, without a trailing slash.
    pub(crate) base: String,
    pub(crate) authentication: Authentication,
    /// What a login that costs a person's time brought, for the other sessions of the target.
    pub(crate) kept: Arc<tokio::sync::Mutex<Kept>>,
    /// `s3_stage_vpce_dns_name`: the private end of the stages' storage.
    pub(crate) stage_host: Option<String>,
    /// Why this run writes no files into stages, once it was found out.
    pub(crate) no_stage: Arc<OnceLock<String>>,
    /// `client_session_keep_alive`
    pub(crate) keep_alive: bool,
    pub(crate) oauth_token_url: String,
    pub(crate) session_parameters: Map<String, Json>,
    pub(crate) proxy: Option<String>,
    pub(crate) accept_invalid_certificates: bool,
    /// `credit_price`: what a credit costs.
    pub(crate) credit_price: Option<CreditPrice>,
    /// `credits_per_hour`: rates of warehouses, instead of those that are published.
    pub(crate) credits_per_hour: CreditsPerHour,
    /// The profile's output without secrets, for `target` in templates.
    pub(crate) shown: Map<String, Json>,
}

fn wrong(message: impl Into<String>) -> AdapterError {
    AdapterError::new(AdapterErrorKind::Configuration, message)
}

/// A text, or a number written without quotes (`account: 12345`).
fn text(output: &Map<String, Json>, key: &str) -> Result<Option<String>, AdapterError> {
    match output.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(s)) if s.trim().is_empty() => Ok(None),
        Some(Json::String(s)) => Ok(Some(s.clone())),
        Some(Json::Number(n)) => Ok(Some(n.to_string())),
        Some(_) => Err(wrong(format!("'{key}' of the target must be a text"))),
    }
}

fn required(output: &Map<String, Json>, key: &str, example: &str) -> Result<String, AdapterError> {
    text(output, key)?.ok_or_else(|| {
        wrong(format!("Invalid profile: '{key}' is a required property of a Snowflake target"))
            .with_hint(format!("add for instance `{key}: {example}`"))
    })
}

fn flag(output: &Map<String, Json>, key: &str) -> Result<bool, AdapterError> {
    match output.get(key) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(b)) => Ok(*b),
        Some(Json::String(s)) if s.eq_ignore_ascii_case("true") => Ok(true),
        Some(Json::String(s)) if s.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(wrong(format!("'{key}' of the target must be true or false"))),
    }
}

fn whole(output: &Map<String, Json>, key: &str) -> Result<Option<u64>, AdapterError> {
    let wrong_value = || wrong(format!("'{key}' of the target must be a whole number"));
    match output.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(n)) => n.as_u64().map(Some).ok_or_else(wrong_value),
        Some(Json::String(s)) => s.trim().parse().map(Some).map_err(|_| wrong_value()),
        Some(_) => Err(wrong_value()),
    }
}

impl SnowflakeSettings {
    /// Reads a target's settings. A relative `private_key_path` is taken from `base`.
    ///
    /// # Errors
    /// A missing or unknown setting, or a value of the wrong kind.
    pub fn from_profile(output: &Map<String, Json>, base: &std::path::Path) -> Result<Self, AdapterError> {
        if let Some(key) = output.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let error = wrong(format!("a Snowflake target has no setting '{key}'"));
            return Err(match nearest(key, KEYS.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error,
            });
        }
        // An underscore is not allowed in the host that the account's name becomes part of.
        let account = required(output, "account", "acme-analytics")?.replace('_', "-");
        if account.contains("snowflakecomputing.com") || account.contains('/') {
            return Err(wrong(format!(
                "'account' of the target is an identifier, not an address: {account}"
            ))
            .with_hint("write the part in front of .snowflakecomputing.com"));
        }
        let database = match text(output, "database")? {
            Some(database) => database,
            None => match text(output, "dbname")? {
                Some(database) => database,
                None => required(output, "database", "ANALYTICS")?,
            },
        };
        let schema = required(output, "schema", "COMMERCIAL")?;
        let authentication = authentication(output, base)?;
        let named_by_token =
            !matches!(authentication, Authentication::Password { .. } | Authentication::KeyPair { .. });
        let user = match text(output, "user")? {
            Some(user) => user,
            None if named_by_token => String::new(),
            None => required(output, "user", "KPI_SERVICE")?,
        };
        let protocol = text(output, "protocol")?.unwrap_or_else(|| "https".to_owned()).to_ascii_lowercase();
        if !matches!(protocol.as_str(), "http" | "https") {
            return Err(wrong(format!("'protocol' of the target is http or https, not {protocol}")));
        }
        let host = text(output, "host")?.unwrap_or_else(|| format!("{account}.snowflakecomputing.com"));
        let port = match whole(output, "port")? {
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        let url_base = format!("{protocol}://{host}{port}");
        if reqwest::Url::parse(&url_base).is_err() {
            return Err(wrong(format!("'host' of the target is not a host name: {host}")));
        }
        let proxy = match (text(output, "proxy_host")?, whole(output, "proxy_port")?) {
            (Some(host), Some(port)) => Some(format!("http://{host}:{port}")),
            (Some(host), None) => Some(format!("http://{host}")),
            (None, _) => None,
        };
        let session_parameters = match output.get("session_parameters") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(parameters)) => parameters.clone(),
            Some(_) => {
                return Err(wrong("'session_parameters' of the target must be a mapping of names to values"));
            }
        };
        let mut shown: Map<String, Json> = output
            .iter()
            .filter(|(key, _)| !SECRETS.contains(&key.as_str()) && *key != "threads")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        shown.insert("account".into(), account.clone().into());
        shown.insert("database".into(), database.clone().into());
        Ok(Self {
            oauth_token_url: text(output, "oauth_token_url")?
                .unwrap_or_else(|| format!("{url_base}/oauth/token-request")),
            user,
            database,
            schema,
            warehouse: text(output, "warehouse")?,
            role: text(output, "role")?,
            query_tag: text(output, "query_tag")?,
            workers: whole(output, "threads")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1),
            connect_retries: whole(output, "connect_retries")?
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(1),
            connect_timeout: Duration::from_secs(whole(output, "connect_timeout")?.unwrap_or(60).max(1)),
            retry_all: flag(output, "retry_all")? || flag(output, "retry_on_database_errors")?,
            base: url_base,
            authentication,
            kept: Arc::default(),
            no_stage: Arc::default(),
            stage_host: text(output, "s3_stage_vpce_dns_name")?,
            keep_alive: flag(output, "client_session_keep_alive")?,
            session_parameters,
            proxy,
            accept_invalid_certificates: flag(output, "insecure_mode")?,
            credit_price: credit_price(output)?,
            credits_per_hour: CreditsPerHour::read(output.get("credits_per_hour")).ok_or_else(|| {
                wrong("'credits_per_hour' of the target must be a number, or a mapping of warehouses to numbers")
                    .with_hint("for instance `credits_per_hour: {TRANSFORMING: 1.35}`")
            })?,
            account,
            shown,
        })
    }
}

/// `3.90`, or with the currency `3.90 EUR`.
fn credit_price(output: &Map<String, Json>) -> Result<Option<CreditPrice>, AdapterError> {
    let Some(written) = text(output, "credit_price")? else { return Ok(None) };
    let mut words = written.split_whitespace();
    let amount = words.next().and_then(|word| word.parse::<f64>().ok());
    let currency = words.next().unwrap_or_default().to_owned();
    match amount.filter(|amount| amount.is_finite() && *amount >= 0.0 && words.next().is_none()) {
        Some(amount) => Ok(Some(CreditPrice { amount, currency })),
        None => Err(wrong(format!("'credit_price' of the target is no price of a credit: {written}"))
            .with_hint("write a number, or a number and a currency: `credit_price: 3.90 EUR`")),
    }
}

fn authentication(
    output: &Map<String, Json>,
    base: &std::path::Path,
) -> Result<Authentication, AdapterError> {
    let key = match (text(output, "private_key")?, text(output, "private_key_path")?) {
        (Some(_), Some(_)) => {
            return Err(wrong("the target has both 'private_key' and 'private_key_path'")
                .with_hint("keep one of the two"));
        }
        (Some(key), None) => Some(KeySource::Text(key)),
        (None, Some(path)) => Some(KeySource::File(base.join(path))),
        (None, None) => None,
    };
    let passphrase = text(output, "private_key_passphrase")?;
    let authenticator = text(output, "authenticator")?;
    let token = || required(output, "token", "\"{{ env_var('SNOWFLAKE_TOKEN') }}\"");
    Ok(match authenticator.as_deref() {
        None | Some("snowflake" | "snowflake_jwt" | "SNOWFLAKE" | "SNOWFLAKE_JWT") if key.is_some() => {
            match key {
                Some(key) => Authentication::KeyPair { key, passphrase },
                None => Authentication::ExternalBrowser,
            }
        }
        None | Some("snowflake" | "SNOWFLAKE" | "username_password_mfa" | "USERNAME_PASSWORD_MFA") => {
            let passcode = text(output, "passcode")?;
            let asked =
                authenticator.as_deref().is_some_and(|a| a.eq_ignore_ascii_case("username_password_mfa"));
            Authentication::Password {
                password: required(output, "password", "\"{{ env_var('SNOWFLAKE_PASSWORD') }}\"")?,
                mfa: asked || passcode.is_some(),
                passcode,
            }
        }
        Some(name) if name.eq_ignore_ascii_case("workload_identity") => workload_identity(output)?,
        Some("oauth") => match (text(output, "oauth_client_id")?, text(output, "oauth_client_secret")?) {
            (Some(client_id), Some(client_secret)) => {
                Authentication::OAuthRefresh { refresh_token: token()?, client_id, client_secret }
            }
            (Some(_), None) => {
                return Err(wrong("the target has 'oauth_client_id' but no 'oauth_client_secret'"));
            }
            (None, Some(_)) => {
                return Err(wrong("the target has 'oauth_client_secret' but no 'oauth_client_id'"));
            }
            (None, None) => Authentication::OAuth { token: token()? },
        },
        Some("jwt") => Authentication::OAuth { token: token()? },
        Some("programmatic_access_token" | "PROGRAMMATIC_ACCESS_TOKEN") => {
            Authentication::AccessToken { token: token()? }
        }
        Some("externalbrowser" | "EXTERNALBROWSER") => Authentication::ExternalBrowser,
        Some(other) => {
            return Err(wrong(format!("the target's authenticator '{other}' is not one that kpi knows"))
                .with_hint(
                    "one of: snowflake (password or private key), username_password_mfa, oauth, jwt, \
                     programmatic_access_token, workload_identity, externalbrowser",
                ));
        }
    })
}

/// The providers that dbt-snowflake knows. kpi takes a token; it asks no cloud for one.
fn workload_identity(output: &Map<String, Json>) -> Result<Authentication, AdapterError> {
    let provider = required(output, "workload_identity_provider", "OIDC")?;
    match provider.to_ascii_uppercase().as_str() {
        "OIDC" => Ok(Authentication::WorkloadIdentity {
            token: required(output, "token", "\"{{ env_var('SNOWFLAKE_OIDC_TOKEN') }}\"")?,
        }),
        "AWS" | "AZURE" | "GCP" => Err(wrong(format!(
            "kpi does not fetch the identity of a workload from {provider} by itself"
        ))
        .with_hint(
            "use `workload_identity_provider: OIDC` with the token that the workload's platform gives it, or a key pair",
        )),
        _ => Err(wrong(format!("'workload_identity_provider' of the target is OIDC, not '{provider}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn read(extra: Json) -> Result<SnowflakeSettings, AdapterError> {
        let mut output = json!({
            "type": "snowflake", "account": "acme_analytics", "user": "kpi", "password": "s3cret",
            "database": "ANALYTICS", "schema": "COMMERCIAL", "warehouse": "WH", "threads": 4
        });
        if let (Some(output), Some(extra)) = (output.as_object_mut(), extra.as_object()) {
            for (key, value) in extra {
                match value {
                    Json::Null => drop(output.remove(key)),
                    value => drop(output.insert(key.clone(), value.clone())),
                }
            }
        }
        SnowflakeSettings::from_profile(output.as_object().unwrap(), Path::new("/project"))
    }

    fn refused(extra: Json) -> String {
        match read(extra) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => match error.hint {
                Some(hint) => format!("{}\n  hint: {hint}", error.message),
                None => error.message,
            },
        }
    }

    #[test]
    fn an_account_becomes_a_host() {
        let settings = read(json!({})).unwrap();
        assert_eq!(settings.account, "acme-analytics");
        assert_eq!(settings.base, "https://acme-analytics.snowflakecomputing.com");
        let settings = read(json!({"host": "127.0.0.1", "port": 18082, "protocol": "http"})).unwrap();
        assert_eq!(settings.base, "http://127.0.0.1:18082");
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let settings = read(json!({"passcode": "123456", "query_tag": "kpi"})).unwrap();
        let shown = serde_json::to_string(&settings.shown).unwrap();
        assert!(!shown.contains("s3cret") && !shown.contains("123456"), "{shown}");
        assert!(shown.contains("\"query_tag\":\"kpi\""), "{shown}");
    }

    #[test]
    fn the_authenticator_says_which_settings_count() {
        let key = read(json!({"password": null, "private_key_path": "keys/kpi.p8"})).unwrap();
        let Authentication::KeyPair { key: KeySource::File(path), .. } = &key.authentication else {
            panic!("no key pair")
        };
        assert_eq!(path, Path::new("/project/keys/kpi.p8"));
        let token = read(json!({"user": null, "authenticator": "oauth", "token": "t"})).unwrap();
        assert!(matches!(token.authentication, Authentication::OAuth { .. }));
    }

    #[test]
    fn wrong_settings_are_named() {
        insta::assert_snapshot!(
            [
                json!({"account": null}),
                json!({"account": "acme.snowflakecomputing.com"}),
                json!({"user": null}),
                json!({"password": null}),
                json!({"schema": null}),
                json!({"warehose": "WH"}),
                json!({"port": "many"}),
                json!({"protocol": "ftp"}),
                json!({"private_key": "a", "private_key_path": "b"}),
                json!({"authenticator": "oauth"}),
                json!({"authenticator": "oauth", "token": "t", "oauth_client_id": "c"}),
                json!({"authenticator": "kerberos"}),
                json!({"session_parameters": 3}),
                json!({"authenticator": "workload_identity"}),
                json!({"authenticator": "workload_identity", "workload_identity_provider": "oidc"}),
                json!({"authenticator": "workload_identity", "workload_identity_provider": "aws"}),
                json!({"authenticator": "workload_identity", "workload_identity_provider": "okta"}),
            ]
            .map(refused)
            .join("\n")
        );
    }
}
