//! The talk with the service beneath the client crate: where requests go, what is tried again, what is waited for.
//!
//! The client crate builds logins and statements. As a middleware of its HTTP client, [`Exchange`] sends them itself, so
//! that host and port can be set, long statements are waited for, parts of a result come in order, sessions are renewed
//! and an error keeps its code, SQLSTATE and query id. What a statement brought is left here for [`crate::session`]; the
//! client crate only learns that it is done.

use crate::answer::{Answer, Chunk};
use crate::error::ServiceError;
use crate::login::Login;
use crate::settings::SnowflakeSettings;
use crate::statement::is_idempotent;
use parking_lot::Mutex;
use reqwest::{Client, StatusCode, Url};
use reqwest_middleware::{Middleware, Next};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often a request is tried again that the service did not take.
const ATTEMPTS: u32 = 6;

/// Longer than the service lets a request wait before it tells that a statement goes on.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// What the next statement is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Only column names and types.
    pub describe_only: bool,
    /// Bound values: `{"1": {"type": "TEXT", "value": ...}}`.
    pub bindings: Option<Json>,
}

#[derive(Default)]
struct State {
    session_token: String,
    master_token: String,
    /// Body and query of the login, to log in anew once the master token has expired.
    login: Option<Json>,
    asked: Asked,
    outcome: Option<Result<Answer, ServiceError>>,
    /// Request id and text of the running statement.
    running: Option<(String, String)>,
    last_query_id: String,
}

/// One session's talk with the service.
pub(crate) struct Exchange {
    settings: Arc<SnowflakeSettings>,
    client: Client,
    login: Login,
    sequence: AtomicU64,
    cancelled: AtomicBool,
    state: Mutex<State>,
}

/// How a request ended.
enum Sent {
    /// An answer with a body that is JSON.
    Answer(Json),
    /// The service or the way to it failed before or after the request was taken.
    Failed { message: String, taken: Taken },
    /// Something answers, but not Snowflake.
    Refused(ServiceError),
}

/// Whether the service took a request that brought no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    Unknown,
}

