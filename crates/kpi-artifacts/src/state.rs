//! A state folder: the artifacts of an earlier run, which `state:`, `result:`, `source_status:` and deferral read.

use crate::{BatchResults, time};
use chrono::{DateTime, Utc};
use kpi_diagnostics::Diagnostic;
use kpi_manifest::Manifest;
use kpi_manifest::selection::{Matches, PreviousState};
use kpi_manifest::state::{Comparison, EarlierManifest};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The artifacts of an earlier run, as far as they are there.
#[derive(Debug, Default)]
pub struct State {
    /// The folder as it was named.
    pub folder: PathBuf,
    /// `manifest.json`
    pub manifest: Option<EarlierManifest>,
    /// `run_results.json`
    pub results: Option<EarlierResults>,
    /// Newest row of each source by id; none: it could not be asked.
    sources: Option<Ages>,
    /// The same, of this project's target folder.
    sources_now: Option<Ages>,
    /// `state_modified_compare_more_unrendered_values`
    pub compare_unrendered: bool,
}

type Ages = FxHashMap<String, Option<DateTime<Utc>>>;

/// `run_results.json` of an earlier run.
#[derive(Debug, Deserialize)]
pub struct EarlierResults {
    /// Who made it and when.
    pub metadata: EarlierMetadata,
    /// What came of each node.
    pub results: Vec<EarlierResult>,
    /// Flags of the call.
    #[serde(default)]
    pub args: Map<String, Json>,
}

/// The head of an earlier artifact.
#[derive(Debug, Default, Deserialize)]
pub struct EarlierMetadata {
    /// Address of the schema.
    #[serde(default)]
    pub dbt_schema_version: String,
    /// When it was written.
    #[serde(with = "time::optional", default)]
    pub generated_at: Option<DateTime<Utc>>,
    /// When its call began.
    #[serde(with = "time::optional", default)]
    pub invocation_started_at: Option<DateTime<Utc>>,
}

/// What came of a node in an earlier run.
#[derive(Debug, Deserialize)]
pub struct EarlierResult {
    /// The node.
    pub unique_id: Arc<str>,
    /// `success`, `error`...
    pub status: String,
    /// Batches of a microbatch model.
    #[serde(default)]
    pub batch_results: Option<BatchResults>,
}

#[derive(Deserialize)]
struct EarlierSources {
    results: Vec<EarlierFreshness>,
}

#[derive(Deserialize)]
struct EarlierFreshness {
    unique_id: String,
    #[serde(with = "time::optional", default)]
    max_loaded_at: Option<DateTime<Utc>>,
}

/// An artifact's name and the versions of its schema that are read, the newest last.
struct Kind {
    name: &'static str,
    schema: &'static str,
    versions: std::ops::RangeInclusive<u32>,
}

const MANIFEST: Kind = Kind { name: "manifest.json", schema: "manifest", versions: 4..=12 };
const RESULTS: Kind = Kind { name: "run_results.json", schema: "run-results", versions: 4..=6 };
const SOURCES: Kind = Kind { name: "sources.json", schema: "sources", versions: 3..=3 };

/// The head alone, where the rest may be anything.
#[derive(Deserialize)]
struct Head {
    metadata: Option<HeadMetadata>,
}

#[derive(Deserialize)]
struct HeadMetadata {
    dbt_schema_version: Option<String>,
}

impl Kind {
    /// The version in a schema's address, if it is one that is read.
    fn version(&self, address: &str) -> Option<u32> {
        let rest = address.strip_prefix("https://schemas.getdbt.com/dbt/")?.strip_prefix(self.schema)?;
        let version = rest.strip_prefix("/v")?.strip_suffix(".json")?.parse().ok()?;
        self.versions.contains(&version).then_some(version)
    }

    /// Reads a file and the version of its schema; `None`: it is not there.
    fn read<T: DeserializeOwned>(&self, folder: &Path) -> Result<Option<(T, u32)>, Diagnostic> {
        let path = folder.join(self.name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            // A folder of this name is no artifact.
            Err(_) if path.is_dir() => return Ok(None),
            Err(cause) => {
                let message = format!("Cannot read {}: {cause}", path.display());
                return Err(Diagnostic::error("K0122", "Runtime Error", message));
            }
        };
        let address =
            head(&text).map_err(|cause| broken(&path, &cause))?.and_then(|head| head.dbt_schema_version);
        let Some(version) = address.as_deref().and_then(|address| self.version(address)) else {
            let found = address.map_or_else(|| "nothing".to_owned(), |address| format!("\"{address}\""));
            let expected =
                format!("https://schemas.getdbt.com/dbt/{}/v{}.json", self.schema, self.versions.end());
            let message = format!(
                "Expected a schema version of \"{expected}\" in {}, but found {found}. Are you running with a different \
                 version of dbt?",
                path.display()
            );
            return Err(Diagnostic::error("K0124", "Runtime Error", message).with_hint(format!(
                "versions {} to {} are read",
                self.versions.start(),
                self.versions.end()
            )));
        };
        let content = serde_json::from_slice(&text).map_err(|cause| broken(&path, &cause))?;
        Ok(Some((content, version)))
    }
}

