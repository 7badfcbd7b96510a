//! Everything that can go wrong between the host and a library.

mod message;

use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// The library has no operation of this name.
    OperationUnknown {
        /// The library's file.
        path: PathBuf,
        /// The name.
        operation: String,
        /// Those that it has.
        known: Vec<String>,
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
    /// The library's own process cannot be started, or has no room for the call.
    ProcessUnavailable {
        /// The library's file.
        path: PathBuf,
        /// The file of the program that is started.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library cannot be loaded into its own process: what that says.
    LibraryRefused {
        /// The library's file.
        path: PathBuf,
        /// The code of the error there.
        code: &'static str,
        /// Its message.
        message: String,
    },
    /// The library's own process has ended during the call, or before it and since the last one.
    LibraryCrashed {
        /// The library's file.
        path: PathBuf,
        /// How it has ended.
        end: ProcessEnd,
        /// How often it was started again within the last minute.
        restarts: usize,
    },
    /// The call took longer than its limit, and the library's own process was ended.
    LibraryTimeout {
        /// The library's file.
        path: PathBuf,
        /// The limit.
        limit: Duration,
    },
    /// The library's own process has ended too often, and is not started again for a while.
    LibraryStopped {
        /// The library's file.
        path: PathBuf,
        /// How long; `None` for as long as this process runs.
        rest: Option<Duration>,
    },
}

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself, with this code. On Windows also by a fault, whose code is then that of the exception.
    Exited(u32),
    /// By this signal.
    Killed(i32),
    /// Something else in this process has waited for it, and knows.
    Unknown,
}

/// Two signals that have other numbers on macOS.
const SIGBUS: i32 = if cfg!(target_vendor = "apple") { 10 } else { 7 };
const SIGSYS: i32 = if cfg!(target_vendor = "apple") { 12 } else { 31 };

impl ProcessEnd {
    /// The name of the signal; `None` if it was none, or one that ends few processes.
    pub fn signal_name(self) -> Option<&'static str> {
        let Self::Killed(signal) = self else { return None };
        Some(match signal {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            5 => "SIGTRAP",
            6 => "SIGABRT",
            _ if signal == SIGBUS => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            13 => "SIGPIPE",
            15 => "SIGTERM",
            24 => "SIGXCPU",
            _ if signal == SIGSYS => "SIGSYS",
            _ => return None,
        })
    }
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
            Self::OperationUnknown { .. } => "ERR_OPERATION_UNKNOWN",
            Self::LibraryBusy { .. } => "ERR_LIBRARY_BUSY",
            Self::LibraryThread { .. } => "ERR_LIBRARY_THREAD",
            Self::ProcessUnavailable { .. } => "ERR_PROCESS_UNAVAILABLE",
            Self::LibraryRefused { code, .. } => code,
            Self::LibraryCrashed { .. } => "ERR_LIBRARY_CRASHED",
            Self::LibraryTimeout { .. } => "ERR_LIBRARY_TIMEOUT",
            Self::LibraryStopped { .. } => "ERR_LIBRARY_STOPPED",
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
            | Self::OperationUnknown { path, .. }
            | Self::LibraryBusy { path }
            | Self::LibraryThread { path, .. }
            | Self::ProcessUnavailable { path, .. }
            | Self::LibraryRefused { path, .. }
            | Self::LibraryCrashed { path, .. }
            | Self::LibraryTimeout { path, .. }
            | Self::LibraryStopped { path, .. } => Some(path),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::LibraryNotFound { source, .. } => Some(source),
            Self::LibraryLoad { source, .. } => Some(source),
            Self::LibraryThread { source, .. } | Self::ProcessUnavailable { source, .. } => Some(source),
            _ => None,
        }
    }
}
