//! What lies between kpi and the service: busy answers, tokens that expire under many workers, signs of life, proxies,
//! and schemas that hold very much.

use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const MODEL: (&str, &str) = ("models/m.sql", "{{ config(materialized='table') }}\nselect 1 as n");

fn table(fault: &str) -> String {
    format!("{{{{ config(materialized='table') }}}}\n/* emulate: {fault} */ select 1 as n")
}

#[test]
fn a_service_that_asks_for_peace_gets_it() {
    for (fault, seconds) in
        [("busy=429x1x2", 2.0), ("busy=503x1x2", 2.0), ("busy=500x1x2", 2.0), ("busy=502x2", 0.1)]
    {
        let Some(shop) = Snowflake::project(&[("models/m.sql", &table(fault))]) else { return };
        shop.kpi(&["run"]).expect(0);
        let log = shop.log();
        let at: Vec<f64> = log
            .iter()
            .filter(|entry| entry["sql"].as_str().is_some_and(|sql| sql.contains("emulate:")))
            .filter_map(|entry| entry["at"].as_f64())
            .collect();
        assert!(at.len() > 1 && at[1] - at[0] >= seconds, "{fault}: {at:?}");
        assert!(
            log.iter()
                .filter(
                    |entry| entry["ran"] == true && entry["sql"].as_str().unwrap_or("").contains("emulate:")
                )
                .count()
                == 1
        );
    }
}

#[test]
fn a_service_that_is_always_busy_is_given_up() {
    let Some(shop) = Snowflake::project(&[("models/m.sql", &table("busy=503x99"))]) else { return };
    let call = shop.kpi(&["run"]).expect(1);
    assert_snapshot!(shop.failure(&call, "m"));
}

#[test]
fn a_login_waits_for_a_busy_service() {
    let Some(shop) = Snowflake::with(&[MODEL], "account: busy\n") else { return };
    shop.kpi(&["run"]).expect(0);
    assert!(shop.log().iter().filter(|entry| entry["login"].is_string()).count() > 3);
}

#[test]
fn tokens_expire_under_many_workers() {
    let files: Vec<(String, String)> = (0..64)
        .map(|i| {
            let text = format!(
                "{{{{ config(materialized='incremental', incremental_strategy='append', pre_hook=\"select {i}\") }}}}\nselect {i} as n"
            );
            (format!("models/m{i}.sql"), text)
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let Some(shop) = Snowflake::with(&files, "threads: 16\nsession_parameters: {EMULATE_RENEW_EVERY: 3}\n")
    else {
        return;
    };
    for _ in 0..2 {
        let call = shop.kpi(&["run"]).expect(0);
        assert!(call.text().contains("PASS=64"), "{}", call.text());
    }
    let log = shop.log();
    let renewed = log.iter().filter(|entry| entry["renewed"] == true).count();
    assert!(renewed > 64, "{renewed} renewals");
    // No session had to log in again, and nothing ran twice.
    let logins = log.iter().filter(|entry| entry["login"].is_string()).count();
    assert!(logins <= 34, "{logins} logins");
    for i in [0, 31, 63] {
        assert_eq!(shop.query(&format!("select count(*) from {{}}.sales.m{i}")), ["2"]);
    }
}

#[test]
fn sessions_are_kept_alive_where_it_is_asked_for() {
    let beats = |settings: &str| {
        let shop = Snowflake::with(&[("models/m.sql", &table("running=6"))], settings)?;
        shop.kpi(&["run"]).expect(0);
        Some(shop.log().iter().filter(|entry| entry["heartbeat"] == true).count())
    };
    let short = "session_parameters: {EMULATE_MASTER_SECONDS: 4}\n";
    let Some(count) = beats(&format!("client_session_keep_alive: true\n{short}")) else { return };
    assert!(count >= 2, "{count}");
    assert_eq!(beats(short), Some(0));
}

/// A proxy that passes requests on and notes whom they were for; a tunnel it refuses.
struct Proxy {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = noted.clone();
                std::thread::spawn(move || drop(pass_on(stream, &noted)));
            }
        });
        Self { port, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }
}

