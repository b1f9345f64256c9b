//! What a login says of who logs in, for every authenticator.

use crate::browser;
use crate::error::ServiceError;
use crate::settings::{Authentication, SnowflakeSettings};
use crate::transport::chain;
use reqwest::Client;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What proves who logs in.
pub(crate) enum Proof {
    /// What the target's settings hold.
    Own,
    /// What an earlier login of this run brought.
    Kept(String),
    /// The answer of a browser.
    Browser { token: String, proof_key: String },
}

/// Completes the login that the client crate made.
pub(crate) struct Login {
    settings: Arc<SnowflakeSettings>,
}

impl Login {
    pub fn new(settings: Arc<SnowflakeSettings>) -> Self {
        Self { settings }
    }

    /// Does what must be done before a login that cannot be repeated at will. With it comes the token that spares the other
    /// sessions the same, where it is known already.
    ///
    /// # Errors
    /// A token that cannot be fetched, a browser that nobody can use.
    pub async fn prove(&self, client: &Client) -> Result<(Proof, Option<String>), ServiceError> {
        match &self.settings.authentication {
            Authentication::OAuthRefresh { refresh_token, client_id, client_secret } => {
                let token = self.access_token(client, refresh_token, client_id, client_secret).await?;
                Ok((Proof::Kept(token.clone()), Some(token)))
            }
            Authentication::ExternalBrowser => {
                let (token, proof_key) = self.browser(client).await?;
                Ok((Proof::Browser { token, proof_key }, None))
            }
            _ => Ok((Proof::Own, None)),
        }
    }

    /// The body of a login: the client crate's, with account, session parameters and proof.
    ///
    /// # Errors
    /// A body that is none.
    pub fn complete(&self, mut body: Json, proof: Proof) -> Result<Json, ServiceError> {
        let settings = &*self.settings;
        let data = body
            .get_mut("data")
            .and_then(Json::as_object_mut)
            .ok_or_else(|| ServiceError::Malformed("a login without data".to_owned()))?;
        data.insert("ACCOUNT_NAME".into(), self.account().into());
        if settings.user.is_empty() {
            // The token says who it is.
            data.shift_remove("LOGIN_NAME");
        } else {
            data.insert("LOGIN_NAME".into(), settings.user.clone().into());
        }
        data.insert(
            "CLIENT_ENVIRONMENT".into(),
            json!({"APPLICATION": "kpi", "OS": std::env::consts::OS, "OS_VERSION": std::env::consts::ARCH}),
        );
        data.insert("SESSION_PARAMETERS".into(), Json::Object(self.session_parameters()));
        let mut prove = |fields: &[(&str, &str)]| {
            data.shift_remove("PASSWORD");
            for (key, value) in fields {
                data.insert((*key).into(), (*value).into());
            }
        };
        match (&settings.authentication, &proof) {
            (Authentication::KeyPair { .. }, _) => {}
            (Authentication::Password { password, mfa: false, .. }, _) => prove(&[("PASSWORD", password)]),
            (Authentication::Password { password, .. }, Proof::Kept(token)) => {
                prove(&[("PASSWORD", password), ("AUTHENTICATOR", "USERNAME_PASSWORD_MFA"), ("TOKEN", token)])
            }
            (Authentication::Password { password, passcode, .. }, _) => {
                prove(&[
                    ("PASSWORD", password),
                    ("AUTHENTICATOR", "USERNAME_PASSWORD_MFA"),
                    ("EXT_AUTHN_DUO_METHOD", if passcode.is_some() { "passcode" } else { "push" }),
                ]);
                if let Some(passcode) = passcode {
                    data.insert("PASSCODE".into(), passcode.clone().into());
                }
            }
            (Authentication::OAuth { token }, _)
            | (Authentication::OAuthRefresh { .. }, Proof::Kept(token)) => {
                prove(&[("AUTHENTICATOR", "OAUTH"), ("TOKEN", token)]);
            }
            (Authentication::AccessToken { token }, _) => {
                prove(&[("AUTHENTICATOR", "PROGRAMMATIC_ACCESS_TOKEN"), ("TOKEN", token)]);
            }
            (Authentication::WorkloadIdentity { token }, _) => {
                prove(&[("AUTHENTICATOR", "WORKLOAD_IDENTITY"), ("PROVIDER", "OIDC"), ("TOKEN", token)]);
            }
            (Authentication::ExternalBrowser, Proof::Kept(token)) => {
                prove(&[("AUTHENTICATOR", "ID_TOKEN"), ("TOKEN", token)]);
            }
            (Authentication::ExternalBrowser, Proof::Browser { token, proof_key }) => {
                prove(&[("AUTHENTICATOR", "EXTERNALBROWSER"), ("TOKEN", token), ("PROOF_KEY", proof_key)]);
            }
            (Authentication::ExternalBrowser | Authentication::OAuthRefresh { .. }, _) => {
                return Err(ServiceError::Malformed("a login without a proof".to_owned()));
            }
        }
        Ok(body)
    }

