//! `kpi deps`: installs the packages that the project names.

use crate::flags;
use crate::session::{Ending, Failure, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::EventSink;
use kpi_packages::{AddedFrom, Addition, DEFAULT_HUB, Options};
use std::sync::Arc;

/// Installs packages, writes their lock, adds one.
pub fn deps(session: &Session, matches: &ArgMatches) -> Outcome {
    let sink: Arc<dyn EventSink> = session.messages.clone();
    let dry_run = matches.get_flag("dry-run");
    let addition = addition(matches)?;
    let mut dependencies = session.dependencies()?;
    if let Some(addition) = &addition {
        kpi_packages::add(&dependencies, addition, dry_run, &*sink)?;
        if dry_run {
            return Ok(Ending::Good);
        }
        dependencies = session.dependencies()?;
    }
    let hub = flags::environment("package_hub_url").unwrap_or_else(|| DEFAULT_HUB.to_owned());
    let secrets = crate::log_lines::secrets();
    let options = Options {
        upgrade: matches.get_flag("upgrade"),
        lock_only: matches.get_flag("lock"),
        dry_run,
        version_check: session.flags.switch("version_check"),
        hub: &hub,
        secrets: &secrets,
        environment: &|name| std::env::var(name).ok(),
    };
    kpi_packages::install(&dependencies, &options, &*sink).map_err(|mut error| {
        error.message = dependencies.reader.hide(&error.message);
        Failure::from(error)
    })?;
    Ok(Ending::Good)
}

fn addition(matches: &ArgMatches) -> Result<Option<Addition>, Failure> {
    let Some(text) = matches.get_one::<String>("add-package") else { return Ok(None) };
    let source = match matches.get_one::<String>("source").map(String::as_str) {
        Some("git") => AddedFrom::Git,
        Some("local") => AddedFrom::Local,
        _ => AddedFrom::Hub,
    };
    Ok(Some(Addition::parse(text, source)?))
}