fn pass_on(client: TcpStream, noted: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut head, mut length, mut who) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if lower.starts_with("proxy-authorization:") {
            who = format!(" {}", line.trim());
        } else if !lower.starts_with("connection:") && !lower.starts_with("proxy-") {
            head.push_str(&line);
        }
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "CONNECT" {
        noted.lock().expect("no panic").push(format!("CONNECT {target}{who}"));
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    }
    let rest = target.strip_prefix("http://").unwrap_or(target);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    noted.lock().expect("no panic").push(host.to_owned());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut server = TcpStream::connect(host)?;
    write!(server, "{method} /{path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    std::io::copy(&mut server, &mut client)?;
    Ok(())
}

#[test]
fn proxies_are_those_of_the_environment_or_of_the_target() {
    let proxy = Proxy::start();
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let Some(shop) = Snowflake::with(&[MODEL], "threads: 1\n") else { return };
    let emulator = format!("127.0.0.1:{}", shop.port());
    let call = shop.project.kpi_with(&[("http_proxy", &address)], &["run"]);
    assert_eq!(call.code, 0, "{}", call.text());
    let seen = proxy.seen().len();
    assert!(seen > 3 && proxy.seen().iter().all(|host| *host == emulator), "{:?}", proxy.seen());
    // Not for hosts that are excepted.
    let call = shop.project.kpi_with(&[("http_proxy", &address), ("no_proxy", "127.0.0.1")], &["run"]);
    assert_eq!(call.code, 0, "{}", call.text());
    assert_eq!(proxy.seen().len(), seen);
    let Some(own) =
        Snowflake::with(&[MODEL], &format!("proxy_host: 127.0.0.1\nproxy_port: {}\n", proxy.port))
    else {
        return;
    };
    own.kpi(&["run"]).expect(0);
    assert!(proxy.seen().len() > seen);
}

#[test]
fn a_proxy_that_refuses_is_told_without_its_password() {
    let proxy = Proxy::start();
    let settings = "host: acme.snowflakecomputing.com\nport: 443\nprotocol: https\nconnect_retries: 0\n";
    let Some(shop) = Snowflake::with(&[MODEL], settings) else { return };
    let address = format!("http://someone:proxy-s3cret@127.0.0.1:{}", proxy.port);
    let call = shop.project.kpi_with(&[("HTTPS_PROXY", &address)], &["--debug", "run"]);
    assert_eq!(call.code, 2, "{}", call.text());
    // `someone:proxy-s3cret`, as a proxy is told it.
    assert_eq!(
        proxy.seen(),
        ["CONNECT acme.snowflakecomputing.com:443 proxy-authorization: Basic c29tZW9uZTpwcm94eS1zM2NyZXQ="]
    );
    assert!(!call.text().contains("proxy-s3cret") && !call.text().contains("c29tZW9uZ"), "{}", call.text());
    let text = shop.plain(&call.text());
    let lines: Vec<&str> =
        text.lines().filter(|line| line.contains("cannot be reached") || line.contains("hint:")).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_schema_with_many_relations_is_known_whole() {
    let Some(shop) = Snowflake::project(&[
        MODEL,
        // A table of these names is there: the last of a page, the first of the next, the last of all.
        ("models/t009999.sql", "select 1 as n"),
        ("models/t010000.sql", "select 1 as n"),
        ("models/t024999.sql", "select 1 as n"),
        ("models/t025000.sql", "select 1 as n"),
    ]) else {
        return;
    };
    shop.make_schema(&shop.database, "sales");
    shop.fabricate("sales", 25_000);
    let start = Instant::now();
    shop.kpi(&["run"]).expect(0);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("25,000 relations: {seconds:.2} s");
    let sent = shop.sent(0);
    let pages: Vec<&String> = sent.iter().filter(|sql| sql.starts_with("show objects")).collect();
    assert_snapshot!(pages.iter().map(|sql| sql.as_str()).collect::<Vec<_>>().join("\n"));
    // What is there as a table goes before it becomes a view; what is not there is not looked for.
    let mut dropped: Vec<&String> = sent.iter().filter(|sql| sql.starts_with("drop table")).collect();
    dropped.sort();
    assert_snapshot!("dropped", dropped.iter().map(|sql| sql.as_str()).collect::<Vec<_>>().join("\n"));
    assert!(seconds < 20.0, "{seconds}");
}
