//! The end of a statement: waited for where it takes long, with all parts of its result in order.

use crate::answer::Answer;
use crate::error::ServiceError;
use crate::exchange::Exchange;
use crate::transport::{ATTEMPTS, Failure, REQUEST_TIMEOUT, Sent, answer, chain, code, pause, retry_after};
use reqwest::{Client, StatusCode};
use serde_json::{Map, Value as Json};
use std::collections::VecDeque;
use std::time::Duration;

/// How many parts of a result are on their way at once.
const PARTS_AT_ONCE: usize = 4;

/// The key under which parts are encrypted where no headers are given.
const PART_KEY: &str = "x-amz-server-side-encryption-customer-key";
const PART_ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";

impl Exchange {
    /// Waits for a statement that goes on, and gathers the parts of its result.
    pub(crate) async fn finish(&self, answer: Json) -> Result<Answer, ServiceError> {
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
        let mut result = Answer::of(data)?;
        let headers = headers_of_parts(data);
        let mut addresses = Vec::new();
        for chunk in data.get("chunks").and_then(Json::as_array).unwrap_or(&Vec::new()) {
            let Some(url) = chunk.get("url").and_then(Json::as_str) else {
                return Err(ServiceError::Malformed("a part of a result without an address".to_owned()));
            };
            addresses.push(url.to_owned());
        }
        // The parts travel side by side; their order is that of the list.
        let mut coming = VecDeque::new();
        let mut rest = addresses.into_iter();
        loop {
            while coming.len() < PARTS_AT_ONCE
                && let Some(url) = rest.next()
            {
                coming.push_back(tokio::spawn(part(self.client.clone(), url, headers.clone())));
            }
            let Some(next) = coming.pop_front() else { return Ok(result) };
            let bytes = next
                .await
                .map_err(|_| ServiceError::Malformed("a part of a result that was not read".to_owned()))??;
            result.add_chunk(&bytes)?;
        }
    }

    /// Waits for the end of a statement that goes on.
    async fn result_of(&self, path: &str) -> Result<Answer, ServiceError> {
        let mut path = path.to_owned();
        let mut failures = 0;
        let mut wait = Duration::from_millis(50);
        let mut renewed = 0;
        loop {
            let url = self.url(&path, &[])?;
            let token = self.token();
            let request = self
                .client
                .get(url)
                .timeout(REQUEST_TIMEOUT)
                .header("accept", "application/json")
                .header("authorization", format!("Snowflake Token=\"{token}\""));
            let answer = match answer(request).await {
                Sent::Answer(answer) => answer,
                // Asking again changes nothing.
                Sent::Failed(Failure { message, wait, .. }) => {
                    failures += 1;
                    if failures >= ATTEMPTS {
                        return Err(ServiceError::Unreachable { message, may_have_run: true });
                    }
                    pause(failures, wait).await;
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
                // The statement goes on without its session's token, and a new session may ask for it too.
                "390112" if renewed < 3 => {
                    renewed += 1;
                    self.renew(&token).await?;
                }
                _ => return Box::pin(self.finish(answer)).await,
            }
        }
    }
}

/// What is sent along when a part is fetched.
fn headers_of_parts(data: &Json) -> Map<String, Json> {
    if let Some(headers) = data.get("chunkHeaders").and_then(Json::as_object) {
        return headers.clone();
    }
    let mut headers = Map::new();
    if let Some(key) = data.get("qrmk").and_then(Json::as_str) {
        headers.insert(PART_ALGORITHM.to_owned(), "AES256".into());
        headers.insert(PART_KEY.to_owned(), key.into());
    }
    headers
}

/// Fetches a part of a result.
async fn part(client: Client, url: String, headers: Map<String, Json>) -> Result<Vec<u8>, ServiceError> {
    let mut attempt = 0;
    loop {
        let mut request = client.get(&url).timeout(REQUEST_TIMEOUT);
        for (name, value) in &headers {
            if let Some(value) = value.as_str() {
                request = request.header(name, value);
            }
        }
        let (message, wait) = match request.send().await {
            Ok(response) if response.status().is_success() => match response.bytes().await {
                Ok(bytes) => return Ok(bytes.into()),
                Err(error) => (chain(&error.without_url()), None),
            },
            Ok(response) => {
                let message = format!("HTTP {}", response.status());
                // A signature that has run out stays so.
                if matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) && attempt > 1 {
                    attempt = ATTEMPTS;
                }
                (message, retry_after(response.headers()))
            }
            // The address holds a signature.
            Err(error) => (chain(&error.without_url()), None),
        };
        attempt += 1;
        if attempt >= ATTEMPTS {
            return Err(ServiceError::Unreachable {
                message: format!("a part of the result: {message}"),
                may_have_run: false,
            });
        }
        pause(attempt, wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_are_asked_for_with_their_key() {
        let headers = headers_of_parts(&json!({"qrmk": "k"}));
        assert_eq!(headers[PART_KEY], "k");
        assert_eq!(headers[PART_ALGORITHM], "AES256");
        // Headers that are given stand for themselves.
        let headers = headers_of_parts(&json!({"qrmk": "k", "chunkHeaders": {"a": "b"}}));
        assert_eq!(headers.len(), 1);
        assert!(headers_of_parts(&json!({})).is_empty());
    }
}
