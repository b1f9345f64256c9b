//! Unpacks `.tar.gz` archives of strangers: nothing outside of the folder, no devices, no more than is allowed.
//!
//! Files are written before links, so that nothing is ever written through a link of the archive; a link is made only
//! when what it names lies within the folder.

use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, Entry, EntryType};

/// How much may be unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of all files together.
    pub(crate) bytes: u64,
    /// Files, folders and links.
    pub(crate) entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 2 << 30, entries: 200_000 }
    }
}

/// Why an archive is not unpacked, as the end of a sentence.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self(format!("it cannot be unpacked: {error}"))
    }
}

/// Unpacks `archive` into the folder `target`, which must be there and empty.
pub(crate) fn unpack(archive: &Path, target: &Path, limits: Limits) -> Result<(), Refusal> {
    let file = BufReader::new(File::open(archive)?);
    let mut unpacking = Unpacking { target, bytes_left: limits.bytes, links: Vec::new() };
    let mut entries = 0usize;
    for entry in Archive::new(MultiGzDecoder::new(file)).entries()? {
        entries += 1;
        if entries > limits.entries {
            return Err(Refusal(format!("it has more than {} entries", limits.entries)));
        }
        unpacking.entry(entry?)?;
    }
    if entries == 0 {
        return Err(Refusal("it is empty".to_owned()));
    }
    unpacking.links()
}

struct Unpacking<'a> {
    target: &'a Path,
    bytes_left: u64,
    /// Places and targets of symbolic links.
    links: Vec<(PathBuf, PathBuf)>,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), Refusal> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            return Ok(());
        }
        let path = entry.path()?.into_owned();
        let place = inside(&path)?;
        if place.as_os_str().is_empty() {
            return Ok(());
        }
        let full = self.target.join(&place);
        match kind {
            EntryType::Directory => fs::create_dir_all(&full)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                make_parent(&full)?;
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
                let mut file = File::create(&full)?;
                let mut limited = (&mut entry).take(self.bytes_left.saturating_add(1));
                let written = io::copy(&mut limited, &mut file)?;
                self.bytes_left = self
                    .bytes_left
                    .checked_sub(written)
                    .ok_or_else(|| Refusal("it is larger than a package may be".to_owned()))?;
                set_executable(&file, executable)?;
            }
            EntryType::Link => {
                // A second name of a file that is there already.
                let named = entry.link_name()?.map(|name| name.into_owned()).unwrap_or_default();
                let source = self.target.join(inside(&named)?);
                let size = fs::symlink_metadata(&source)?.len();
                self.bytes_left = self
                    .bytes_left
                    .checked_sub(size)
                    .ok_or_else(|| Refusal("it is larger than a package may be".to_owned()))?;
                make_parent(&full)?;
                fs::copy(source, full)?;
            }
            EntryType::Symlink => {
                let named = entry.link_name()?.map(|name| name.into_owned()).unwrap_or_default();
                self.links.push((place, named));
            }
            _ => return Err(Refusal(format!("'{}' in it is neither a file nor a folder", path.display()))),
        }
        Ok(())
    }

    /// Makes the links at last.
    fn links(self) -> Result<(), Refusal> {
        let root = self.target.canonicalize()?;
        for (place, named) in &self.links {
            let outside = || {
                Refusal(format!(
                    "the link '{}' in it leads out of the package: {}",
                    place.display(),
                    named.display()
                ))
            };
            let parent = place.parent().unwrap_or(Path::new(""));
            if !lexically_inside(parent, named) {
                return Err(outside());
            }
            let full = self.target.join(place);
            make_parent(&full)?;
            // The folder of the link may itself be reached by a link that was made before.
            let folder = full.parent().unwrap_or(self.target).canonicalize()?;
            if !folder.starts_with(&root) {
                return Err(outside());
            }
            match folder.join(named).canonicalize() {
                Ok(real) if real.starts_with(&root) => link(&real, named, &full)?,
                Ok(_) => return Err(outside()),
                // A link to nothing serves nobody.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn link(_: &Path, named: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(named, place)
}

/// Where links need a privilege, what they name is copied.
#[cfg(not(unix))]
fn link(real: &Path, _: &Path, place: &Path) -> io::Result<()> {
    crate::folder::copy(real, place)
}

#[cfg(unix)]
fn set_executable(file: &File, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if executable { file.set_permissions(fs::Permissions::from_mode(0o755)) } else { Ok(()) }
}

#[cfg(not(unix))]
fn set_executable(_: &File, _: bool) -> io::Result<()> {
    Ok(())
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// The path of an entry, if it stays within the folder.
fn inside(path: &Path) -> Result<PathBuf, Refusal> {
    let mut place = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Refusal(format!("'{}' in it lies outside of the package", path.display())));
            }
        }
    }
    Ok(place)
}

