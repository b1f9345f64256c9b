//! A package hub on this machine, and packages for it.

use serde_json::{Map, Value as Json, json};
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Pages = Arc<Mutex<HashMap<String, (u16, Vec<u8>)>>>;

/// A web server whose pages are those of the package hub.
pub struct Hub {
    /// Ends with a slash.
    pub address: String,
    pages: Pages,
    asked: Arc<Mutex<Vec<String>>>,
    packages: BTreeMap<String, Map<String, Json>>,
}

/// A `.tar.gz` of files in one folder.
pub fn archive(folder: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gz);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        let path = if folder.is_empty() { (*path).to_owned() } else { format!("{folder}/{path}") };
        builder.append_data(&mut header, path, text.as_bytes()).expect("an entry");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive")
}

impl Hub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/", listener.local_addr().expect("an address"));
        let (pages, asked) = (Pages::default(), Arc::new(Mutex::new(Vec::new())));
        let (all, log) = (pages.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, log) = (all.clone(), log.clone());
                std::thread::spawn(move || answer(stream, &all, &log));
            }
        });
        Self { address, pages, asked, packages: BTreeMap::new() }
    }

    /// Puts bytes at a path.
    pub fn page(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) -> String {
        self.pages.lock().expect("pages").insert(format!("/{path}"), (status, body.into()));
        format!("{}{path}", self.address)
    }

    /// The paths that were asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("the log"))
    }

    /// A version of a package: its project has one model and one macro.
    pub fn add(&mut self, package: &str, version: &str, more: Json) {
        let name = package.rsplit('/').next().unwrap_or(package);
        let project =
            format!("name: {name}\nversion: {version}\nmodels:\n  {name}:\n    +materialized: table\n");
        let model = format!("select '{version}' as version");
        let files = [("dbt_project.yml", project.as_str()), (&format!("models/{name}_model.sql"), &model)];
        self.add_archive(package, version, archive(&format!("{name}-{version}"), &files), more);
    }

    /// A version of a package whose archive has these bytes. `more` goes into what the hub says of the version.
    pub fn add_archive(&mut self, package: &str, version: &str, bytes: Vec<u8>, more: Json) {
        let name = package.rsplit('/').next().unwrap_or(package);
        let sha1: String = Sha1::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let url = self.page(&format!("files/{package}/{version}.tar.gz"), 200, bytes);
        let mut entry = json!({
            "name": name, "version": version, "packages": [], "require_dbt_version": [],
            "downloads": {"tarball": url, "format": "tgz", "sha1": sha1},
        });
        if let (Some(entry), Json::Object(more)) = (entry.as_object_mut(), more) {
            entry.extend(more);
        }
        self.packages.entry(package.to_owned()).or_default().insert(version.to_owned(), entry);
        let names: Vec<&String> = self.packages.keys().collect();
        self.page("api/v1/index.json", 200, json!(names).to_string());
        let all =
            json!({"name": name, "namespace": package.split('/').next(), "versions": self.packages[package]});
        self.page(&format!("api/v1/{package}.json"), 200, all.to_string());
    }
}

fn answer(mut stream: TcpStream, pages: &Pages, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        let mut headers = String::new();
        while reader.read_line(&mut headers).unwrap_or(0) > 2 {
            if headers.ends_with("\r\n\r\n") {
                break;
            }
        }
        let authorized = headers.to_lowercase().contains("authorization: basic");
        asked.lock().expect("the log").push(format!("{path}{}", if authorized { " authorized" } else { "" }));
        let (status, body) =
            pages.lock().expect("pages").get(&path).cloned().unwrap_or((404, b"nothing".to_vec()));
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
            return;
        }
    }
}
