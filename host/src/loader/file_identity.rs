//! Identifies the file at a path, and detects whether it is still the file that was loaded.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::Error;
use crate::locate;

/// A file: its real path, its inode on Unix, and its time of modification and length, which change with its content.
#[derive(Clone, Debug)]
pub(crate) struct FileIdentity {
    /// Absolute, without links, and without the prefix `\\?\` unless Windows needs it.
    pub(crate) path: PathBuf,
    /// Device and inode: the same for every name of one file. Stable Rust has no equivalent on Windows.
    #[cfg(unix)]
    inode: (u64, u64),
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
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            path,
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino()),
            modified: metadata.modified().ok(),
            len: metadata.len(),
        }
    }

    /// Whether the system's loader would treat both as one file: they have the same path or inode.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        #[cfg(unix)]
        if self.inode == other.inode {
            return true;
        }
        self.path == other.path
    }

    /// Whether the file still has the same content, as far as its metadata shows.
    pub(crate) fn is_unchanged(&self, now: &Self) -> bool {
        #[cfg(unix)]
        if self.inode != now.inode {
            return false;
        }
        self.modified == now.modified && self.len == now.len
    }
}
