//! The talk with the service beneath the client crate: where requests go, what is tried again, what is waited for.
//!
//! The client crate builds logins and statements. As a middleware of its HTTP client, [`Exchange`] sends them itself, so
//! that host and port can be set, long statements are waited for, parts of a result come in order, sessions are renewed
//! and an error keeps its code, SQLSTATE and query id. What a statement brought is left here for [`crate::session`]; the
//! client crate only learns that it is done.

use crate::answer::Answer;
use crate::error::ServiceError;
use crate::login::Login;
use crate::session::Signer;
use crate::settings::SnowflakeSettings;
use crate::statement::{first_word, is_idempotent, opens_transaction, session_setting};
use crate::tokens::Renewed;
use crate::transport::{ATTEMPTS, REQUEST_TIMEOUT, Sent, client, code, pause, post};
use parking_lot::Mutex;
use reqwest::{Client, Url};
use reqwest_middleware::{Middleware, Next};
use serde_json::{Map, Value as Json, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What the next statement is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Only column names and types.
    pub describe_only: bool,
    /// Bound values: `{"1": {"type": "TEXT", "value": ...}}`.
    pub bindings: Option<Json>,
    /// The statement belongs to a transaction that is open: in another session it would mean something else.
    pub in_transaction: bool,
}

#[derive(Default)]
pub(crate) struct State {
    pub session_token: String,
    pub master_token: String,
    /// The service's number of the session.
    pub session_id: Option<u64>,
    /// The client crate's login, to log in anew once the master token has expired.
    pub login: Option<Json>,
    asked: Asked,
    outcome: Option<Result<Answer, ServiceError>>,
    /// Request id and text of the running statement.
    running: Option<(String, String)>,
    /// What was set in the session, by its name: `use warehouse`, `alter session set query_tag` and their like.
    pub set: Vec<(String, String)>,
    /// How often the session was opened anew.
    pub session: u64,
    /// The session in which the last transaction began.
    began_in: u64,
}

/// One session's talk with the service.
pub(crate) struct Exchange {
    pub me: Weak<Self>,
    pub settings: Arc<SnowflakeSettings>,
    pub client: Client,
    pub login: Login,
    /// Signs logins, where a private key proves who logs in.
    pub signer: Option<Signer>,
    sequence: AtomicU64,
    cancelled: AtomicBool,
    /// Signs of life are sent.
    pub beating: AtomicBool,
    pub renewing: tokio::sync::Mutex<()>,
    pub state: Mutex<State>,
}

