//! What errors say to people: what happened, and what to do.

use std::fmt;

use super::{Error, ProcessEnd};

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
            Self::LibrarySymbol {
                path,
                symbol: symbol @ "exchange_perform",
            } => write!(
                f,
                "{} does not export {symbol}, and so takes no operation, and no length of the input. Call it without \
                 them, or export that function with C linkage, as exchange.h declares it.",
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
            Self::OperationUnknown { path, operation, known } => {
                write!(f, "{} has no operation {operation:?}. ", path.display())?;
                let mut names = known.iter().filter(|name| !name.is_empty());
                match names.next() {
                    None => f.write_str("It names none: exchange_operations does, together with exchange_perform."),
                    Some(first) => {
                        write!(f, "It has: {first}")?;
                        names.try_for_each(|name| write!(f, ", {name}"))?;
                        f.write_str(".")
                    }
                }
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
            Self::ProcessUnavailable { path, program, source } => write!(
                f,
                "{} is to be called in a process of its own, by {}, and that is not possible now: {source}.",
                path.display(),
                program.display(),
            ),
            Self::LibraryRefused { message, .. } => f.write_str(message),
            Self::LibraryCrashed { path, end, .. } => {
                write!(f, "The process of {} {end}. ", path.display())?;
                f.write_str("The caller has its memory back. The next call starts a new process, unless that has ended too often.")
            }
            Self::LibraryTimeout { path, limit } => write!(
                f,
                "A call of {} took longer than its limit of {} ms, and its process was ended. The caller has its memory \
                 back. The next call starts a new process, unless that has ended too often.",
                path.display(),
                limit.as_millis(),
            ),
            Self::LibraryStopped { path, rest: Some(rest) } => write!(
                f,
                "The process of {} has ended too often, and is started again by a call in {} s at the earliest.",
                path.display(),
                rest.as_secs().saturating_add(1),
            ),
            Self::LibraryStopped { path, rest: None } => write!(
                f,
                "The process of {} has ended, and is not started again: its restarts are 0.",
                path.display(),
            ),
        }
    }
}

impl fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// On Windows from here on it is the code of an exception, which is known by its hexadecimal digits.
        const EXCEPTIONS: u32 = 0xC000_0000;
        match (self, self.signal_name()) {
            (Self::Exited(code @ EXCEPTIONS..), _) => write!(f, "has exited with {code} ({code:#X})"),
            (Self::Exited(code), _) => write!(f, "has exited with {code}"),
            (Self::Killed(_), Some(name)) => write!(f, "was ended by {name}"),
            (Self::Killed(signal), None) => write!(f, "was ended by signal {signal}"),
            (Self::Unknown, _) => f.write_str("has ended"),
        }
    }
}
