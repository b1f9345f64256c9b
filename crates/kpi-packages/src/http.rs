//! Asks other machines: small JSON answers, and files of which no more is taken than is allowed.
//!
//! Proxies come from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; certificates are the system's, or those of
//! `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`. A user and password in an address are sent, never shown.

use base64::Engine;
use kpi_diagnostics::Diagnostic;
use sha1::{Digest, Sha1};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

const KIND: &str = "Runtime Error";
/// How often something is asked for that fails in a way that may pass.
const ATTEMPTS: u32 = 6;
/// The first pause between two attempts; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(100);
/// The largest JSON answer.
const LARGEST_ANSWER: u64 = 64 << 20;
/// The largest download.
pub(crate) const LARGEST_DOWNLOAD: u64 = 512 << 20;

/// Reads an environment variable.
pub(crate) type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Asks other machines.
pub(crate) struct Http {
    secure: Agent,
    plain: Agent,
    /// Hosts that are asked without a proxy.
    direct: Agent,
    unproxied: Vec<String>,
}

/// What came back.
pub(crate) enum Answer<T> {
    /// What was asked for.
    Found(T),
    /// A status that says that there is none.
    Refused(u16),
}

impl Http {
    pub(crate) fn new(environment: &Environment<'_>) -> Result<Self, Diagnostic> {
        let either = |name: &str| {
            environment(name).or_else(|| environment(&name.to_lowercase())).filter(|v| !v.trim().is_empty())
        };
        let seconds = environment("DBT_HTTP_TIMEOUT").and_then(|t| t.trim().parse::<f64>().ok());
        let timeout = Duration::from_secs_f64(seconds.unwrap_or(30.0).clamp(0.1, 3600.0));
        let roots = roots(environment)?;
        let agent = |proxy: Option<Proxy>| {
            Agent::config_builder()
                .user_agent(concat!("kpi/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(timeout))
                .timeout_recv_response(Some(timeout))
                .timeout_per_read(Some(timeout))
                .http_status_as_error(false)
                .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
                .proxy(proxy)
                .build()
                .new_agent()
        };
        let proxy = |name: &str| -> Result<Option<Proxy>, Diagnostic> {
            let Some(text) = either(name).or_else(|| either("ALL_PROXY")) else { return Ok(None) };
            Proxy::new(&text).map(Some).map_err(|_| {
                Diagnostic::error("K0230", KIND, format!("{name} is no address of a proxy"))
                    .with_hint("it is such as http://proxy.example.com:8080")
            })
        };
        let unproxied = either("NO_PROXY").unwrap_or_default();
        Ok(Self {
            secure: agent(proxy("HTTPS_PROXY")?),
            plain: agent(proxy("HTTP_PROXY")?),
            direct: agent(None),
            unproxied: unproxied.split(',').map(|host| host.trim().to_lowercase()).collect(),
        })
    }

    /// The text of a JSON answer.
    pub(crate) fn text(&self, url: &str) -> Result<Answer<String>, Diagnostic> {
        self.repeatedly(url, |response| {
            let mut text = Vec::new();
            take(response, LARGEST_ANSWER, &mut |bytes| {
                text.extend_from_slice(bytes);
                Ok(())
            })?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
    }

    /// Writes a file, and gives its SHA-1.
    pub(crate) fn download(&self, url: &str, path: &Path) -> Result<Answer<String>, Diagnostic> {
        self.repeatedly(url, |response| {
            let mut file = BufWriter::new(File::create(path).map_err(Trouble::Here)?);
            let mut hash = Sha1::new();
            take(response, LARGEST_DOWNLOAD, &mut |bytes| {
                hash.update(bytes);
                file.write_all(bytes)
            })?;
            file.flush().map_err(Trouble::Here)?;
            Ok(hex::encode(hash.finalize()))
        })
    }

    fn agent(&self, url: &Url<'_>) -> &Agent {
        let host = url.host();
        let skips = |pattern: &String| {
            let suffix = pattern.trim_start_matches('*').trim_start_matches('.');
            pattern == "*"
                || !suffix.is_empty()
                    && (host == suffix
                        || host.ends_with(&format!(".{suffix}"))
                        || url.host_and_port() == suffix)
        };
        match url.scheme {
            _ if self.unproxied.iter().any(skips) => &self.direct,
            "https" => &self.secure,
            _ => &self.plain,
        }
    }

    fn repeatedly<T>(
        &self,
        address: &str,
        mut take: impl FnMut(&mut ureq::http::Response<ureq::Body>) -> Result<T, Trouble>,
    ) -> Result<Answer<T>, Diagnostic> {
        let shown = without_credentials(address);
        let Some(url) = Url::parse(address) else {
            return Err(Diagnostic::error("K0230", KIND, format!("'{shown}' is no web address"))
                .with_hint("an address begins with https:// or http://"));
        };
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let mut request = self.agent(&url).get(url.without_user());
            if let Some(authorization) = url.authorization() {
                request = request.header("Authorization", authorization);
            }
            let trouble = match request.call() {
                Ok(mut response) => match response.status().as_u16() {
                    200..=299 => match take(&mut response) {
                        Ok(found) => return Ok(Answer::Found(found)),
                        Err(trouble) => trouble,
                    },
                    status @ (408 | 429 | 500..=599) => Trouble::Busy(status),
                    status => return Ok(Answer::Refused(status)),
                },
                Err(error) => Trouble::Connection(error),
            };
            if attempt >= ATTEMPTS || !trouble.may_pass() {
                return Err(trouble.told(&shown));
            }
            attempt += 1;
            std::thread::sleep(pause);
            pause *= 2;
        }
    }
}

/// What went wrong on the way.
enum Trouble {
    Connection(ureq::Error),
    Busy(u16),
    /// The answer broke off.
    Broken(std::io::Error),
    /// The answer is larger than is taken.
    Large(u64),
    /// It could not be written.
    Here(std::io::Error),
}

impl Trouble {
    fn may_pass(&self) -> bool {
        match self {
            Self::Connection(error) => !matches!(
                error,
                ureq::Error::Tls(_)
                    | ureq::Error::Rustls(_)
                    | ureq::Error::Pem(_)
                    | ureq::Error::BadUri(_)
                    | ureq::Error::InvalidProxyUrl
                    | ureq::Error::TooManyRedirects
            ),
            Self::Busy(_) | Self::Broken(_) => true,
            Self::Large(_) | Self::Here(_) => false,
        }
    }

    fn told(&self, shown: &str) -> Diagnostic {
        let (reason, hint) = match self {
            Self::Connection(error) => (
                error.to_string(),
                "check the network, and HTTPS_PROXY and SSL_CERT_FILE if there is a proxy; DBT_PACKAGE_HUB_URL names \
                 another package hub",
            ),
            Self::Busy(status) => (format!("the answer was status {status}"), "try again later"),
            Self::Broken(error) => (format!("the answer broke off: {error}"), "try again"),
            Self::Large(limit) => (
                format!("the answer is larger than {} MiB", limit >> 20),
                "a package is far smaller: check the address",
            ),
            Self::Here(error) => (format!("it cannot be written: {error}"), "check the space on the disk"),
        };
        Diagnostic::error("K0230", KIND, format!("External connection exception occurred: {shown}: {reason}"))
            .with_hint(hint)
    }
}

/// Hands an answer on in pieces, up to a limit.
fn take(
    response: &mut ureq::http::Response<ureq::Body>,
    limit: u64,
    sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Trouble> {
    // One byte more than allowed tells that there is more.
    let mut reader = response.body_mut().with_config().limit(limit + 1).reader();
    let mut buffer = vec![0u8; 64 << 10];
    let mut taken = 0u64;
    loop {
        let count = reader.read(&mut buffer).map_err(Trouble::Broken)?;
        if count == 0 {
            return Ok(());
        }
        taken += count as u64;
        if taken > limit {
            return Err(Trouble::Large(limit));
        }
        sink(buffer.get(..count).unwrap_or_default()).map_err(Trouble::Here)?;
    }
}

/// The certificates that other machines are trusted by.
fn roots(environment: &Environment<'_>) -> Result<RootCerts, Diagnostic> {
    // SSL_CERT_FILE is the system's own way to name them.
    let named = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
        .into_iter()
        .find_map(|name| Some((name, environment(name).filter(|path| !path.is_empty())?)));
    let Some((name, path)) = named.filter(|_| environment("SSL_CERT_FILE").is_none()) else {
        return Ok(RootCerts::PlatformVerifier);
    };
    let wrong = |reason: String| {
        Diagnostic::error("K0230", KIND, format!("{name} names {path}, which cannot be used: {reason}"))
            .with_hint("it is a file of certificates in PEM form")
    };
    let text = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
    let certificates: Vec<Certificate<'static>> = ureq::tls::parse_pem(&text)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(RootCerts::from(certificates))
}

/// The parts of an address that matter here.
struct Url<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    rest: &'a str,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if scheme != "http" && scheme != "https" {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user, rest) = match rest.get(..end)?.rfind('@') {
            Some(at) => (rest.get(..at), rest.get(at + 1..)?),
            None => (None, rest),
        };
        let url = Self { scheme, user, rest };
        (!url.host().is_empty()).then_some(url)
    }

    fn without_user(&self) -> String {
        format!("{}://{}", self.scheme, self.rest)
    }

    fn host_and_port(&self) -> String {
        self.rest.split(['/', '?', '#']).next().unwrap_or_default().to_lowercase()
    }

    fn host(&self) -> String {
        let text = self.host_and_port();
        match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.to_owned(),
            _ => text,
        }
    }

