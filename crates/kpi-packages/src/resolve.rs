//! From what a project names to every package that it needs, each in one version.

use crate::listing::{Listing, Request};
use crate::source::{Fetcher, Metadata, Pinned};
use kpi_diagnostics::Diagnostic;
use kpi_project::{Dependencies, PackageSpec};

const KIND: &str = "Runtime Error";
/// How many packages are asked for at the same time.
const AT_ONCE: usize = 8;

/// Packages with what their projects say.
pub(crate) type Resolved = Vec<(Pinned, Metadata)>;

/// Finds all packages that the project needs, and what these need in turn.
pub(crate) fn resolve(dependencies: &Dependencies, fetcher: &Fetcher<'_>) -> Result<Resolved, Diagnostic> {
    let mut pending = Listing::of(&dependencies.packages.specs)?;
    let mut all = Listing::default();
    while !pending.is_empty() {
        let mut asked = Vec::new();
        for request in pending.requests() {
            // All that was asked of the package so far counts.
            asked.push(all.add(request)?.clone());
        }
        let found = in_parallel(&asked, |request| {
            let pinned = fetcher.pin(request)?;
            fetcher.metadata(&pinned, request)
        });
        pending = Listing::default();
        for metadata in found {
            pending.add_all(&metadata?.specs)?;
        }
    }
    let requests: Vec<Request> = all.requests().cloned().collect();
    let resolved: Result<Resolved, Diagnostic> =
        in_parallel(&requests, |request| pinned_with_metadata(fetcher, request)).into_iter().collect();
    let resolved = resolved?;
    check_names(&resolved, &dependencies.config.name, &requests)?;
    Ok(resolved)
}

/// The packages of a lock.
pub(crate) fn locked(
    specs: &[PackageSpec],
    dependencies: &Dependencies,
    fetcher: &Fetcher<'_>,
) -> Result<Resolved, Diagnostic> {
    let listing = Listing::of(specs)?;
    let requests: Vec<Request> = listing.requests().cloned().collect();
    let resolved: Result<Resolved, Diagnostic> =
        in_parallel(&requests, |request| pinned_with_metadata(fetcher, request)).into_iter().collect();
    let resolved = resolved?;
    check_names(&resolved, &dependencies.config.name, &requests)?;
    Ok(resolved)
}

fn pinned_with_metadata(fetcher: &Fetcher<'_>, request: &Request) -> Result<(Pinned, Metadata), Diagnostic> {
    let mut pinned = fetcher.pin(request)?;
    let metadata = fetcher.metadata(&pinned, request)?;
    // A tag or a branch may move: the commit is what the lock holds.
    if let (Pinned::Git { wanted, .. }, Some(commit)) = (&mut pinned, &metadata.commit) {
        wanted.revision.clone_from(commit);
    }
    Ok((pinned, metadata))
}

fn check_names(resolved: &Resolved, root: &str, requests: &[Request]) -> Result<(), Diagnostic> {
    for (position, (pinned, metadata)) in resolved.iter().enumerate() {
        let name = &metadata.name;
        let span = requests.get(position).map(|request| request.spec.span.clone());
        let at = |error: Diagnostic| match span.clone() {
            Some(span) => error.with_span(span),
            None => error,
        };
        let earlier = resolved.iter().take(position).position(|(_, other)| other.name == *name);
        if let Some(earlier) = earlier {
            let mut error = at(Diagnostic::error(
                "K0237",
                KIND,
                format!(
                    "Found duplicate project \"{name}\". This occurs when a dependency has the same project name as some \
                     other dependency."
                ),
            ));
            if let Some(other) = requests.get(earlier) {
                error = error.with_related(other.spec.span.clone(), "the other one");
            }
            let (this, other) =
                (pinned.shown(), resolved.get(earlier).map(|(p, _)| p.shown()).unwrap_or_default());
            return Err(
                error.with_hint(format!("'{this}' and '{other}' are both named so: keep one of the two"))
            );
        }
        if *name == *root {
            return Err(at(Diagnostic::error(
                "K0237",
                KIND,
                format!(
                    "Found a dependency with the same name as the root project \"{name}\". Package names must be unique \
                     in a project. Please rename one of these packages."
                ),
            ))
            .with_hint("a project cannot use itself"));
        }
        // The name becomes a folder.
        let harmless = !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\\', '\0']);
        if !harmless {
            return Err(at(Diagnostic::error(
                "K0237",
                KIND,
                format!("Invalid package name '{name}': resolves outside of the packages-install-path"),
            ))
            .with_hint("the name of a package is that of its folder: letters, digits and underscores"));
        }
    }
    Ok(())
}

/// Does something with each of several things, some of them at the same time; the answers keep the order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() < 2 {
        return items.iter().map(work).collect();
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut answers: Vec<(usize, R)> = std::thread::scope(|scope| {
        let take = || {
            let mut mine = Vec::new();
            loop {
                let position = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(item) = items.get(position) else { return mine };
                mine.push((position, work(item)));
            }
        };
        let workers: Vec<_> = (0..AT_ONCE.min(items.len())).map(|_| scope.spawn(take)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    answers.sort_by_key(|(position, _)| *position);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
