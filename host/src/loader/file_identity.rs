//! Identifies the file at a path, and detects whether it is still the file that was loaded.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Error;
use crate::locate;

/// A file: its real path, its number, and its time of modification and length, which change with its content.
#[derive(Clone, Debug)]
pub(crate) struct FileIdentity {
    /// Absolute, without links, and without the prefix `\\?\` unless Windows needs it.
    pub(crate) path: PathBuf,
    /// Device and inode, or what Windows has in their place: the same for every name of one file. `None` if the system
    /// does not tell.
    number: Option<(u64, u64)>,
    modified: Option<SystemTime>,
    pub(crate) len: u64,
}

impl FileIdentity {
    /// The file at an absolute path. A path inside an archive is looked up beside the archive.
    pub(crate) fn at(path: &Path) -> Result<Self, Box<Error>> {
        if !path.is_absolute() || path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(Box::new(Error::LibraryPath { path: path.into() }));
        }
        let outside = locate::unpacked(path);
        let unpacked = outside != path;
        let not_found = |source| {
            Box::new(Error::LibraryNotFound {
                path: outside.clone(),
                source,
                unpacked,
            })
        };
        let path = dunce::canonicalize(&outside).map_err(not_found)?;
        let metadata = path.metadata().map_err(not_found)?;
        if !metadata.is_file() {
            return Err(Box::new(Error::LibraryNotFile { path }));
        }
        Ok(Self::new(path, &metadata))
    }

    /// The file at a real path.
    pub(crate) fn at_real_path(path: PathBuf) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self::new(path, &metadata))
    }

    fn new(path: PathBuf, metadata: &Metadata) -> Self {
        Self {
            number: number_of(&path, metadata),
            path,
            modified: metadata.modified().ok(),
            len: metadata.len(),
        }
    }

    /// Whether the system's loader would treat both as one file: they have the same path or number.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.path == other.path || self.number.is_some() && self.number == other.number
    }

    /// Whether the file still has the same content, as far as its metadata shows.
    pub(crate) fn is_unchanged(&self, now: &Self) -> bool {
        self.number == now.number && self.modified == now.modified && self.len == now.len
    }
}

#[cfg(unix)]
fn number_of(_path: &Path, metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// Its metadata has the number in nightly Rust alone.
#[cfg(windows)]
fn number_of(path: &Path, _metadata: &Metadata) -> Option<(u64, u64)> {
    let information = winapi_util::file::information(winapi_util::Handle::from_path(path).ok()?).ok()?;
    Some((information.volume_serial_number(), information.file_index()))
}