/// The head of an artifact, which usually comes first: then nothing behind it is looked at.
fn head(text: &[u8]) -> serde_json::Result<Option<HeadMetadata>> {
    let rest = text.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let rest = rest.and_then(|rest| rest.strip_prefix(b"\"metadata\"")).map(<[u8]>::trim_ascii_start);
    if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(b":"))
        && let Some(Ok(head)) = serde_json::Deserializer::from_slice(rest).into_iter::<HeadMetadata>().next()
    {
        return Ok(Some(head));
    }
    serde_json::from_slice::<Head>(text).map(|head| head.metadata)
}

fn broken(path: &Path, cause: &serde_json::Error) -> Diagnostic {
    let what = if cause.is_data() { "a value there is not what is expected" } else { "it is not whole JSON" };
    let place = format!("line {}, column {}", cause.line(), cause.column());
    let message = format!("{} is not the artifact that its name says: {what} ({place})", path.display());
    Diagnostic::error("K0123", "Runtime Error", message).with_hint("run the command that makes it again")
}

fn ages(folder: &Path) -> Result<Option<Ages>, Diagnostic> {
    let sources = SOURCES.read::<EarlierSources>(folder)?;
    Ok(sources
        .map(|(sources, _)| sources.results.into_iter().map(|r| (r.unique_id, r.max_loaded_at)).collect()))
}

impl State {
    /// Reads what is there of a folder, which is meant from `root`. `target` is where this project's artifacts are.
    ///
    /// # Errors
    /// A file that cannot be read, or whose schema is of a version that is not known.
    pub fn read(root: &Path, folder: &Path, target: &Path) -> Result<Self, Diagnostic> {
        let path = root.join(folder);
        let manifest = MANIFEST.read::<EarlierManifest>(&path)?;
        let manifest = manifest.map(|(manifest, version)| match version {
            ..10 => manifest.without_metrics(),
            _ => manifest,
        });
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
            results: EarlierResults::read(&path)?,
            sources: ages(&path)?,
            sources_now: ages(target)?,
            compare_unrendered: false,
        })
    }
}

impl EarlierResults {
    /// Reads `run_results.json` of a folder; `None`: it is not there.
    ///
    /// # Errors
    /// It cannot be read, or its schema is of a version that is not known.
    pub fn read(folder: &Path) -> Result<Option<Self>, Diagnostic> {
        Ok(RESULTS.read(folder)?.map(|(results, _)| results))
    }
}

fn missing(message: &str, hint: &str) -> Diagnostic {
    Diagnostic::error("K0707", "Runtime Error", message).with_hint(hint)
}

impl PreviousState for State {
    fn state(&self, manifest: &Manifest, comparison: &str) -> Result<Matches, Diagnostic> {
        let Some(earlier) = &self.manifest else {
            let hint = format!("there is no manifest.json in the state folder {}", self.folder.display());
            return Err(missing("Got a state selector method, but no comparison manifest", &hint));
        };
        Comparison::new(manifest, earlier, self.compare_unrendered).find(comparison)
    }

    fn result(&self, status: &str) -> Result<Vec<Arc<str>>, Diagnostic> {
        let Some(results) = &self.results else {
            let hint = format!("there is no run_results.json in the state folder {}", self.folder.display());
            return Err(missing("No comparison run_results", &hint));
        };
        let matching = results.results.iter().filter(|result| result.status == status);
        Ok(matching.map(|result| result.unique_id.clone()).collect())
    }

    fn source_status(&self, comparison: &str) -> Result<Vec<Arc<str>>, Diagnostic> {
        let Some(earlier) = &self.sources else {
            let message = "No previous state comparison freshness results in sources.json";
            let hint = format!("there is no sources.json in the state folder {}", self.folder.display());
            return Err(missing(message, &hint));
        };
        let Some(now) = &self.sources_now else {
            let message = "No current state comparison freshness results in sources.json";
            return Err(missing(message, "run `kpi source freshness` first"));
        };
        if comparison != "fresher" {
            return Ok(Vec::new());
        }
        // A source that could not be asked is no fresher; one that was not asked before is.
        let fresher = now.iter().filter(|(id, age)| match (age, earlier.get(*id)) {
            (None, _) => false,
            (Some(_), None | Some(None)) => true,
            (Some(now), Some(Some(before))) => now > before,
        });
        Ok(fresher.map(|(id, _)| Arc::from(id.as_str())).collect())
    }
}