impl Exchange {
    /// A talk that has not begun.
    ///
    /// # Errors
    /// A proxy address that is none.
    pub fn new(settings: Arc<SnowflakeSettings>) -> Result<Arc<Self>, ServiceError> {
        let mut client = Client::builder()
            .user_agent(concat!("kpi/", env!("CARGO_PKG_VERSION")))
            .gzip(true)
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .danger_accept_invalid_certs(settings.accept_invalid_certificates);
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| ServiceError::Settings {
                message: "'proxy_host' and 'proxy_port' of the target are no address".to_owned(),
                hint: Some("write for instance `proxy_host: proxy.local` and `proxy_port: 3128`".to_owned()),
            })?;
            client = client.proxy(proxy);
        }
        let client = client
            .build()
            .map_err(|error| ServiceError::Unreachable { message: chain(&error), may_have_run: false })?;
        Ok(Arc::new(Self {
            login: Login::new(settings.clone()),
            settings,
            client,
            sequence: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
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
        drop(self.send(&url, &body, Some(&self.token()), Duration::from_secs(10)).await);
    }

    /// Ends the session, so that its temporary objects and locks go now and not hours later.
    pub async fn close(&self) {
        let token = self.token();
        if token.is_empty() {
            return;
        }
        if let Ok(url) = self.url("/session", &[("delete", "true")]) {
            drop(self.send(&url, &json!({}), Some(&token), Duration::from_secs(5)).await);
        }
        self.state.lock().session_token.clear();
    }

    fn token(&self) -> String {
        self.state.lock().session_token.clone()
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, ServiceError> {
        Url::parse_with_params(&format!("{}{path}", self.settings.base), query)
            .map_err(|error| ServiceError::Malformed(format!("the address {path} is none: {error}")))
    }

    async fn send(&self, url: &Url, body: &Json, token: Option<&str>, timeout: Duration) -> Sent {
        let mut request =
            self.client.post(url.clone()).timeout(timeout).header("accept", "application/json").json(body);
        if let Some(token) = token {
            request = request.header("authorization", format!("Snowflake Token=\"{token}\""));
        }
        self.answer(request).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Sent {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let taken = if error.is_connect() || error.is_builder() { Taken::No } else { Taken::Unknown };
                return Sent::Failed { message: chain(&error.without_url()), taken };
            }
        };
        let status = response.status();
        if !status.is_success() {
            // The body of an error is no secret, but a page of HTML helps nobody.
            let body = response.text().await.unwrap_or_default();
            if let Ok(answer) = serde_json::from_str::<Json>(&body)
                && answer.get("success").is_some()
                && !status.is_server_error()
            {
                return Sent::Answer(answer);
            }
            let first = body.trim().lines().next().unwrap_or_default();
            let excerpt: String = first.chars().filter(|c| !c.is_control()).take(200).collect();
            let excerpt = if excerpt.starts_with('<') { String::new() } else { excerpt };
            let message = format!("HTTP {status} {excerpt}").trim_end().to_owned();
            return match status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    Sent::Failed { message, taken: Taken::No }
                }
                _ if status.is_server_error() => Sent::Failed { message, taken: Taken::Unknown },
                _ => Sent::Refused(ServiceError::Malformed(message)),
            };
        }
        match response.bytes().await {
            Ok(body) => match serde_json::from_slice(&body) {
                Ok(answer) => Sent::Answer(answer),
                Err(_) => Sent::Failed { message: "the answer is no JSON".to_owned(), taken: Taken::Unknown },
            },
            Err(error) => Sent::Failed { message: chain(&error.without_url()), taken: Taken::Unknown },
        }
    }

    /// Logs in with the body that the client crate made.
    async fn log_in(&self, body: Json) -> Result<Json, ServiceError> {
        let body = self.login.complete(&self.client, body).await?;
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
        let answer = loop {
            let error = match self.send(&url, &body, None, self.settings.connect_timeout).await {
                Sent::Answer(answer) if answer.get("success").and_then(Json::as_bool) == Some(true) => {
                    break answer;
                }
                Sent::Answer(answer) => {
                    let error = ServiceError::of_login(&answer);
                    if !self.settings.retry_all {
                        return Err(error);
                    }
                    error
                }
                Sent::Failed { message, .. } => ServiceError::Unreachable { message, may_have_run: false },
                Sent::Refused(error) => return Err(error),
            };
            if attempt >= self.settings.connect_retries {
                return Err(error);
            }
            attempt += 1;
            pause(attempt).await;
        };
        let token = |key: &str| {
            answer
                .pointer(&format!("/data/{key}"))
                .and_then(Json::as_str)
                .map(str::to_owned)
                .ok_or_else(|| ServiceError::Malformed(format!("a login without {key}")))
        };
        let (session_token, master_token) = (token("token")?, token("masterToken")?);
        let mut state = self.state.lock();
        state.session_token = session_token;
        state.master_token = master_token;
        Ok(answer)
    }

    /// A new session token for the expired one; a new session where the master token has expired too.
    async fn renew(&self) -> Result<(), ServiceError> {
        let (old, master, login) = {
            let state = self.state.lock();
            (state.session_token.clone(), state.master_token.clone(), state.login.clone())
        };
        let url = self.url("/session/token-request", &[("requestId", &uuid::Uuid::new_v4().to_string())])?;
        let body = json!({"oldSessionToken": old, "requestType": "RENEW"});
        if let Sent::Answer(answer) = self.send(&url, &body, Some(&master), REQUEST_TIMEOUT).await
            && let (Some(session), Some(master)) = (
                answer.pointer("/data/sessionToken").and_then(Json::as_str),
                answer.pointer("/data/masterToken").and_then(Json::as_str),
            )
        {
            let mut state = self.state.lock();
            state.session_token = session.to_owned();
            state.master_token = master.to_owned();
            return Ok(());
        }
        match login {
            Some(body) => self.log_in(body).await.map(drop),
            None => Err(ServiceError::Malformed("a session that was never opened has expired".to_owned())),
        }
    }

    /// Runs a statement to its end.
    async fn statement(&self, sql: &str) -> Result<Answer, ServiceError> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let asked = std::mem::take(&mut self.state.lock().asked);
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let mut body = Map::new();
        body.insert("sqlText".into(), sql.into());
        body.insert("asyncExec".into(), false.into());
        body.insert("sequenceId".into(), sequence.into());
        body.insert("describeOnly".into(), asked.describe_only.into());
        body.insert("querySubmissionTime".into(), chrono::Utc::now().timestamp_millis().into());
        if let Some(bindings) = asked.bindings {
            body.insert("bindings".into(), bindings);
        }
        let body = Json::Object(body);
        self.state.lock().running = Some((request_id.clone(), sql.to_owned()));
        let result = self.run(sql, &request_id, &body).await;
        let mut state = self.state.lock();
        state.running = None;
        if let Ok(answer) = &result {
            state.last_query_id = answer.query_id.clone();
        }
        result
    }

    async fn run(&self, sql: &str, request_id: &str, body: &Json) -> Result<Answer, ServiceError> {
        let mut attempt = 0;
        let mut renewed = 0;
        loop {
            let retries = attempt.to_string();
            // The same request id at every attempt: the service knows a statement by it.
            let mut query = vec![("requestId", request_id)];
            if attempt > 0 {
                query.extend([("retryCount", retries.as_str()), ("retryReason", "0")]);
            }
            let url = self.url("/queries/v1/query-request", &query)?;
            let sent = self.send(&url, body, Some(&self.token()), REQUEST_TIMEOUT).await;
            let (message, taken) = match sent {
                Sent::Answer(answer) => match code(&answer) {
                    // The session has expired: the statement was not looked at.
                    "390112" | "390111" | "390104" | "390114" if renewed < 2 => {
                        renewed += 1;
                        self.renew().await?;
                        continue;
                    }
                    _ => return self.finish(answer).await,
                },
                Sent::Failed { message, taken } => (message, taken),
                Sent::Refused(error) => return Err(error),
            };
            if taken == Taken::Unknown && !is_idempotent(sql) {
                // One that never began is sent again, under the same id: should it arrive late, it is known.
                if let Some(answer) = self.look_up(message.clone()).await? {
                    return Ok(answer);
                }
            }
            attempt += 1;
            if attempt >= ATTEMPTS || self.was_cancelled() {
                return Err(ServiceError::Unreachable { message, may_have_run: taken == Taken::Unknown });
            }
            pause(attempt).await;
        }
    }

    /// The statement was sent and no answer came: the session is asked which statement was its last, and where that is a
    /// new one its end is waited for. `None`: the statement has not begun.
    async fn look_up(&self, message: String) -> Result<Option<Answer>, ServiceError> {
        let unknown = ServiceError::Unreachable { message, may_have_run: true };
        let body = json!({"sqlText": "select last_query_id()", "asyncExec": false,
            "sequenceId": self.sequence.fetch_add(1, Ordering::Relaxed) + 1});
        let before = self.state.lock().last_query_id.clone();
        for attempt in 1..=3 {
            pause(attempt).await;
            let request_id = uuid::Uuid::new_v4().to_string();
            let url = self.url("/queries/v1/query-request", &[("requestId", &request_id)])?;
            let Sent::Answer(answer) = self.send(&url, &body, Some(&self.token()), REQUEST_TIMEOUT).await
            else {
                continue;
            };
            let last = answer.pointer("/data/rowset/0/0").and_then(Json::as_str).unwrap_or_default();
            if last.is_empty() || before.is_empty() {
                break;
            }
            if last == before {
                return Ok(None);
            }
            return self.result_of(&format!("/queries/{last}/result")).await.map(Some);
        }
        Err(unknown)
    }

    /// Waits for a statement that goes on, and gathers the parts of its result.
    async fn finish(&self, answer: Json) -> Result<Answer, ServiceError> {
        let answer = match code(&answer) {
            "333333" | "333334" => {
                let path = answer.pointer("/data/getResultUrl").and_then(Json::as_str).map(str::to_owned);
                let Some(path) = path else {
                    return Err(ServiceError::Malformed(
                        "a statement that goes on, without a place for its result".into(),
                    ));
                };
                return self.result_of(&path).await;
            }
            _ => answer,
        };
        if answer.get("success").and_then(Json::as_bool) != Some(true) {
            return Err(ServiceError::of_statement(&answer));
        }
        let data = answer.get("data").unwrap_or(&Json::Null);
        if data.get("rowsetBase64").and_then(Json::as_str).is_some_and(|text| !text.is_empty()) {
            return Err(ServiceError::Malformed("a result in another format than was asked for".to_owned()));
        }
        let mut result = Answer::of(data)?;
        let headers = data.get("chunkHeaders").and_then(Json::as_object);
        for chunk in data.get("chunks").and_then(Json::as_array).unwrap_or(&Vec::new()) {
            let Some(url) = chunk.get("url").and_then(Json::as_str) else {
                return Err(ServiceError::Malformed("a part of a result without an address".to_owned()));
            };
            let text = self.part(&Chunk { url: url.to_owned() }, headers).await?;
            result.add_chunk(&text)?;
        }
        Ok(result)
    }

    async fn result_of(&self, path: &str) -> Result<Answer, ServiceError> {
        let mut path = path.to_owned();
        let mut failures = 0;
        let mut wait = Duration::from_millis(50);
        let mut renewed = 0;
        loop {
            let url = self.url(&path, &[])?;
            let request = self
                .client
                .get(url)
                .timeout(REQUEST_TIMEOUT)
                .header("accept", "application/json")
                .header("authorization", format!("Snowflake Token=\"{}\"", self.token()));
            let answer = match self.answer(request).await {
                Sent::Answer(answer) => answer,
                // Asking again changes nothing.
                Sent::Failed { message, .. } => {
                    failures += 1;
                    if failures >= ATTEMPTS {
                        return Err(ServiceError::Unreachable { message, may_have_run: true });
                    }
                    pause(failures).await;
                    continue;
                }
                Sent::Refused(error) => return Err(error),
            };
            failures = 0;
            match code(&answer) {
                "333333" | "333334" => {
                    if let Some(next) = answer.pointer("/data/getResultUrl").and_then(Json::as_str) {
                        path = next.to_owned();
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                "390112" if renewed < 3 => {
                    renewed += 1;
                    self.renew().await?;
                }
                _ => return Box::pin(self.finish(answer)).await,
            }
        }
    }

    async fn part(&self, chunk: &Chunk, headers: Option<&Map<String, Json>>) -> Result<String, ServiceError> {
        let mut attempt = 0;
        loop {
            let mut request = self.client.get(&chunk.url).timeout(REQUEST_TIMEOUT);
            for (name, value) in headers.into_iter().flatten() {
                if let Some(value) = value.as_str() {
                    request = request.header(name, value);
                }
            }
            let text = match request.send().await.and_then(reqwest::Response::error_for_status) {
                Ok(response) => response.text().await,
                Err(error) => Err(error),
            };
            match text {
                Ok(text) => return Ok(text),
                // The address holds a signature.
                Err(error) if attempt >= ATTEMPTS => {
                    return Err(ServiceError::Unreachable {
                        message: format!("a part of the result: {}", chain(&error.without_url())),
                        may_have_run: false,
                    });
                }
                Err(_) => {
                    attempt += 1;
                    pause(attempt).await;
                }
            }
        }
    }

    async fn handled(&self, request: &reqwest::Request) -> Json {
        let body = request
            .body()
            .and_then(reqwest::Body::as_bytes)
            .and_then(|bytes| serde_json::from_slice::<Json>(bytes).ok())
            .unwrap_or(Json::Null);
        if request.url().path().contains("login-request") {
            self.state.lock().login = Some(body.clone());
            return match self.log_in(body).await {
                Ok(_) => logged_in(),
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

fn code(answer: &Json) -> &str {
    answer.get("code").and_then(Json::as_str).unwrap_or_default()
}

/// Waits longer at every attempt, and never as long as the others that wait.
async fn pause(attempt: u32) {
    let most = 250_u64.saturating_mul(1 << attempt.min(7));
    let id = uuid::Uuid::new_v4();
    let share = u64::from(id.as_bytes()[0]);
    tokio::time::sleep(Duration::from_millis(most / 2 + most / 2 * share / 255)).await;
}

/// An error and what lies beneath it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        inner = cause.source();
    }
    text
}
