//! The tokens of a session: got by a login, changed for new ones before a statement is told of it, kept alive.

use crate::error::ServiceError;
use crate::exchange::Exchange;
use crate::login::Proof;
use crate::settings::Authentication;
use crate::transport::{ATTEMPTS, Failure, REQUEST_TIMEOUT, Sent, code, pause, post};
use serde_json::{Value as Json, json};
use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What one login brought that opens the sessions after it without a person: the targets' sessions share it.
#[derive(Default)]
pub(crate) struct Kept {
    /// Stands for a second factor, for a login in a browser, or for a refresh token.
    token: Option<String>,
}

/// What became of a session whose token had expired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// The same session has a new token.
    Token,
    /// It is another session: what was open in the old one is gone.
    Session,
}

/// The shortest and the longest pause between two signs of life, in seconds.
const HEARTBEAT: (i64, i64) = (1, 3600);

impl Exchange {
    /// Logs in. `body` is the login that the client crate made.
    pub(crate) async fn log_in(&self, body: Json) -> Result<(), ServiceError> {
        let answer = match &self.settings.authentication {
            Authentication::ExternalBrowser
            | Authentication::OAuthRefresh { .. }
            | Authentication::Password { mfa: true, .. } => self.log_in_once(body).await?,
            _ => {
                let body = self.login.complete(body, Proof::Own)?;
                self.send_login(&body).await?
            }
        };
        let token = |key: &str| {
            answer
                .pointer(&format!("/data/{key}"))
                .and_then(Json::as_str)
                .map(str::to_owned)
                .ok_or_else(|| ServiceError::Malformed(format!("a login without {key}")))
        };
        let (session_token, master_token) = (token("token")?, token("masterToken")?);
        {
            let mut state = self.state.lock();
            state.session_token = session_token;
            state.master_token = master_token;
            state.session_id = answer.pointer("/data/sessionId").and_then(Json::as_u64);
        }
        let validity = answer.pointer("/data/masterValidityInSeconds").and_then(Json::as_i64);
        if self.settings.keep_alive && !self.beating.swap(true, Ordering::AcqRel) {
            let pause = (validity.unwrap_or(HEARTBEAT.1) / 4).clamp(HEARTBEAT.0, HEARTBEAT.1);
            tokio::spawn(beat(self.me.clone(), Duration::from_secs(pause.unsigned_abs())));
        }
        Ok(())
    }

    /// A login that costs a person's time, a code that holds once, or a request elsewhere: the first session of the target
    /// does it, the others use what it brought.
    async fn log_in_once(&self, body: Json) -> Result<Json, ServiceError> {
        let mut refused = None;
        loop {
            let mut kept = self.settings.kept.lock().await;
            if refused.is_some() && kept.token == refused {
                kept.token = None;
            }
            let Some(token) = kept.token.clone() else {
                let (proof, refreshed) = self.login.prove(&self.client).await?;
                let body = self.login.complete(body, proof)?;
                let answer = self.send_login(&body).await?;
                let of_answer = |key: &str| answer.pointer(key).and_then(Json::as_str).map(str::to_owned);
                kept.token = refreshed.or_else(|| match self.settings.authentication {
                    Authentication::ExternalBrowser => of_answer("/data/idToken"),
                    _ => of_answer("/data/mfaToken"),
                });
                return Ok(answer);
            };
            drop(kept);
            let complete = self.login.complete(body.clone(), Proof::Kept(token.clone()))?;
            match self.send_login(&complete).await {
                // The token has run out: the others may have another one by now.
                Err(ServiceError::Login { .. }) if refused.is_none() => refused = Some(token),
                other => return other,
            }
        }
    }

    async fn send_login(&self, body: &Json) -> Result<Json, ServiceError> {
        let mut query = vec![("requestId", uuid::Uuid::new_v4().to_string())];
        let named = [
            ("warehouse", self.settings.warehouse.as_deref()),
            ("databaseName", Some(self.settings.database.as_str())),
            ("schemaName", Some(self.settings.schema.as_str())),
            ("roleName", self.settings.role.as_deref()),
        ];
        query.extend(named.into_iter().filter_map(|(key, value)| Some((key, value?.to_owned()))));
        let query: Vec<(&str, &str)> = query.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let url = self.url("/session/v1/login-request", &query)?;
        let mut attempt = 0;
        loop {
            let mut wait = None;
            let mut retries = self.settings.connect_retries;
            let error = match post(&self.client, &url, body, None, self.settings.connect_timeout).await {
                Sent::Answer(answer) if answer.get("success").and_then(Json::as_bool) == Some(true) => {
                    return Ok(answer);
                }
                Sent::Answer(answer) => {
                    let error = ServiceError::of_login(&answer);
                    if !self.settings.retry_all {
                        return Err(error);
                    }
                    error
                }
                Sent::Failed(failure) => {
                    // A service that answers that it is busy is there, and will be free.
                    if failure.status != 0 {
                        retries = retries.max(ATTEMPTS - 1);
                    }
                    wait = failure.wait;
                    ServiceError::Unreachable { message: failure.message, may_have_run: false }
                }
                Sent::Refused(error) => return Err(error),
            };
            if attempt >= retries {
                return Err(error);
            }
            attempt += 1;
            pause(attempt, wait).await;
        }
    }

