//! Serves the page, the two artifacts and the project's assets, and nothing else of the machine.

use crate::PAGE;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a line of a request may be.
const LONGEST_LINE: u64 = 16 << 10;
/// How long a browser may take for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    site: Arc<Site>,
}

struct Site {
    /// The folder of the artifacts.
    target: PathBuf,
    /// Folders within it that may be served as well.
    assets: Vec<String>,
    /// Whether only this machine is meant to see it.
    local: bool,
}

impl Server {
    /// Listens on an address. Port 0 takes one that is free.
    ///
    /// # Errors
    /// The address is none of this machine, or is in use.
    pub fn bind(host: &str, port: u16, target: &Path, assets: Vec<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((if host.is_empty() { "0.0.0.0" } else { host }, port))?;
        let local = listener.local_addr()?.ip().is_loopback();
        Ok(Self { listener, site: Arc::new(Site { target: target.to_owned(), assets, local }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The machine does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the process ends.
    pub fn run(&self) {
        for stream in self.listener.incoming().flatten() {
            let site = self.site.clone();
            // A connection that breaks is the browser's business.
            std::thread::spawn(move || drop(site.answer(stream)));
        }
    }
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn text(status: &'static str, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{text}\n").into_bytes() }
    }
}

impl Site {
    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let line = line_of(&mut reader)?;
        let mut host = None;
        for _ in 0..200 {
            let header = line_of(&mut reader)?;
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("host")
            {
                host = Some(value.trim().to_owned());
            }
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let answer = match method {
            "GET" | "HEAD" if self.admits(host.as_deref()) => self.page(path),
            "GET" | "HEAD" => Answer::text("421 Misdirected Request", "this server is for this machine only"),
            _ => Answer::text("405 Method Not Allowed", "only GET and HEAD are answered"),
        };
        let mut out = io::BufWriter::new(stream);
        write!(
            out,
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: \
             nosniff\r\nConnection: close\r\n\r\n",
            answer.status,
            answer.kind,
            answer.body.len()
        )?;
        if method != "HEAD" {
            out.write_all(&answer.body)?;
        }
        out.flush()
    }

    /// A page of another site may not read this one through a name that leads here.
    fn admits(&self, host: Option<&str>) -> bool {
        let Some(host) = host.filter(|_| self.local) else { return true };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn page(&self, path: &str) -> Answer {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        match path {
            "/" | "/index.html" => {
                Answer { status: "200 OK", kind: "text/html; charset=utf-8", body: PAGE.as_bytes().to_vec() }
            }
            "/manifest.json" | "/catalog.json" => self.file(path.trim_start_matches('/')),
            _ => {
                let name = decoded(path.trim_start_matches('/'));
                let inside = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
                let asset = self.assets.iter().any(|folder| Path::new(&name).starts_with(folder));
                if inside && asset {
                    self.file(&name)
                } else {
                    Answer::text("404 Not Found", "there is no such page")
                }
            }
        }
    }

    fn file(&self, name: &str) -> Answer {
        let missing = || Answer::text("404 Not Found", "there is no such page");
        let (Ok(root), Ok(path)) = (self.target.canonicalize(), self.target.join(name).canonicalize()) else {
            return missing();
        };
        if !path.starts_with(root) || !path.is_file() {
            return missing();
        }
        match std::fs::read(&path) {
            Ok(body) => Answer { status: "200 OK", kind: kind_of(&path), body },
            Err(_) => missing(),
        }
    }
}

fn line_of(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// A path without `%20`.
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

fn kind_of(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("svg") => "image/svg+xml",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}
