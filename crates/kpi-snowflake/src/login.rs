//! What a login says of who logs in, for every authenticator.

use crate::error::ServiceError;
use crate::settings::{Authentication, SnowflakeSettings};
use reqwest::Client;
use serde_json::{Map, Value as Json, json};
use std::io::{IsTerminal, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a person has to log in in their browser.
const BROWSER_PATIENCE: Duration = Duration::from_secs(120);

/// Completes the login that the client crate made.
pub(crate) struct Login {
    settings: Arc<SnowflakeSettings>,
}

impl Login {
    pub fn new(settings: Arc<SnowflakeSettings>) -> Self {
        Self { settings }
    }

    /// The body of a login: the client crate's, with account, session parameters and proof.
    ///
    /// # Errors
    /// A token that cannot be fetched, a browser that nobody can use.
    pub async fn complete(&self, client: &Client, mut body: Json) -> Result<Json, ServiceError> {
        let settings = &*self.settings;
        let data = body
            .get_mut("data")
            .and_then(Json::as_object_mut)
            .ok_or_else(|| ServiceError::Malformed("a login without data".to_owned()))?;
        // The region is part of the host, not of the name.
        let account = settings.account.split('.').next().unwrap_or_default();
        data.insert("ACCOUNT_NAME".into(), account.to_ascii_uppercase().into());
        data.insert("LOGIN_NAME".into(), settings.user.clone().into());
        data.insert("SESSION_PARAMETERS".into(), Json::Object(self.session_parameters()));
        let mut prove = |fields: &[(&str, &str)]| {
            data.shift_remove("PASSWORD");
            for (key, value) in fields {
                data.insert((*key).into(), (*value).into());
            }
        };
        match &settings.authentication {
            Authentication::KeyPair { .. } => {}
            Authentication::Password { password, passcode: None } => prove(&[("PASSWORD", password)]),
            Authentication::Password { password, passcode: Some(passcode) } => prove(&[
                ("PASSWORD", password),
                ("AUTHENTICATOR", "USERNAME_PASSWORD_MFA"),
                ("EXT_AUTHN_DUO_METHOD", "passcode"),
                ("PASSCODE", passcode),
            ]),
            Authentication::OAuth { token } => prove(&[("AUTHENTICATOR", "OAUTH"), ("TOKEN", token)]),
            Authentication::AccessToken { token } => {
                prove(&[("AUTHENTICATOR", "PROGRAMMATIC_ACCESS_TOKEN"), ("TOKEN", token)]);
            }
            Authentication::OAuthRefresh { refresh_token, client_id, client_secret } => {
                let token = self.access_token(client, refresh_token, client_id, client_secret).await?;
                prove(&[("AUTHENTICATOR", "OAUTH"), ("TOKEN", &token)]);
            }
            Authentication::ExternalBrowser => {
                let (token, proof_key) = self.browser(client, account).await?;
                prove(&[("AUTHENTICATOR", "EXTERNALBROWSER"), ("TOKEN", &token), ("PROOF_KEY", &proof_key)]);
            }
        }
        Ok(body)
    }

    fn session_parameters(&self) -> Map<String, Json> {
        let mut parameters = Map::new();
        // The client crate introduces itself as the Go driver, whose parameter this is.
        parameters.insert("GO_QUERY_RESULT_FORMAT".into(), "JSON".into());
        parameters.insert("CLIENT_VALIDATE_DEFAULT_PARAMETERS".into(), true.into());
        parameters.insert("AUTOCOMMIT".into(), true.into());
        if self.settings.shown.get("client_session_keep_alive").and_then(Json::as_bool) == Some(true) {
            parameters.insert("CLIENT_SESSION_KEEP_ALIVE".into(), true.into());
        }
        if let Some(tag) = &self.settings.query_tag {
            parameters.insert("QUERY_TAG".into(), tag.clone().into());
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
                message: format!("the OAuth token: {}", error.without_url()),
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
    async fn browser(&self, client: &Client, account: &str) -> Result<(String, String), ServiceError> {
        let refused = |message: &str| ServiceError::Settings {
            message: message.to_owned(),
            hint: Some(
                "for unattended runs use a key pair ('private_key_path') or a programmatic access token"
                    .to_owned(),
            ),
        };
        if !std::io::stderr().is_terminal() {
            return Err(refused("authenticator 'externalbrowser' needs a person at a terminal"));
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .map_err(|error| refused(&format!("no port for the browser's answer: {error}")))?;
        let port = listener.local_addr().map(|address| address.port()).unwrap_or(0);
        let body = json!({"data": {
            "ACCOUNT_NAME": account.to_ascii_uppercase(), "LOGIN_NAME": self.settings.user,
            "AUTHENTICATOR": "EXTERNALBROWSER", "BROWSER_MODE_REDIRECT_PORT": port.to_string(),
            "CLIENT_APP_ID": "Go", "CLIENT_APP_VERSION": "1.6.22"}});
        let answer: Json = client
            .post(format!("{}/session/authenticator-request", self.settings.base))
            .timeout(self.settings.connect_timeout)
            .header("accept", "application/json")
            .json(&body)
            .send()
            .await
            .map_err(|error| ServiceError::Unreachable {
                message: error.without_url().to_string(),
                may_have_run: false,
            })?
            .json()
            .await
            .map_err(|_| ServiceError::Malformed("no JSON".to_owned()))?;
        let text = |pointer: &str| answer.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let (Some(address), Some(proof_key)) = (text("/data/ssoUrl"), text("/data/proofKey")) else {
            return Err(ServiceError::of_login(&answer));
        };
        // The person opens the page: which program does so on their machine is theirs to know.
        eprintln!("Log in to Snowflake in your browser:\n  {address}");
        let token = tokio::task::spawn_blocking(move || token_of_browser(&listener))
            .await
            .ok()
            .flatten()
            .ok_or_else(|| refused("nobody logged in in the browser"))?;
        Ok((token, proof_key))
    }
}

/// Waits for `GET /?token=...` and thanks the browser.
fn token_of_browser(listener: &TcpListener) -> Option<String> {
    listener.set_nonblocking(true).ok()?;
    let end = Instant::now() + BROWSER_PATIENCE;
    while Instant::now() < end {
        let Ok((mut stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut request = vec![0; 64 * 1024];
        let length = stream.read(&mut request).unwrap_or(0);
        let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
        let token = token_of(&request);
        let body = if token.is_some() { "You are logged in. This page can be closed." } else { "No token." };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        drop(stream.write_all(answer.as_bytes()));
        if token.is_some() {
            return token;
        }
    }
    None
}

/// The token in the first line of a request.
fn token_of(request: &str) -> Option<String> {
    let path = request.strip_prefix("GET ")?.split_whitespace().next()?;
    let url = reqwest::Url::parse(&format!("http://localhost{path}")).ok()?;
    url.query_pairs().find(|(key, _)| key == "token").map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn the_browsers_token_is_decoded() {
        assert_eq!(token_of("GET /?token=a%2Bb%3D&x=1 HTTP/1.1\r\n\r\n").as_deref(), Some("a+b="));
        assert_eq!(token_of("GET /favicon.ico HTTP/1.1\r\n\r\n"), None);
        assert_eq!(token_of("POST / HTTP/1.1"), None);
    }

    #[test]
    fn other_requests_of_the_browser_are_passed_over() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let browser = std::thread::spawn(move || {
            for path in ["/favicon.ico", "/?token=abc"] {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
                drop(stream.read_to_string(&mut String::new()));
            }
        });
        assert_eq!(token_of_browser(&listener).as_deref(), Some("abc"));
        browser.join().unwrap();
    }
}
