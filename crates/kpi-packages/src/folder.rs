//! Folders: copied, and put in the place of another one without a moment at which neither is there.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Copies a file or a folder with all that is in it; links are followed.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !fs::metadata(from)?.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Moves a folder; where the two lie on different disks, by copying.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy_as_is(from, to)?;
            fs::remove_dir_all(from)
        }
        other => other,
    }
}

/// As [`copy`], but links stay links.
fn copy_as_is(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?;
    if kind.is_symlink() {
        return symlink(&fs::read_link(from)?, to);
    }
    if !kind.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_as_is(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// A symbolic link to a folder.
pub(crate) fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, place);
    #[cfg(windows)]
    return std::os::windows::fs::symlink_dir(target, place);
    #[cfg(not(any(unix, windows)))]
    return Err(io::Error::from(ErrorKind::Unsupported));
}

/// Deletes a file, a link or a folder; what is not there is deleted already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(kind) if kind.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Puts the contents of `new` in the place of those of `place`. What was there is set aside in `aside` first, and comes
/// back if anything fails.
pub(crate) fn replace(place: &Path, new: &Path, aside: &Path) -> io::Result<()> {
    let is_link = fs::symlink_metadata(place).is_ok_and(|kind| kind.is_symlink());
    // A mount or a link stays what it is; only what is in it changes.
    if !is_link {
        match fs::rename(place, aside) {
            Ok(()) => {
                return fs::rename(new, place).inspect_err(|_| {
                    let _ = fs::rename(aside, place);
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return fs::rename(new, place),
            Err(_) => {}
        }
    }
    fs::create_dir_all(aside)?;
    let mut done: Vec<(PathBuf, PathBuf)> = Vec::new();
    let outcome = (|| {
        for (from, to) in [(place, aside), (new, place)] {
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                let target = to.join(entry.file_name());
                rename(&entry.path(), &target)?;
                done.push((entry.path(), target));
            }
        }
        Ok(())
    })();
    if outcome.is_err() {
        for (before, after) in done.iter().rev() {
            let _ = rename(after, before);
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_replaced_and_a_link_to_one_keeps_being_one() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let make = |folder: &str, file: &str| {
            fs::create_dir_all(path(folder)).unwrap();
            fs::write(path(folder).join(file), file).unwrap();
        };
        make("packages", "old");
        make("new", "one");
        replace(&path("packages"), &path("new"), &path("aside")).unwrap();
        assert!(
            path("packages/one").exists() && !path("packages/old").exists() && path("aside/old").exists()
        );
        make("new", "two");
        fs::rename(path("packages"), path("elsewhere")).unwrap();
        symlink(&path("elsewhere"), &path("packages")).unwrap();
        replace(&path("packages"), &path("new"), &path("aside2")).unwrap();
        assert!(fs::symlink_metadata(path("packages")).unwrap().is_symlink());
        assert!(path("elsewhere/two").exists() && !path("elsewhere/one").exists());
        make("new", "three");
        replace(&path("fresh"), &path("new"), &path("aside3")).unwrap();
        assert!(path("fresh/three").exists());
    }
}
