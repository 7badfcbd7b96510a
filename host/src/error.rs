//! Everything that can go wrong between the host and a library.

use std::fmt;
use std::path::{Path, PathBuf};

/// An exchange that did not happen, or a library that was not opened. Each variant has a stable [`code`](Self::code).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The call was cancelled.
    Aborted,
    /// The message needs `required` bytes, more than the buffer has.
    BufferTooSmall {
        /// The library's file.
        path: PathBuf,
        /// The size that is needed, in bytes.
        required: u32,
    },
    /// Not an absolute path.
    LibraryPath {
        /// The library's file.
        path: PathBuf,
    },
    /// The file does not exist, or cannot be reached.
    LibraryNotFound {
        /// The library's file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
        /// The path given was inside an archive; the file was looked up beside the archive.
        unpacked: bool,
    },
    /// The system's loader refuses the file.
    LibraryLoad {
        /// The library's file.
        path: PathBuf,
        /// The system's reason.
        source: libloading::Error,
    },
    /// A directory, a pipe or a device. Opening a pipe would block until another process opens it for writing.
    LibraryNotFile {
        /// The library's file.
        path: PathBuf,
    },
    /// The file is shorter than its headers describe. Loading it could end the process.
    LibraryTruncated {
        /// The library's file.
        path: PathBuf,
        /// The length of the file, in bytes.
        len: u64,
        /// The length that its headers describe.
        needed: u64,
    },
    /// The file has its full length, but parts of it are zeros: it is still being written.
    LibraryHole {
        /// The library's file.
        path: PathBuf,
        /// What is damaged.
        what: &'static str,
    },
    /// Another copy of the addon in this process, `owner`, uses the library.
    LibraryClaimed {
        /// The library's file.
        path: PathBuf,
        /// The other copy's file.
        owner: PathBuf,
    },
    /// The file is not the one that was loaded from this path.
    LibraryChanged {
        /// The library's file.
        path: PathBuf,
    },
    /// A required function is missing.
    LibrarySymbol {
        /// The library's file.
        path: PathBuf,
        /// The function's name.
        symbol: &'static str,
    },
    /// The library was built for another version of the C ABI.
    LibraryAbi {
        /// The library's file.
        path: PathBuf,
        /// The library's version.
        library: u32,
        /// This host's version.
        host: u32,
    },
    /// The library's count is above the longest possible message.
    LibraryCount {
        /// The library's file.
        path: PathBuf,
        /// The count, in bytes.
        count: i64,
    },
    /// The library returned a negative status.
    LibraryFailed {
        /// The library's file.
        path: PathBuf,
        /// The status.
        status: i64,
        /// The library's description of the status.
        message: Option<String>,
    },
    /// The library takes one call at a time, and one is running.
    LibraryBusy {
        /// The library's file.
        path: PathBuf,
    },
    /// The system cannot start a thread for the library's asynchronous calls.
    LibraryThread {
        /// The library's file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// The `code` of the JavaScript error: stable, and meant for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Aborted => "ABORT_ERR",
            Self::BufferTooSmall { .. } => "ERR_BUFFER_TOO_SMALL",
            Self::LibraryPath { .. } => "ERR_LIBRARY_PATH",
            Self::LibraryNotFound { .. } => "ERR_LIBRARY_NOT_FOUND",
            Self::LibraryLoad { .. }
            | Self::LibraryNotFile { .. }
            | Self::LibraryTruncated { .. }
            | Self::LibraryHole { .. }
            | Self::LibraryChanged { .. } => "ERR_LIBRARY_LOAD",
            Self::LibraryClaimed { .. } => "ERR_LIBRARY_CLAIMED",
            Self::LibrarySymbol { .. } => "ERR_LIBRARY_SYMBOL",
            Self::LibraryAbi { .. } => "ERR_LIBRARY_ABI",
            Self::LibraryCount { .. } => "ERR_LIBRARY_COUNT",
            Self::LibraryFailed { .. } => "ERR_LIBRARY_FAILED",
            Self::LibraryBusy { .. } => "ERR_LIBRARY_BUSY",
            Self::LibraryThread { .. } => "ERR_LIBRARY_THREAD",
        }
    }

    /// The file of the library that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Aborted => None,
            Self::BufferTooSmall { path, .. }
            | Self::LibraryPath { path }
            | Self::LibraryNotFound { path, .. }
            | Self::LibraryLoad { path, .. }
            | Self::LibraryNotFile { path }
            | Self::LibraryTruncated { path, .. }
            | Self::LibraryHole { path, .. }
            | Self::LibraryClaimed { path, .. }
            | Self::LibraryChanged { path }
            | Self::LibrarySymbol { path, .. }
            | Self::LibraryAbi { path, .. }
            | Self::LibraryCount { path, .. }
            | Self::LibraryFailed { path, .. }
            | Self::LibraryBusy { path }
            | Self::LibraryThread { path, .. } => Some(path),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborted => f.write_str("The exchange was aborted."),
            Self::BufferTooSmall { path, required } => write!(
                f,
                "The message of {} needs {required} bytes, more than the buffer has. Call again with a buffer of that \
                 size.",
                path.display(),
            ),
            Self::LibraryPath { path } if path.as_os_str().as_encoded_bytes().contains(&0) => {
                write!(
                    f,
                    "The path {path:?} contains a NUL, which the system takes for its end. Remove the NUL."
                )
            }
            Self::LibraryPath { path } => write!(
                f,
                "A library is named by its absolute path, and {path:?} is not absolute. A relative path is searched \
                 for in folders where other users may put a file of that name (search-order hijacking). Join it to a \
                 folder that you trust, as in path.join(__dirname, ...).",
            ),
            Self::LibraryNotFound { path, source, unpacked } => {
                write!(f, "There is no library at {}: {source}. ", path.display())?;
                f.write_str(if *unpacked {
                    "The path is inside app.asar, and the file was looked up in app.asar.unpacked, because the system \
                     cannot load a library from an archive: have your packager unpack it (asarUnpack)."
                } else {
                    "Build it, or correct the path."
                })
            }
            // libloading's own message lacks the system's reason, which is its source.
            Self::LibraryLoad { path, source } => {
                write!(f, "The system could not load {}: {source}", path.display())?;
                let mut cause = std::error::Error::source(source);
                while let Some(reason) = cause {
                    write!(f, ": {reason}")?;
                    cause = reason.source();
                }
                f.write_str(
                    ". Check that it is a dynamic library, built for this system and complete, that it was linked \
                     with the libraries it calls, and that those are installed or in the library's folder.",
                )
            }
            Self::LibraryNotFile { path } => write!(
                f,
                "The system could not load {}: it is a directory, a pipe or a device. Name the library's file.",
                path.display(),
            ),
            Self::LibraryTruncated { path, len, needed } => write!(
                f,
                "The system could not load {}: file too short: it has {len} bytes, and its headers describe {needed}. \
                 Build or copy it again.",
                path.display(),
            ),
            Self::LibraryHole { path, what } => write!(
                f,
                "The system could not load {}: file incomplete: {what}, as in a file that is still being written. Wait \
                 until it is complete, or build or copy it again.",
                path.display(),
            ),
            Self::LibraryClaimed { path, owner } => write!(
                f,
                "{} is in use by another copy of this addon in the same process, {}. The copies cannot \
                 serialise their calls with each other's, and the library may need its calls one at a time. Use one \
                 copy: npm ls inplace-exchange lists them, npm dedupe may reduce them to one.",
                path.display(),
                owner.display(),
            ),
            Self::LibraryChanged { path } => write!(
                f,
                "{} has changed since it was loaded, and a library stays loaded for the life of the process. Restart \
                 the app to run the new build.",
                path.display(),
            ),
            Self::LibrarySymbol { path, symbol } => write!(
                f,
                "{} does not export {symbol}, which this addon calls. If the library is meant for it, export the \
                 function with C linkage, as exchange.h declares it.",
                path.display(),
            ),
            Self::LibraryAbi { path, library, host } => write!(
                f,
                "{} was built for version {library} of the C ABI in exchange.h, and this addon supports version \
                 {host}. Build it against this addon's header.",
                path.display(),
            ),
            Self::LibraryCount { path, count } => write!(
                f,
                "{} returned {count} bytes, above the limit of 2147483647. A function that returns a 32-bit int does \
                 this with a negative status: exchange_inplace returns int64_t.",
                path.display(),
            ),
            Self::LibraryFailed {
                path,
                status,
                message: Some(message),
            } => {
                write!(f, "{} failed with status {status}: {message}", path.display())
            }
            Self::LibraryFailed {
                path,
                status,
                message: None,
            } => {
                write!(
                    f,
                    "{} failed with status {status}, and gives no reason.",
                    path.display()
                )
            }
            Self::LibraryBusy { path } => write!(
                f,
                "{} takes one call at a time, and one is running on another thread. Call again when that has ended.",
                path.display(),
            ),
            Self::LibraryThread { path, source } => write!(
                f,
                "No thread could be started for the asynchronous calls of {}: {source}. Call again when the process has \
                 fewer threads or more memory.",
                path.display(),
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::LibraryNotFound { source, .. } => Some(source),
            Self::LibraryLoad { source, .. } => Some(source),
            Self::LibraryThread { source, .. } => Some(source),
            _ => None,
        }
    }
}