    fn authorization(&self) -> Option<String> {
        let user = decoded(self.user?);
        let both = if user.contains(':') { user } else { format!("{user}:") };
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(both)))
    }
}

/// A text without `%41`.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = match (first, tail) {
            (b'%', [a, b, ..]) => {
                std::str::from_utf8(&[*a, *b]).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
            }
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An address as it may be shown: without user, password, and what follows a `?`.
pub(crate) fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        // `git@` and the like are no secrets.
        Some((user, host)) if scheme == "ssh" && !user.contains(':') => format!("{user}@{host}"),
        Some((_, host)) => format!("*****@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, _)) => format!("{path}?*****"),
        None => path.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_sent_and_not_shown() {
        let address = "https://me:p%40ss@packages.example.com:8443/a/b.tar.gz?token=abc";
        assert_eq!(without_credentials(address), "https://*****@packages.example.com:8443/a/b.tar.gz?*****");
        let url = Url::parse(address).unwrap();
        assert_eq!(url.without_user(), "https://packages.example.com:8443/a/b.tar.gz?token=abc");
        assert_eq!(url.host(), "packages.example.com");
        assert_eq!(url.authorization().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(without_credentials("ssh://git@github.com/a/b"), "ssh://git@github.com/a/b");
        assert_eq!(without_credentials("git@github.com:a/b.git"), "git@github.com:a/b.git");
        assert!(Url::parse("file:///etc/passwd").is_none() && Url::parse("https:///x").is_none());
    }

    #[test]
    fn no_proxy_names_hosts_and_domains() {
        let environment = |name: &str| match name {
            "HTTP_PROXY" => Some("http://127.0.0.1:1".to_owned()),
            "NO_PROXY" => Some("localhost, .corp.example, 127.0.0.1:80".to_owned()),
            _ => None,
        };
        let http = Http::new(&environment).unwrap();
        let direct = |url: &str| std::ptr::eq(http.agent(&Url::parse(url).unwrap()), &http.direct);
        assert!(
            direct("http://localhost:8080/x")
                && direct("https://a.corp.example")
                && direct("http://127.0.0.1:80/")
        );
        assert!(!direct("http://corp.example.org/") && !direct("http://127.0.0.1:81/"));
    }
}
