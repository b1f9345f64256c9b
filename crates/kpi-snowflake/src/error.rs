//! What the service says when it refuses, and what to do about it.

use kpi_adapter::{AdapterError, AdapterErrorKind};
use serde_json::Value as Json;

/// The service's error, or that of the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceError {
    /// A statement that the service refused or that failed there.
    Statement {
        code: String,
        sql_state: String,
        message: String,
        query_id: String,
        place: Option<(u32, u32)>,
    },
    /// A login that was refused.
    Login { code: String, message: String },
    /// No answer: network, proxy, TLS, an HTTP error. `may_have_run`: a statement was sent, and its end is unknown.
    Unreachable { message: String, may_have_run: bool },
    /// The session that a transaction was open in is gone.
    TransactionLost,
    /// Settings that are wrong: a key that cannot be read, a passphrase that does not fit.
    Settings { message: String, hint: Option<String> },
    /// An answer that is none of Snowflake's.
    Malformed(String),
}

fn text<'a>(value: &'a Json, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

impl ServiceError {
    /// The error in an answer with `success: false` to a statement.
    pub fn of_statement(answer: &Json) -> Self {
        let mut code = text(answer, "/data/errorCode");
        if code.is_empty() {
            code = text(answer, "/code");
        }
        let number = |pointer: &str| {
            answer
                .pointer(pointer)
                .and_then(Json::as_i64)
                .and_then(|n| u32::try_from(n).ok())
                .filter(|n| *n > 0)
        };
        Self::Statement {
            code: code.to_owned(),
            sql_state: text(answer, "/data/sqlState").to_owned(),
            message: text(answer, "/message").trim_end().to_owned(),
            query_id: text(answer, "/data/queryId").to_owned(),
            place: number("/data/line").map(|line| (line, number("/data/pos").unwrap_or(0) + 1)),
        }
    }

    /// The error in an answer with `success: false` to a login.
    pub fn of_login(answer: &Json) -> Self {
        let mut code = text(answer, "/code");
        if code.is_empty() {
            code = text(answer, "/data/errorCode");
        }
        Self::Login { code: code.to_owned(), message: text(answer, "/message").to_owned() }
    }

    /// The service's id of the statement that failed; empty where it has none.
    pub fn query_id(&self) -> &str {
        match self {
            Self::Statement { query_id, .. } => query_id,
            _ => "",
        }
    }

    /// The error as adapters tell it: code and SQLSTATE in front, as Snowflake's drivers print them.
    pub fn into_adapter_error(self, cancelled: bool) -> AdapterError {
        match self {
            Self::Statement { code, sql_state, message, query_id, place } => {
                let kind = if cancelled || code == "000604" {
                    AdapterErrorKind::Cancelled
                } else {
                    AdapterErrorKind::Statement
                };
                let head = match (code.is_empty(), sql_state.is_empty()) {
                    (true, _) => String::new(),
                    (false, true) => format!("{code}: "),
                    (false, false) => format!("{code} ({sql_state}): "),
                };
                // Some messages have it already.
                let head = if message.starts_with(&head) { String::new() } else { head };
                // A failing row may hold anything: its values do not belong in a log.
                let message = without_row_values(&message);
                let mut text = format!("{head}{message}");
                if !query_id.is_empty() {
                    text = format!("{text}\n  query id: {query_id}");
                }
                let mut error = AdapterError::new(kind, text);
                error.position = place;
                error.of_service = kind == AdapterErrorKind::Statement;
                error.code = Some(if sql_state.is_empty() { code.clone() } else { sql_state });
                match hint_of_statement(&code, &message) {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }
            }
            Self::Login { code, message } => {
                let error = AdapterError::new(
                    AdapterErrorKind::Connection,
                    format!("Snowflake refused the login: {code}: {message}"),
                );
                let mut error = match hint_of_login(&code) {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                };
                error.code = Some(code);
                error
            }
            Self::Unreachable { message, may_have_run } => {
                let mut text = format!("Snowflake cannot be reached: {message}");
                if may_have_run {
                    text.push_str(
                        "\n  The statement was sent, and whether it ran is unknown.",
                    );
                }
                let busy = message.starts_with("HTTP 5") || message.starts_with("HTTP 429");
                AdapterError::new(AdapterErrorKind::Connection, text).with_hint(if may_have_run {
                    "look at the query history of the session, then run the node again"
                } else if busy {
                    "the service is there, but busy or away: look at status.snowflake.com, and run the node again later"
                } else {
                    "check 'account', 'host' and 'port' of the target, and the proxy (HTTPS_PROXY, 'proxy_host')"
                })
            }
            Self::TransactionLost => AdapterError::new(
                AdapterErrorKind::Connection,
                "the session ended in the middle of a transaction: nothing of the transaction stays",
            )
            .with_hint(
                "run the node again; 'client_session_keep_alive: true' in the target keeps sessions from expiring",
            ),
            Self::Settings { message, hint } => {
                let error = AdapterError::new(AdapterErrorKind::Configuration, message);
                match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }
            }
            Self::Malformed(what) => AdapterError::new(
                AdapterErrorKind::Connection,
                format!("the answer is not one of Snowflake's: {what}"),
            )
            .with_hint("check 'account' and 'host' of the target: something else answers there"),
        }
    }
}

