//! The app, as the program has it: a pipe from it, and one to it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::windows::io::{FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};

use super::handle::check;
use super::memory::BUFFERS_LEN;
use super::{Bell, Memory};
use crate::protocol::CONTROL_LEN;
use crate::system::Given;

/// Before the number of the handle of the pipe from the app, among the program's arguments.
pub(super) const REQUESTS: &str = "requests=";

/// The first byte that the app sends. Five numbers of handles follow.
pub(super) const MEMORIES: u8 = 0xA0;

/// A pipe takes so much without waiting until it is read.
const PIPE: usize = 4096;

/// The app, which has started this program.
pub(crate) struct App {
    requests: File,
    answers: OnceLock<Answers>,
}

struct Answers {
    pipe: File,
    /// The other direction of the bell of cancels: it tells that something was sent.
    sent: Bell,
}

impl App {
    /// Takes the pipe, whose handle is among the arguments. Besides the program has inherited its streams, and no handles.
    ///
    /// Called first of all, by the only thread.
    pub(crate) fn take(arguments: &[OsString]) -> io::Result<Self> {
        // SAFETY: has no precondition. A crash is for the app to report, and not for a window.
        unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX) };
        let number = arguments.iter().find_map(|argument| {
            let number = argument.to_str()?.strip_prefix(REQUESTS)?;
            number.parse::<usize>().ok()
        });
        let handle: RawHandle = ptr::with_exposed_provenance_mut(number.ok_or(io::ErrorKind::InvalidInput)?);
        // SAFETY: fails if this is no handle. Programs that the library starts do not get it.
        check(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) })?;
        Ok(Self {
            // SAFETY: the app has let this program inherit it, for this.
            requests: unsafe { File::from_raw_handle(handle) },
            answers: OnceLock::new(),
        })
    }

    /// What it gives first.
    pub(crate) fn receive_memories(&self) -> io::Result<Given> {
        let ([MEMORIES], [control, buffers, ours, theirs, answers]) = (self.receive()?, self.receive_handles()?) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the memory was not sent"));
        };
        let sent = Bell::of([ours.try_clone()?, theirs.try_clone()?]);
        let pipe = File::from(answers);
        let _ = self.answers.set(Answers { pipe, sent }); // once
        Ok(Given {
            control: Memory::of(control, CONTROL_LEN),
            buffers: Memory::of(buffers, BUFFERS_LEN),
            cancels: Bell::of([ours, theirs]),
        })
    }

    /// Waits for the next lane to serve. Fails when the app has ended.
    pub(crate) fn receive_lane(&self) -> io::Result<(usize, Bell)> {
        let [lane] = self.receive()?;
        Ok((lane.into(), Bell::of(self.receive_handles()?)))
    }

    /// Sends the answer.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let Answers { pipe, sent } = self.answers.get().ok_or(io::ErrorKind::NotConnected)?;
        for part in bytes.chunks(PIPE) {
            let mut pipe = pipe;
            pipe.write_all(part)?;
            sent.ring(&AtomicU32::new(0)); // the next part waits until this one was read
        }
        Ok(())
    }

    fn receive<const LEN: usize>(&self) -> io::Result<[u8; LEN]> {
        let mut bytes = [0; LEN];
        (&self.requests).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn receive_handles<const COUNT: usize>(&self) -> io::Result<[OwnedHandle; COUNT]> {
        let mut numbers = [0u64; COUNT];
        for number in &mut numbers {
            *number = u64::from_le_bytes(self.receive()?);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a handle of this process")]
        let handles = numbers.map(|number| {
            let handle: RawHandle = ptr::with_exposed_provenance_mut(number as usize);
            // SAFETY: the app has put it into this process, for this.
            unsafe { OwnedHandle::from_raw_handle(handle) }
        });
        Ok(handles)
    }
}

/// Ends the process, without the functions that it would call at its exit: the library's threads may run.
pub(crate) fn end_now(code: i32) -> ! {
    // SAFETY: has no precondition; the process is this one.
    let here = unsafe { GetCurrentProcess() };
    // SAFETY: as above. It does not return.
    unsafe { TerminateProcess(here, code.cast_unsigned()) };
    std::process::abort()
}
