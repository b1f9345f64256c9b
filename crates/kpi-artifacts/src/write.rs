//! Writing a file so that nobody sees half of it.

use kpi_diagnostics::Diagnostic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Streams `value` as JSON to `path`: into a temporary file beside it, which is moved there when it is whole. Folders
/// are made as needed.
///
/// # Errors
/// The file cannot be written; what was there before is still there.
pub fn write_json(path: &Path, value: &(impl Serialize + ?Sized)) -> Result<(), Diagnostic> {
    write_with(path, |out| serde_json::to_writer(out, value).map_err(io::Error::from))
}

/// As [`write_json`], for a file of any content.
pub(crate) fn write_with(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Diagnostic> {
    let temporary = temporary_name(path);
    let written = (|| {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        content(&mut out)?;
        out.flush()?;
        drop(out);
        fs::rename(&temporary, path)
    })();
    written.map_err(|cause| {
        // It may never have been made.
        let _ = fs::remove_file(&temporary);
        let message = format!("Cannot write {}: {cause}", path.display());
        Diagnostic::error("K0121", "Runtime Error", message).with_hint(
            "is there space on the disk, and may you write to this folder? --target-path names another",
        )
    })
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("artifact");
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Reads an artifact.
///
/// # Errors
/// The file cannot be read, or is not what its name says.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Diagnostic> {
    let text = fs::read(path).map_err(|cause| {
        Diagnostic::error("K0122", "Runtime Error", format!("Cannot read {}: {cause}", path.display()))
    })?;
    serde_json::from_slice(&text).map_err(|cause| {
        let message = format!("{} is not the artifact that its name says: {cause}", path.display());
        Diagnostic::error("K0123", "Runtime Error", message).with_hint("run the command that makes it again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serializer;

    struct Broken;

    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_whole_leaves_the_old_one() {
        let folder = std::env::temp_dir().join(format!("kpi-artifacts-{}", std::process::id()));
        let path = folder.join("deep/run_results.json");
        write_json(&path, &["old"]).unwrap();
        let error = write_json(&path, &Broken).unwrap_err();
        assert!(error.message.starts_with("Cannot write "), "{}", error.message);
        assert_eq!(read_json::<Vec<String>>(&path).unwrap(), ["old"]);
        assert_eq!(fs::read_dir(folder.join("deep")).unwrap().count(), 1, "no temporary file is left");
        assert!(read_json::<u32>(&path).unwrap_err().message.contains("is not the artifact"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
