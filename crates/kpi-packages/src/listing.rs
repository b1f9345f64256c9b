//! Packages that are wanted, each once: what several ask of the same package is brought together.

use indexmap::IndexMap;
use kpi_diagnostics::Diagnostic;
use kpi_project::{PackageSource, PackageSpec, VersionBound};

use crate::http::without_credentials;

const KIND: &str = "Runtime Error";

/// A package that is wanted, before its version is chosen.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) kind: RequestKind,
    /// Who asks first: for messages.
    pub(crate) spec: PackageSpec,
}

#[derive(Debug, Clone)]
pub(crate) enum RequestKind {
    Hub {
        package: String,
        bounds: Vec<VersionBound>,
        install_prerelease: bool,
    },
    Git {
        url: String,
        unrendered: String,
        revisions: Vec<String>,
        warn_unpinned: bool,
        subdirectory: Option<String>,
    },
    Local {
        path: String,
    },
    Tarball {
        url: String,
        unrendered: String,
        name: String,
    },
}

impl Request {
    fn of(spec: &PackageSpec) -> Result<Self, Diagnostic> {
        let kind = match &spec.source {
            PackageSource::Hub { package, versions, install_prerelease } => {
                let bounds: Result<Vec<VersionBound>, Diagnostic> = versions
                    .iter()
                    .map(|text| {
                        VersionBound::parse(text).ok_or_else(|| {
                            Diagnostic::error("K0233", KIND, format!("\"{text}\" is not a valid semantic version."))
                                .with_span(spec.span.clone())
                                .with_hint(
                                    "a version has three numbers: 1.3.0; a range is a list of bounds: [\">=1.0.0\", \
                                     \"<2.0.0\"]",
                                )
                        })
                    })
                    .collect();
                RequestKind::Hub {
                    package: package.clone(),
                    bounds: bounds?,
                    install_prerelease: *install_prerelease,
                }
            }
            PackageSource::Git { url, unrendered, revision, warn_unpinned, subdirectory } => {
                RequestKind::Git {
                    url: url.clone(),
                    unrendered: unrendered.clone(),
                    revisions: revision.iter().cloned().collect(),
                    warn_unpinned: *warn_unpinned,
                    subdirectory: subdirectory.clone(),
                }
            }
            PackageSource::Local { path } => RequestKind::Local { path: path.clone() },
            PackageSource::Tarball { url, unrendered, name } => {
                RequestKind::Tarball { url: url.clone(), unrendered: unrendered.clone(), name: name.clone() }
            }
            PackageSource::Private { repository } => {
                return Err(Diagnostic::error(
                    "K0236",
                    KIND,
                    format!(
                        "Cannot resolve private package {repository} because git provider integration is missing. \
                         Please use a \"git\" package instead."
                    ),
                )
                .with_span(spec.span.clone())
                .with_hint("write it as `- git: https://...` with a `revision:`; a token may come from env_var()"));
            }
        };
        Ok(Self { kind, spec: spec.clone() })
    }

    /// The names by which the same package may be listed.
    fn names(&self) -> Vec<String> {
        match &self.kind {
            RequestKind::Hub { package, .. } => vec![package.clone()],
            RequestKind::Local { path } => vec![path.clone()],
            RequestKind::Tarball { url, .. } => vec![url.clone()],
            RequestKind::Git { url, subdirectory, .. } => {
                let other = url.strip_suffix(".git").map_or_else(|| format!("{url}.git"), str::to_owned);
                let below = subdirectory.as_ref().map(|s| format!("/{s}")).unwrap_or_default();
                vec![format!("{url}{below}"), format!("{other}{below}")]
            }
        }
    }

    /// What messages call it.
    pub(crate) fn shown(&self) -> String {
        match &self.kind {
            RequestKind::Hub { package, .. } => package.clone(),
            RequestKind::Local { path } => path.clone(),
            RequestKind::Tarball { name, .. } => name.clone(),
            RequestKind::Git { url, subdirectory, .. } => git_name(url, subdirectory.as_deref()),
        }
    }

    /// Adds what another one asks of the same package.
    fn incorporate(&mut self, other: &Self) -> Result<(), Diagnostic> {
        match (&mut self.kind, &other.kind) {
            (RequestKind::Hub { bounds, .. }, RequestKind::Hub { bounds: more, .. }) => {
                bounds.extend(more.iter().cloned());
            }
            (
                RequestKind::Git { revisions, warn_unpinned, .. },
                RequestKind::Git { revisions: more, warn_unpinned: warn, .. },
            ) => {
                for revision in more {
                    if !revisions.contains(revision) {
                        revisions.push(revision.clone());
                    }
                }
                *warn_unpinned &= *warn;
            }
            (RequestKind::Local { .. }, RequestKind::Local { .. })
            | (RequestKind::Tarball { .. }, RequestKind::Tarball { .. }) => {}
            _ => {
                return Err(Diagnostic::error(
                    "K0237",
                    KIND,
                    format!("'{}' is asked for from two kinds of sources: mismatched types", other.shown()),
                )
                .with_span(other.spec.span.clone())
                .with_related(self.spec.span.clone(), "the other one")
                .with_hint("take it from one of the two"));
            }
        }
        Ok(())
    }
}

/// A repository, and a folder in it.
pub(crate) fn git_name(url: &str, subdirectory: Option<&str>) -> String {
    let url = without_credentials(url);
    match subdirectory {
        Some(folder) => format!("{url}/{folder}"),
        None => url,
    }
}

/// Requests by package, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    requests: IndexMap<String, Request>,
}

impl Listing {
    pub(crate) fn of(specs: &[PackageSpec]) -> Result<Self, Diagnostic> {
        let mut listing = Self::default();
        listing.add_all(specs)?;
        Ok(listing)
    }

    pub(crate) fn add_all(&mut self, specs: &[PackageSpec]) -> Result<(), Diagnostic> {
        specs.iter().try_for_each(|spec| self.add(&Request::of(spec)?).map(drop))
    }

    /// Adds a request; gives the whole that is now asked of that package.
    pub(crate) fn add(&mut self, request: &Request) -> Result<&Request, Diagnostic> {
        let names = request.names();
        let known = names.iter().find(|name| self.requests.contains_key(*name));
        let name = known.or_else(|| names.first()).cloned().unwrap_or_default();
        match self.requests.entry(name) {
            indexmap::map::Entry::Occupied(mut entry) => {
                entry.get_mut().incorporate(request)?;
                Ok(entry.into_mut())
            }
            indexmap::map::Entry::Vacant(entry) => Ok(entry.insert(request.clone())),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.values()
    }
}