    /// A new session token for the `expired` one; a new session where the master token has expired too.
    pub(crate) async fn renew(&self, expired: &str) -> Result<Renewed, ServiceError> {
        // The statement and the sign of life of one session may both find the token expired.
        let _one = self.renewing.lock().await;
        let (old, master, login) = {
            let state = self.state.lock();
            (state.session_token.clone(), state.master_token.clone(), state.login.clone())
        };
        if old != expired {
            return Ok(Renewed::Token);
        }
        let body = json!({"oldSessionToken": old, "requestType": "RENEW"});
        let mut attempt = 0;
        loop {
            let url =
                self.url("/session/token-request", &[("requestId", &uuid::Uuid::new_v4().to_string())])?;
            match post(&self.client, &url, &body, Some(&master), REQUEST_TIMEOUT).await {
                Sent::Answer(answer) => {
                    if let (Some(session), Some(master)) = (
                        answer.pointer("/data/sessionToken").and_then(Json::as_str),
                        answer.pointer("/data/masterToken").and_then(Json::as_str),
                    ) {
                        let mut state = self.state.lock();
                        state.session_token = session.to_owned();
                        state.master_token = master.to_owned();
                        return Ok(Renewed::Token);
                    }
                    break;
                }
                Sent::Failed(Failure { message, wait, .. }) => {
                    attempt += 1;
                    if attempt >= ATTEMPTS {
                        return Err(ServiceError::Unreachable { message, may_have_run: false });
                    }
                    pause(attempt, wait).await;
                }
                Sent::Refused(error) => return Err(error),
            }
        }
        let Some(mut body) = login else {
            return Err(ServiceError::Malformed("a session that was never opened has expired".to_owned()));
        };
        // What was signed for the first login has run out by now.
        if let Some(signer) = &self.signer {
            body = signer.login().await?;
        }
        self.log_in(body).await?;
        self.state.lock().session += 1;
        self.set_again().await?;
        Ok(Renewed::Session)
    }

    /// Gives a new session what was set in the old one: warehouse, role, query tag and their like.
    async fn set_again(&self) -> Result<(), ServiceError> {
        let set = self.state.lock().set.clone();
        for (_, sql) in set {
            let body = json!({"sqlText": sql, "asyncExec": false, "sequenceId": self.next_sequence()});
            let request_id = uuid::Uuid::new_v4().to_string();
            let url = self.url("/queries/v1/query-request", &[("requestId", &request_id)])?;
            match post(&self.client, &url, &body, Some(&self.token()), REQUEST_TIMEOUT).await {
                Sent::Answer(answer) if answer.get("success").and_then(Json::as_bool) == Some(true) => {}
                Sent::Answer(answer) => return Err(ServiceError::of_statement(&answer)),
                Sent::Failed(failure) => return Err(failure.into()),
                Sent::Refused(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends the session, so that its temporary objects and locks go now and not hours later.
    pub(crate) async fn close(&self) {
        let token = self.token();
        if token.is_empty() {
            return;
        }
        if let Ok(url) = self.url("/session", &[("delete", "true")]) {
            drop(post(&self.client, &url, &json!({}), Some(&token), Duration::from_secs(5)).await);
        }
        self.state.lock().session_token.clear();
    }

    /// Tells the service that the session is in use.
    async fn tell_alive(&self) {
        let token = self.token();
        if token.is_empty() {
            return;
        }
        let url = self.url("/session/heartbeat", &[("requestId", &uuid::Uuid::new_v4().to_string())]);
        let Ok(url) = url else { return };
        if let Sent::Answer(answer) =
            post(&self.client, &url, &Json::Null, Some(&token), REQUEST_TIMEOUT).await
            && code(&answer) == "390112"
        {
            // Whether it succeeds or not: the next statement renews too, and tells of it.
            drop(self.renew(&token).await);
        }
    }
}

/// Signs of life at this pace, as long as the session lives. Boxed, since a sign of life may end in a login, which begins
/// them.
fn beat(exchange: Weak<Exchange>, pace: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        loop {
            tokio::time::sleep(pace).await;
            match exchange.upgrade() {
                Some(exchange) => exchange.tell_alive().await,
                None => return,
            }
        }
    })
}