fn without_row_values(message: &str) -> String {
    match message.split_once("Row Values: [") {
        Some((before, rest)) => {
            let after = rest.rsplit_once(']').map_or("", |(_, after)| after);
            format!("{before}Row Values: [redacted]{after}")
        }
        None => message.to_owned(),
    }
}

fn hint_of_login(code: &str) -> Option<&'static str> {
    Some(match code {
        "390100" => {
            "check 'user' and 'password' of the target, and the environment variable that it comes from"
        }
        "390102" => "the user is locked: wait a quarter of an hour, or let an administrator unlock it",
        "390127" | "394507" | "394508" => {
            "the user needs a second factor: set 'passcode' (it holds for one login: where the account does not set \
             ALLOW_CLIENT_MFA_CACHING, kpi's second session needs another), or use a key pair or a programmatic access \
             token"
        }
        "390144" | "394300" | "394304" => {
            "check that the public key of 'private_key' is set for the user (ALTER USER ... SET RSA_PUBLIC_KEY), and \
             that 'account' and 'user' are right"
        }
        "390186" | "390189" => "check that the role of the target exists and is granted to the user",
        "390201" | "250001" => "check 'account' of the target",
        "390303" | "390318" | "390302" | "394400" | "394600" => {
            "the token has expired or is not valid: fetch a new one, and check the environment variable that it comes from"
        }
        "390190" | "390191" => {
            "check that the account has an identity provider, and that the user is known to it"
        }
        "390422" => "the network policy of the account does not let this address in",
        _ => return None,
    })
}

fn hint_of_statement(code: &str, message: &str) -> Option<&'static str> {
    match code {
        "000606" => {
            Some("no warehouse is in use: set 'warehouse' of the target, or grant its use to the role")
        }
        "002003" => Some("the object does not exist, or the target's role may not see it"),
        "003001" => Some("the target's role lacks the privilege"),
        "002043" if message.contains("does not exist") => {
            Some("check 'database', 'schema' and 'warehouse' of the target, and the role's grants")
        }
        "090073" | "000605" => {
            Some("the warehouse cannot be resumed: check its state and the role's OPERATE privilege")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(error: ServiceError) -> String {
        let error = error.into_adapter_error(false);
        match error.hint {
            Some(hint) => format!("{}\n  hint: {hint}\n", error.message),
            None => format!("{}\n", error.message),
        }
    }

    #[test]
    fn errors_say_code_state_and_remedy() {
        let statement = json!({
            "success": false, "code": "002003",
            "message": "SQL compilation error:\nObject 'ANALYTICS.X.ORDERS' does not exist or not authorized.",
            "data": {"errorCode": "002003", "sqlState": "42S02", "queryId": "01b2", "line": 3, "pos": 5}
        });
        let row = json!({
            "success": false, "code": "100078", "message": "String 'x' is too long. Row Values: [1, 'Ana']",
            "data": {"errorCode": "100078", "sqlState": "22000"}
        });
        let login = json!({"success": false, "code": "390100", "message": "Incorrect username or password was specified."});
        insta::assert_snapshot!(
            [
                ServiceError::of_statement(&statement),
                ServiceError::of_statement(&row),
                ServiceError::of_login(&login),
                ServiceError::Unreachable { message: "connection refused".into(), may_have_run: false },
                ServiceError::Unreachable { message: "connection reset".into(), may_have_run: true },
                ServiceError::TransactionLost,
                ServiceError::Malformed("HTTP 404".into()),
            ]
            .map(told)
            .join("\n")
        );
    }

    #[test]
    fn a_cancelled_statement_is_told_as_such() {
        let answer = json!({"message": "SQL execution canceled", "data": {"errorCode": "000604", "sqlState": "57014"}});
        let error = ServiceError::of_statement(&answer).into_adapter_error(false);
        assert_eq!(error.kind, AdapterErrorKind::Cancelled);
    }
}
