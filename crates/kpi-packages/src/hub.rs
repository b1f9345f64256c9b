//! The package hub: which packages there are, in which versions, and where each version lies.

use crate::http::{Answer, Http};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level, nearest};
use kpi_project::{EMULATED_DBT_VERSION, VersionBound, VersionRange};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

const KIND: &str = "Runtime Error";

/// Where packages are looked for unless another hub is named.
pub const DEFAULT_HUB: &str = "https://hub.getdbt.com/";

/// A package with all of its versions.
#[derive(Debug, Deserialize)]
pub(crate) struct HubPackage {
    name: String,
    namespace: Option<String>,
    redirectname: Option<String>,
    redirectnamespace: Option<String>,
    versions: IndexMap<String, HubVersion>,
}

/// A version of a package.
#[derive(Debug, Deserialize, Clone)]
pub(crate) struct HubVersion {
    /// The project's name.
    pub(crate) name: String,
    /// What it needs, as its own `packages.yml` has it.
    #[serde(default)]
    pub(crate) packages: Json,
    #[serde(default)]
    require_dbt_version: Json,
    /// Where it lies.
    pub(crate) downloads: Downloads,
}

/// Where a version lies.
#[derive(Debug, Deserialize, Clone)]
pub(crate) struct Downloads {
    /// Its address.
    pub(crate) tarball: String,
    /// What the hub says of its bytes.
    pub(crate) sha1: Option<String>,
}

impl HubVersion {
    /// Whether the version of dbt whose behaviour kpi has will do. What is no bound does not stand in the way.
    fn is_compatible(&self) -> bool {
        let texts: Vec<&str> = match &self.require_dbt_version {
            Json::String(text) => vec![text],
            Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let bounds = texts.iter().filter(|t| !t.is_empty()).filter_map(|text| VersionBound::parse(text));
        let ours = VersionBound::parse(EMULATED_DBT_VERSION);
        VersionRange::of(&ours.into_iter().chain(bounds).collect::<Vec<_>>()).is_some()
    }
}

/// What was chosen of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) version: String,
    /// The latest that could have been chosen had there been no bounds.
    pub(crate) latest: String,
}

/// The hub, with what it was asked already.
pub(crate) struct Hub<'a> {
    http: &'a Http,
    sink: &'a dyn EventSink,
    base: String,
    version_check: bool,
    index: Mutex<Option<Arc<Vec<String>>>>,
    packages: Mutex<HashMap<String, Arc<HubPackage>>>,
}

impl<'a> Hub<'a> {
    pub(crate) fn new(http: &'a Http, sink: &'a dyn EventSink, base: &str, version_check: bool) -> Self {
        let base = if base.ends_with('/') { base.to_owned() } else { format!("{base}/") };
        Self { http, sink, base, version_check, index: Mutex::default(), packages: Mutex::default() }
    }

    /// The version of a package that is within all bounds.
    pub(crate) fn choose(
        &self,
        package: &str,
        bounds: &[VersionBound],
        install_prerelease: bool,
    ) -> Result<Choice, Diagnostic> {
        self.check_index(package)?;
        let Some(range) = VersionRange::of(bounds) else {
            let shown: Vec<String> = bounds.iter().map(|b| format!("'{}'", b.shown())).collect();
            return Err(Diagnostic::error(
                "K0233",
                KIND,
                format!(
                    "Version error for package {package}: Could not find a satisfactory version from options: [{}]",
                    shown.join(", ")
                ),
            )
            .with_hint("the project and its packages ask for versions that exclude each other: widen one of the bounds"));
        };
        let found = self.package(package)?;
        let prereleases = install_prerelease || bounds.iter().any(VersionBound::is_prerelease);
        let mut installable: Vec<(VersionBound, &str)> = found
            .versions
            .iter()
            .filter(|(_, version)| !self.version_check || version.is_compatible())
            .filter_map(|(text, _)| Some((VersionBound::parse(text)?, text.as_str())))
            .filter(|(version, _)| prereleases || !version.is_prerelease())
            .collect();
        installable.sort_by(|(a, _), (b, _)| a.order(b));
        let mut chosen: Option<&(VersionBound, &str)> = None;
        for candidate in &installable {
            let higher = chosen.is_none_or(|(version, _)| version.order(&candidate.0) == Ordering::Less);
            if higher && range.admits(&candidate.0) {
                chosen = Some(candidate);
            }
        }
        match (chosen, installable.last()) {
            (Some((_, version)), Some((_, latest))) => {
                Ok(Choice { version: (*version).to_owned(), latest: (*latest).to_owned() })
            }
            _ => Err(self.no_version(package, &range, &installable)),
        }
    }