/// Whether a link in `folder` to `named` stays within the package, by its letters.
pub(crate) fn lexically_inside(folder: &Path, named: &Path) -> bool {
    let mut depth = folder.components().filter(|part| matches!(part, Component::Normal(_))).count();
    for part in named.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    /// An archive of entries: kind, path, contents or target of a link. Paths are written as they are.
    fn archive(folder: &Path, entries: &[(EntryType, &str, &str)]) -> PathBuf {
        let path = folder.join("a.tar.gz");
        let mut builder = Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (kind, name, text) in entries {
            let mut header = Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.as_gnu_mut().unwrap().linkname[..text.len()].copy_from_slice(text.as_bytes());
            }
            let data = if *kind == EntryType::Regular { text.as_bytes() } else { b"" };
            header.set_size(data.len() as u64);
            header.set_cksum();
            builder.append(&header, data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        path
    }

    fn unpacked(entries: &[(EntryType, &str, &str)]) -> (tempfile::TempDir, Result<(), Refusal>) {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), entries);
        let target = folder.path().join("deep/out");
        fs::create_dir_all(&target).unwrap();
        let result = unpack(&path, &target, Limits { bytes: 1000, entries: 10 });
        (folder, result)
    }

    const FILE: EntryType = EntryType::Regular;
    const LINK: EntryType = EntryType::Symlink;

    #[test]
    fn files_and_links_within_are_unpacked() {
        let (folder, result) = unpacked(&[
            (EntryType::XGlobalHeader, "pax_global_header", ""),
            (LINK, "p/read.md", "docs/a.md"),
            (FILE, "./p/docs/a.md", "hello"),
            (EntryType::Link, "p/second.md", "p/docs/a.md"),
            (LINK, "p/dangling", "nothing"),
        ]);
        result.unwrap();
        let out = folder.path().join("deep/out/p");
        for name in ["read.md", "docs/a.md", "second.md"] {
            assert_eq!(fs::read_to_string(out.join(name)).unwrap(), "hello", "{name}");
        }
        assert!(!out.join("dangling").exists());
    }

    #[test]
    fn nothing_leaves_the_folder() {
        for entries in [
            &[(FILE, "../evil", "x")] as &[_],
            &[(FILE, "/tmp/evil", "x")],
            &[(FILE, "p/../../evil", "x")],
            &[(FILE, "p/a", "x"), (LINK, "p/out", "../../evil")],
            &[(FILE, "p/a", "x"), (LINK, "p/out", "/etc/passwd")],
            &[(FILE, "p/a", "x"), (EntryType::Link, "p/out", "../../a.tar.gz")],
            // Through a link that is harmless by itself.
            &[(FILE, "p/q/a", "x"), (LINK, "d", "p/q"), (LINK, "p/q/e", "../.."), (LINK, "d/f", "e/../..")],
            &[(EntryType::Fifo, "p/pipe", "")],
        ] {
            let (folder, result) = unpacked(entries);
            let refusal = result.expect_err(&format!("{entries:?}"));
            assert!(
                refusal.0.contains("outside")
                    || refusal.0.contains("leads out")
                    || refusal.0.contains("neither"),
                "{refusal:?}"
            );
            assert!(!folder.path().join("evil").exists() && !folder.path().join("deep/evil").exists());
        }
    }

    #[test]
    fn a_file_is_not_written_through_a_link() {
        let (folder, result) = unpacked(&[(LINK, "p/d", "../../.."), (FILE, "p/d/evil", "x")]);
        assert!(result.is_err());
        assert!(!folder.path().join("evil").exists());
    }

    #[test]
    fn there_is_a_limit() {
        let long = "x".repeat(1001);
        let (_folder, result) = unpacked(&[(FILE, "p/a", &long)]);
        assert!(result.unwrap_err().0.contains("larger"));
        let many: Vec<String> = (0..11).map(|n| format!("p/{n}")).collect();
        let entries: Vec<_> = many.iter().map(|name| (FILE, name.as_str(), "x")).collect();
        assert!(unpacked(&entries).1.unwrap_err().0.contains("more than 10 entries"));
        assert!(unpacked(&[]).1.unwrap_err().0.contains("empty"));
    }
}
