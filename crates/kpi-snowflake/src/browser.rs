//! The login of a person in their browser (`authenticator: externalbrowser`): the page is opened, and the browser brings
//! the token to a port of this machine.

use crate::error::ServiceError;
use std::io::{IsTerminal, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a person has to log in.
const PATIENCE: Duration = Duration::from_secs(120);

/// The programs of this machine's browsers, one after the other, as other programs read it too.
const PROGRAMS: &str = "BROWSER";

/// A port that waits for the browser.
pub(crate) struct Waiting(TcpListener);

fn refused(message: impl Into<String>) -> ServiceError {
    ServiceError::Settings {
        message: message.into(),
        hint: Some(
            "for unattended runs use a key pair ('private_key_path') or a programmatic access token"
                .to_owned(),
        ),
    }
}

impl Waiting {
    /// # Errors
    /// Nobody there to log in, no port.
    pub fn new() -> Result<Self, ServiceError> {
        if std::env::var_os(PROGRAMS).is_none() && !std::io::stderr().is_terminal() {
            return Err(refused("authenticator 'externalbrowser' needs a person at a terminal"));
        }
        TcpListener::bind(("127.0.0.1", 0))
            .map(Self)
            .map_err(|error| refused(format!("no port for the browser's answer: {error}")))
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().map_or(0, |address| address.port())
    }

    /// Opens the page and waits for its token.
    ///
    /// # Errors
    /// Nobody logged in in time.
    pub async fn token(self, address: &str) -> Result<String, ServiceError> {
        let opened = open(address);
        // Where no browser opens, or another one should be used, a person opens the page.
        let head = if opened {
            "Log in to Snowflake in the browser that opens, or at"
        } else {
            "Log in to Snowflake at"
        };
        eprintln!("{head}\n  {address}");
        let listener = self.0;
        tokio::task::spawn_blocking(move || token_of_browser(&listener, PATIENCE))
            .await
            .ok()
            .flatten()
            .ok_or_else(|| {
                refused(format!("nobody logged in in the browser within {} seconds", PATIENCE.as_secs()))
            })
    }
}

/// Opens an address with the first program that starts.
fn open(address: &str) -> bool {
    let own: Vec<Vec<String>> = match std::env::var_os(PROGRAMS) {
        Some(programs) => std::env::split_paths(&programs)
            .map(|command| command.to_string_lossy().split_whitespace().map(str::to_owned).collect())
            .collect(),
        None if cfg!(target_os = "macos") => vec![vec!["open".to_owned()]],
        None if cfg!(windows) => vec![vec!["rundll32".to_owned(), "url.dll,FileProtocolHandler".to_owned()]],
        None => vec![vec!["xdg-open".to_owned()]],
    };
    own.iter().any(|words| {
        let Some((program, arguments)) = words.split_first() else { return false };
        let mut command = Command::new(program);
        let mut placed = false;
        for argument in arguments {
            placed |= argument.contains("%s");
            command.arg(argument.replace("%s", address));
        }
        if !placed {
            command.arg(address);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    })
}

/// Waits for `GET /?token=...` and thanks the browser.
fn token_of_browser(listener: &TcpListener, patience: Duration) -> Option<String> {
    listener.set_nonblocking(true).ok()?;
    let end = Instant::now() + patience;
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
        assert_eq!(token_of_browser(&listener, PATIENCE).as_deref(), Some("abc"));
        browser.join().unwrap();
    }

    #[test]
    fn nobody_comes() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert_eq!(token_of_browser(&listener, Duration::from_millis(150)), None);
    }
}
