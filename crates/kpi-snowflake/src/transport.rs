//! One request and its answer: how long it may take, whether the service took it, when it may be sent again.

use crate::error::ServiceError;
use crate::settings::SnowflakeSettings;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use serde_json::Value as Json;
use std::time::Duration;

/// How often a request is sent that brings no answer.
pub(crate) const ATTEMPTS: u32 = 6;

/// Longer than the service lets a request wait before it tells that a statement goes on.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The most that a service's wish to be left alone is followed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How a request ended.
pub(crate) enum Sent {
    /// An answer with a body that is JSON.
    Answer(Json),
    /// The service or the way to it failed: another attempt may succeed.
    Failed(Failure),
    /// Something answers, but not Snowflake.
    Refused(ServiceError),
}

/// A request that brought no answer.
pub(crate) struct Failure {
    pub message: String,
    /// Whether the service may have taken the request all the same.
    pub may_have_arrived: bool,
    /// The HTTP status; 0 where none came.
    pub status: u16,
    /// How long the service wants to be left alone (`Retry-After`).
    pub wait: Option<Duration>,
}

impl Failure {
    fn of(error: reqwest::Error) -> Self {
        let may_have_arrived = !(error.is_connect() || error.is_builder());
        Self { message: chain(&error.without_url()), may_have_arrived, status: 0, wait: None }
    }
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        Self::Unreachable { message: failure.message, may_have_run: failure.may_have_arrived }
    }
}

/// The client of one session's requests.
///
/// # Errors
/// A proxy address that is none.
pub(crate) fn client(settings: &SnowflakeSettings) -> Result<Client, ServiceError> {
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
    client.build().map_err(|error| ServiceError::Unreachable { message: chain(&error), may_have_run: false })
}

/// Posts a body, with a token where there is one.
pub(crate) async fn post(
    client: &Client,
    url: &Url,
    body: &Json,
    token: Option<&str>,
    timeout: Duration,
) -> Sent {
    let mut request =
        client.post(url.clone()).timeout(timeout).header("accept", "application/json").json(body);
    if let Some(token) = token {
        request = request.header("authorization", format!("Snowflake Token=\"{token}\""));
    }
    answer(request).await
}

/// Sends a request and reads its answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Sent {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Sent::Failed(Failure::of(error)),
    };
    let status = response.status();
    if !status.is_success() {
        let wait = retry_after(response.headers());
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
        let again = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        if !again {
            return Sent::Refused(ServiceError::Malformed(message));
        }
        let may_have_arrived =
            !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        return Sent::Failed(Failure { message, may_have_arrived, status: status.as_u16(), wait });
    }
    match response.bytes().await {
        Ok(body) => match serde_json::from_slice(&body) {
            Ok(answer) => Sent::Answer(answer),
            Err(_) => Sent::Failed(Failure {
                message: "the answer is no JSON".to_owned(),
                may_have_arrived: true,
                status: status.as_u16(),
                wait: None,
            }),
        },
        Err(error) => Sent::Failed(Failure { may_have_arrived: true, ..Failure::of(error) }),
    }
}

/// `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            (at.to_utc() - chrono::Utc::now()).to_std().ok()?
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// Waits longer at every attempt, never as long as the others that wait, and at least as long as the service asks for.
pub(crate) async fn pause(attempt: u32, asked: Option<Duration>) {
    let most = 250_u64.saturating_mul(1 << attempt.min(7));
    let id = uuid::Uuid::new_v4();
    let share = u64::from(id.as_bytes()[0]);
    let wait = Duration::from_millis(most / 2 + most / 2 * share / 255);
    tokio::time::sleep(asked.map_or(wait, |asked| asked.max(wait))).await;
}

/// An error and what lies beneath it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
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

/// `code` of an answer.
pub(crate) fn code(answer: &Json) -> &str {
    answer.get("code").and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_be_left_alone_is_read_in_both_forms() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("86400"), Some(60));
        assert_eq!(wait("soon"), None);
        // A moment that has passed is no reason to wait.
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        let later = (chrono::Utc::now() + chrono::Duration::seconds(20)).to_rfc2822();
        assert!(wait(&later).is_some_and(|seconds| (18..=20).contains(&seconds)));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
