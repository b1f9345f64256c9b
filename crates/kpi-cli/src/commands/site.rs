//! The documentation site: `index.html` beside the artifacts, one file with everything in it, and `kpi docs serve`.

use super::write::failed;
use crate::session::{Ending, Failure, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, Level};
use kpi_docs::{PAGE, Server, in_one_file};
use kpi_project::ProjectConfig;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    failed(Diagnostic::error(
        "K0010",
        "Runtime Error",
        format!("{} cannot be written: {error}", path.display()),
    ))
}

/// Writes a file of the site.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let before = path.with_extension("html.new");
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))
        .and_then(|()| std::fs::write(&before, text))
        .and_then(|()| std::fs::rename(&before, path))
        .map_err(|error| unwritable(path, &error))
}

/// Puts the page and the project's assets beside the artifacts.
pub fn write(target: &Path, root: &Path, config: &ProjectConfig) -> Result<(), Failure> {
    put(&target.join("index.html"), PAGE)?;
    for asset in &config.asset_paths {
        let (from, to) = (root.join(asset), target.join(asset));
        // What lies outside of the project is no asset of it, and the target is not to be copied into itself.
        let within =
            Path::new(asset).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !within || !from.exists() || target.starts_with(&from) {
            continue;
        }
        replace(&from, &to).map_err(|error| unwritable(&to, &error))?;
    }
    Ok(())
}

/// A copy of a folder in the place of an older one.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_file() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        // Links are left out: they could lead anywhere.
        if !entry.file_type()?.is_symlink() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Writes `static_index.html`: the page with both artifacts in it.
pub fn write_static(session: &Session, target: &Path) -> Result<PathBuf, Failure> {
    let read = |name: &str| {
        let path = target.join(name);
        std::fs::read_to_string(&path).map_err(|error| {
            Diagnostic::error("K0010", "Runtime Error", format!("{} cannot be read: {error}", path.display()))
                .with_hint("--static packs manifest.json and catalog.json: the first is written unless --no-compile or --no-write-json is given")
        })
    };
    let path = target.join("static_index.html");
    put(&path, &in_one_file(&read("manifest.json")?, &read("catalog.json")?))?;
    let shown = path.display().to_string();
    session.messages.say_with(
        "Note",
        Level::Info,
        format!("Documentation in one file: {shown}"),
        json!({"path": shown}),
    );
    Ok(path)
}

/// `kpi docs serve`
pub fn serve(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = session.dependencies()?;
    let target = match project.config.target_path.as_str() {
        "" => project.root.join("target"),
        path => project.root.join(path),
    };
    if !target.join("manifest.json").is_file() {
        return Err(Diagnostic::error(
            "K0010",
            "Runtime Error",
            format!("There is nothing to serve: {} has no manifest.json", target.display()),
        )
        .with_hint("`kpi docs generate` writes it")
        .into());
    }
    let host = matches.get_one::<String>("host").map_or("127.0.0.1", String::as_str);
    let port = matches.get_one::<u16>("port").copied().unwrap_or(8080);
    let server = Server::bind(host, port, &target, project.config.asset_paths.clone()).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there: choose another one with --port",
            _ => "--host and --port say where to listen",
        };
        Diagnostic::error("K0010", "Runtime Error", format!("Cannot listen on {host}:{port}: {error}"))
            .with_hint(hint)
    })?;
    let port = server.address().map_or(port, |address| address.port());
    let shown = if matches!(host, "" | "0.0.0.0" | "127.0.0.1") { "localhost" } else { host };
    let url = format!("http://{shown}:{port}");
    let messages = &session.messages;
    messages.say("Note", Level::Info, format!("Serving docs at {url}"));
    messages.say("Note", Level::Info, "Press Ctrl+C to exit.");
    if !matches.get_flag("no-browser") {
        open(&url);
    }
    server.run();
    Ok(Ending::Good)
}

/// Shows an address in the user's browser, if there is one.
fn open(url: &str) {
    let (program, words): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let _ = std::process::Command::new(program)
        .args(words)
        .arg(url)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
}