    fn no_version(&self, package: &str, range: &VersionRange, found: &[(VersionBound, &str)]) -> Diagnostic {
        let shown: Vec<String> = found.iter().map(|(_, text)| format!("'{text}'")).collect();
        let mut message = format!(
            "Could not find a matching compatible version for package {package}\n  Requested range: {}\n  Compatible \
             versions: [{}]",
            range.shown(),
            shown.join(", ")
        );
        let error = |message: String| Diagnostic::error("K0233", KIND, message);
        if self.version_check {
            message.push_str(
                "\n\n  Not shown: package versions incompatible with installed version of dbt-core",
            );
            return error(message).with_hint(format!(
                "kpi behaves as dbt {EMULATED_DBT_VERSION}; to see versions for others too, run `kpi deps \
                 --no-version-check`"
            ));
        }
        error(message).with_hint("ask for a version that there is")
    }

    /// A version that was chosen.
    pub(crate) fn version(&self, package: &str, version: &str) -> Result<HubVersion, Diagnostic> {
        let found = self.package(package)?;
        found.versions.get(version).cloned().ok_or_else(|| {
            Diagnostic::error("K0233", KIND, format!("The package hub has no version {version} of {package}"))
                .with_hint("`kpi deps --upgrade` chooses anew")
        })
    }

    fn check_index(&self, package: &str) -> Result<(), Diagnostic> {
        let mut index = self.index.lock();
        let known = match &*index {
            Some(known) => known.clone(),
            None => {
                let url = format!("{}api/v1/index.json", self.base);
                let text =
                    self.ask(&url, "RegistryIndexProgressGETRequest", "RegistryIndexProgressGETResponse")?;
                let known: Vec<String> = match text.map(|text| serde_json::from_str(&text)) {
                    Some(Ok(names)) => names,
                    Some(Err(error)) => return Err(unexpected(&url, &error.to_string())),
                    None => return Err(unexpected(&url, "it has no index")),
                };
                index.insert(Arc::new(known)).clone()
            }
        };
        drop(index);
        if known.iter().any(|name| name == package) {
            return Ok(());
        }
        let error =
            Diagnostic::error("K0232", KIND, format!("Package {package} was not found in the package index"));
        Err(match nearest(package, known.iter().map(String::as_str)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error.with_hint(format!("the index is that of {}", self.base)),
        })
    }

    fn package(&self, package: &str) -> Result<Arc<HubPackage>, Diagnostic> {
        if let Some(found) = self.packages.lock().get(package) {
            return Ok(found.clone());
        }
        let url = format!("{}api/v1/{package}.json", self.base);
        let Some(text) = self.ask(&url, "RegistryProgressGETRequest", "RegistryProgressGETResponse")? else {
            return Err(unexpected(&url, "it does not know the package"));
        };
        let found: HubPackage =
            serde_json::from_str(&text).map_err(|error| unexpected(&url, &error.to_string()))?;
        let mut packages = self.packages.lock();
        if let Some(other) = packages.get(package) {
            return Ok(other.clone());
        }
        self.tell_redirect(package, &found);
        Ok(packages.entry(package.to_owned()).or_insert(Arc::new(found)).clone())
    }

    fn tell_redirect(&self, package: &str, found: &HubPackage) {
        let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        if found.redirectname.is_none() && found.redirectnamespace.is_none() {
            return;
        }
        let namespace =
            given(&found.redirectnamespace).or_else(|| found.namespace.clone()).unwrap_or_default();
        let name = given(&found.redirectname).unwrap_or_else(|| found.name.clone());
        let new = format!("{namespace}/{name}");
        self.sink.emit(
            Event::new(
                "PackageRedirectDeprecation",
                Level::Warn,
                format!(
                    "[WARNING]: Deprecated functionality\nThe package `{package}` has moved: write `{new}` in \
                     packages.yml instead."
                ),
            )
            .with("old_name", package)
            .with("new_name", new),
        );
    }

    /// What the hub answers; nothing if there is no such page.
    fn ask(
        &self,
        url: &str,
        asking: &'static str,
        asked: &'static str,
    ) -> Result<Option<String>, Diagnostic> {
        let shown = crate::http::without_credentials(url);
        let tell = |name: &'static str, message: String, data: Json| {
            let mut event = Event::new(name, Level::Debug, message);
            if let Json::Object(data) = data {
                event.data = data;
            }
            self.sink.emit(event);
        };
        tell(asking, format!("Making package registry request: GET {shown}"), json!({"url": shown}));
        let answer = self.http.text(url)?;
        let status = match &answer {
            Answer::Found(_) => 200,
            Answer::Refused(status) => *status,
        };
        tell(
            asked,
            format!("Response from registry: GET {shown} {status}"),
            json!({"url": shown, "resp_code": status}),
        );
        match answer {
            Answer::Found(text) => Ok(Some(text)),
            Answer::Refused(404 | 410) => Ok(None),
            Answer::Refused(status) => Err(unexpected(url, &format!("status {status}"))),
        }
    }
}

fn unexpected(url: &str, reason: &str) -> Diagnostic {
    let shown = crate::http::without_credentials(url);
    Diagnostic::error(
        "K0231",
        KIND,
        format!("The package hub gave no answer that can be used: {shown}: {reason}"),
    )
    .with_hint("DBT_PACKAGE_HUB_URL names the hub: is it one?")
}