impl Exchange {
    /// A talk that has not begun.
    ///
    /// # Errors
    /// A proxy address that is none.
    pub fn new(settings: Arc<SnowflakeSettings>, signer: Option<Signer>) -> Result<Arc<Self>, ServiceError> {
        let client = client(&settings)?;
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            login: Login::new(settings.clone()),
            settings,
            client,
            signer,
            sequence: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            beating: AtomicBool::new(false),
            renewing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }))
    }

    /// Says what the next statement is for.
    pub fn ask(&self, asked: Asked) {
        self.cancelled.store(false, Ordering::Release);
        let mut state = self.state.lock();
        state.asked = asked;
        state.outcome = None;
    }

    /// What the last request brought.
    pub fn take_outcome(&self) -> Option<Result<Answer, ServiceError>> {
        self.state.lock().outcome.take()
    }

    /// Whether the running statement was asked to end.
    pub fn was_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Asks the service to end the running statement. Does nothing where none runs.
    pub async fn abort(&self) {
        let Some((request_id, sql)) = self.state.lock().running.clone() else { return };
        self.cancelled.store(true, Ordering::Release);
        let body = json!({"sqlText": sql, "requestId": request_id});
        let url = self.url("/queries/v1/abort-request", &[("requestId", &uuid::Uuid::new_v4().to_string())]);
        let Ok(url) = url else { return };
        // Whether it arrives or not, the statement's own answer tells how it ended.
        drop(post(&self.client, &url, &body, Some(&self.token()), Duration::from_secs(10)).await);
    }

    /// The service's number of the session; `None`: it has not been opened yet.
    pub fn session_id(&self) -> Option<u64> {
        self.state.lock().session_id
    }

    pub fn token(&self) -> String {
        self.state.lock().session_token.clone()
    }

    pub fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, ServiceError> {
        Url::parse_with_params(&format!("{}{path}", self.settings.base), query)
            .map_err(|error| ServiceError::Malformed(format!("the address {path} is none: {error}")))
    }

    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Runs a statement to its end.
    async fn statement(&self, sql: &str) -> Result<Answer, ServiceError> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let (asked, elsewhere) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.asked), state.began_in != state.session)
        };
        // A sign of life may have found the session gone, and have opened another one.
        if asked.in_transaction && elsewhere && first_word(sql) != "rollback" {
            return Err(ServiceError::TransactionLost);
        }
        let mut body = Map::new();
        body.insert("sqlText".into(), sql.into());
        body.insert("asyncExec".into(), false.into());
        body.insert("sequenceId".into(), self.next_sequence().into());
        body.insert("describeOnly".into(), asked.describe_only.into());
        body.insert("querySubmissionTime".into(), chrono::Utc::now().timestamp_millis().into());
        if let Some(bindings) = asked.bindings {
            body.insert("bindings".into(), bindings);
        }
        let body = Json::Object(body);
        self.state.lock().running = Some((request_id.clone(), sql.to_owned()));
        let result = self.run(sql, &request_id, &body, asked.in_transaction).await;
        let mut state = self.state.lock();
        state.running = None;
        if result.is_ok() && opens_transaction(sql) {
            state.began_in = state.session;
        }
        if result.is_ok()
            && !asked.describe_only
            && let Some((name, set)) = session_setting(sql)
        {
            state.set.retain(|(other, _)| *other != name);
            if set {
                state.set.push((name, sql.to_owned()));
            }
        }
        result
    }

    /// Sends a statement until its end is known.
    ///
    /// Every attempt carries the same request id, by which the service knows a statement: sent again with `retry=true`,
    /// one that runs is waited for, one that ran is not run but answered with its first result, and one that never
    /// arrived runs now. Snowflake's own drivers rely on the same.
    async fn run(
        &self,
        sql: &str,
        request_id: &str,
        body: &Json,
        in_transaction: bool,
    ) -> Result<Answer, ServiceError> {
        let begun = chrono::Utc::now().timestamp_millis().to_string();
        let mut attempt = 0;
        let mut renewed = 0;
        let mut reason = 0;
        // An attempt that may have arrived brought no answer; what was said of it.
        let mut lost: Option<String> = None;
        loop {
            let own = uuid::Uuid::new_v4().to_string();
            let (retries, reasons) = (attempt.to_string(), reason.to_string());
            let mut query = vec![("requestId", request_id), ("request_guid", own.as_str())];
            if attempt > 0 {
                query.extend([
                    ("retry", "true"),
                    ("retryCount", retries.as_str()),
                    ("retryReason", reasons.as_str()),
                    ("clientStartTime", begun.as_str()),
                ]);
            }
            let url = self.url("/queries/v1/query-request", &query)?;
            let token = self.token();
            let failure = match post(&self.client, &url, body, Some(&token), REQUEST_TIMEOUT).await {
                Sent::Answer(answer) => match code(&answer) {
                    // The session has expired: the statement was not looked at.
                    "390112" | "390111" | "390104" | "390114" if renewed < 2 => {
                        renewed += 1;
                        if self.renew(&token).await? == Renewed::Session {
                            // What was open is rolled back; but a commit may have ended it before.
                            if in_transaction && !(lost.is_some() && first_word(sql) == "commit") {
                                return Err(ServiceError::TransactionLost);
                            }
                            // A session knows the requests of its own only.
                            if let Some(message) = lost.take_if(|_| !is_idempotent(sql)) {
                                return Err(ServiceError::Unreachable { message, may_have_run: true });
                            }
                        }
                        continue;
                    }
                    _ => return self.finish(answer).await,
                },
                Sent::Failed(failure) => failure,
                Sent::Refused(error) => return Err(error),
            };
            reason = failure.status;
            attempt += 1;
            if failure.may_have_arrived {
                lost = Some(failure.message.clone());
            }
            let unreachable = |message: String| match &lost {
                Some(lost) => ServiceError::Unreachable { message: lost.clone(), may_have_run: true },
                None => ServiceError::Unreachable { message, may_have_run: false },
            };
            if attempt >= ATTEMPTS || self.was_cancelled() {
                return Err(unreachable(failure.message));
            }
            pause(attempt, failure.wait).await;
            if self.was_cancelled() {
                return Err(unreachable(failure.message));
            }
        }
    }

    async fn handled(&self, request: &reqwest::Request) -> Json {
        let body = body_of(request);
        if request.url().path().contains("login-request") {
            self.state.lock().login = Some(body.clone());
            return match self.log_in(body).await {
                Ok(()) => logged_in(),
                Err(error) => {
                    self.state.lock().outcome = Some(Err(error));
                    json!({"code": "390100", "message": "refused", "success": false, "data": {}})
                }
            };
        }
        let sql = body.get("sqlText").and_then(Json::as_str).unwrap_or_default().to_owned();
        let outcome = self.statement(&sql).await;
        self.state.lock().outcome = Some(outcome);
        nothing()
    }
}

/// The JSON that a request of the client crate carries.
pub(crate) fn body_of(request: &reqwest::Request) -> Json {
    request
        .body()
        .and_then(reqwest::Body::as_bytes)
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or(Json::Null)
}

/// Lets the client crate send its requests through the exchange.
pub(crate) struct Through(pub Arc<Exchange>);

#[async_trait::async_trait]
impl Middleware for Through {
    async fn handle(
        &self,
        request: reqwest::Request,
        _extensions: &mut http::Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let answer = self.0.handled(&request).await;
        Ok(http::Response::new(answer.to_string()).into())
    }
}

/// What the client crate takes for a login that holds for ever: tokens are the exchange's business.
fn logged_in() -> Json {
    json!({"code": null, "message": null, "success": true, "data": {
        "sessionId": 0, "token": "held", "masterToken": "held", "serverVersion": "", "parameters": [],
        "sessionInfo": {"databaseName": null, "schemaName": null, "warehouseName": null, "roleName": ""},
        "masterValidityInSeconds": -1, "validityInSeconds": -1}})
}

/// What the client crate takes for a statement without rows.
fn nothing() -> Json {
    json!({"code": null, "message": null, "success": true, "data": {
        "parameters": [], "rowtype": [], "rowset": [], "total": 0, "returned": 0, "queryId": "",
        "finalRoleName": "", "statementTypeId": 0, "version": 1}})
}