    /// The account's name: its region is part of the host.
    fn account(&self) -> String {
        self.settings.account.split('.').next().unwrap_or_default().to_ascii_uppercase()
    }

    fn session_parameters(&self) -> Map<String, Json> {
        let mut parameters = Map::new();
        // The client crate introduces itself as the Go driver, whose parameter this is.
        parameters.insert("GO_QUERY_RESULT_FORMAT".into(), "JSON".into());
        parameters.insert("CLIENT_VALIDATE_DEFAULT_PARAMETERS".into(), true.into());
        parameters.insert("AUTOCOMMIT".into(), true.into());
        if self.settings.keep_alive {
            parameters.insert("CLIENT_SESSION_KEEP_ALIVE".into(), true.into());
        }
        match self.settings.authentication {
            Authentication::Password { mfa: true, .. } => {
                parameters.insert("CLIENT_REQUEST_MFA_TOKEN".into(), true.into());
            }
            Authentication::ExternalBrowser => {
                parameters.insert("CLIENT_STORE_TEMPORARY_CREDENTIAL".into(), true.into());
            }
            _ => {}
        }
        if let Some(tag) = &self.settings.query_tag {
            parameters.insert("QUERY_TAG".into(), tag.clone().into());
        }
        if let Some(host) = &self.settings.stage_host {
            parameters.insert("S3_STAGE_VPCE_DNS_NAME".into(), host.clone().into());
        }
        for (name, value) in &self.settings.session_parameters {
            parameters.insert(name.to_ascii_uppercase(), value.clone());
        }
        parameters
    }

    /// Changes a refresh token for an access token.
    async fn access_token(
        &self,
        client: &Client,
        refresh_token: &str,
        client_id: &str,
        client_secret: &str,
    ) -> Result<String, ServiceError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let response = client
            .post(&self.settings.oauth_token_url)
            .timeout(self.settings.connect_timeout)
            .basic_auth(client_id, Some(client_secret))
            .form(&form)
            .send()
            .await
            .map_err(|error| ServiceError::Unreachable {
                message: format!("the OAuth token: {}", chain(&error.without_url())),
                may_have_run: false,
            })?;
        let status = response.status();
        let answer: Json = response.json().await.unwrap_or(Json::Null);
        match answer.get("access_token").and_then(Json::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => {
                // `error` is a word of the protocol; what else comes may repeat what was sent.
                let why = answer.get("error").and_then(Json::as_str).unwrap_or("no access token");
                Err(ServiceError::Settings {
                    message: format!("the refresh token of the target was not taken: HTTP {status}: {why}"),
                    hint: Some(
                        "check 'token', 'oauth_client_id' and 'oauth_client_secret' of the target".to_owned(),
                    ),
                })
            }
        }
    }

    /// Lets a person log in in their browser, which brings the token to a port of this machine.
    async fn browser(&self, client: &Client) -> Result<(String, String), ServiceError> {
        let waiting = browser::Waiting::new()?;
        let body = json!({"data": {
            "ACCOUNT_NAME": self.account(), "LOGIN_NAME": self.settings.user,
            "AUTHENTICATOR": "EXTERNALBROWSER", "BROWSER_MODE_REDIRECT_PORT": waiting.port().to_string(),
            "CLIENT_APP_ID": "Go", "CLIENT_APP_VERSION": "1.6.22"}});
        let answer: Json = client
            .post(format!("{}/session/authenticator-request", self.settings.base))
            .timeout(self.settings.connect_timeout)
            .header("accept", "application/json")
            .json(&body)
            .send()
            .await
            .map_err(|error| ServiceError::Unreachable {
                message: chain(&error.without_url()),
                may_have_run: false,
            })?
            .json()
            .await
            .map_err(|_| ServiceError::Malformed("no JSON".to_owned()))?;
        let text = |pointer: &str| answer.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let (Some(address), Some(proof_key)) = (text("/data/ssoUrl"), text("/data/proofKey")) else {
            return Err(ServiceError::of_login(&answer));
        };
        Ok((waiting.token(&address).await?, proof_key))
    }
}
