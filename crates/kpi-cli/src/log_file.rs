//! The log file: everything that happened, also what the terminal does not show, rotated by size.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// How many lines are kept before the file is known; a project that does not load needs no more.
const PENDING_LINES: usize = 10_000;

/// The log file with its rotation. Lines wait until it is opened.
pub enum LogFile {
    /// Not opened yet: the lines so far.
    Waiting(Vec<String>),
    /// Opened.
    Open {
        /// Where.
        path: PathBuf,
        /// `None`: it cannot be written.
        file: Option<File>,
        /// Bytes in it.
        written: u64,
        /// Bytes after which it is rotated; 0: never.
        limit: u64,
    },
    /// No log is wanted.
    Off,
}

impl LogFile {
    /// Opens the file and writes the lines that waited. A folder that cannot be written costs the log, not the run.
    pub fn open(&mut self, path: PathBuf, limit: u64) {
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).ok();
        let written = file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
        let waiting = match std::mem::replace(self, Self::Open { path, file, written, limit }) {
            Self::Waiting(lines) => lines,
            _ => Vec::new(),
        };
        for line in waiting {
            self.line(&line);
        }
    }

    /// Whether lines go anywhere.
    pub fn wanted(&self) -> bool {
        !matches!(self, Self::Off | Self::Open { file: None, .. })
    }

    /// Adds a line.
    pub fn line(&mut self, line: &str) {
        match self {
            Self::Off => {}
            Self::Waiting(lines) if lines.len() < PENDING_LINES => lines.push(line.to_owned()),
            Self::Waiting(_) => {}
            Self::Open { path, file, written, limit } => {
                if *limit > 0 && *written > *limit {
                    let mut rotated = path.clone().into_os_string();
                    rotated.push(".1");
                    *file = None;
                    let _ = std::fs::rename(&*path, rotated);
                    *file = File::create(&*path).ok();
                    *written = 0;
                }
                if let Some(file) = file {
                    // One write for a line: lines of several processes do not mix.
                    let _ = file.write_all(format!("{line}\n").as_bytes());
                    *written += line.len() as u64 + 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_for_the_file_and_a_full_file_is_rotated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/kpi.log");
        let mut log = LogFile::Waiting(Vec::new());
        log.line("first");
        log.open(path.clone(), 10);
        log.line("second");
        log.line("third");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "third\n");
        assert_eq!(std::fs::read_to_string(folder.path().join("logs/kpi.log.1")).unwrap(), "first\nsecond\n");
    }
}
