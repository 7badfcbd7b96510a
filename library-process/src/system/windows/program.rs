//! The program, as the app has it: a process, a pipe to it, and one from it.
//!
//! Handles do not travel through pipes. The app puts them into the program, and sends their numbers there.

use std::ffi::OsStr;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use inplace_exchange_host::ProcessEnd;
use windows_sys::Win32::System::Pipes::PeekNamedPipe;
use windows_sys::Win32::System::Threading::{GetExitCodeProcess, TerminateProcess};

use super::app::{MEMORIES, REQUESTS};
use super::handle::{check, put_into, wait_for_any};
use super::spawn::{Started, end_with_this_process, start};
use super::{Bell, Memory};
use crate::protocol::MAX_LANES;

/// The exit code of a program that the app has ended: a number that no other is likely to have.
const ENDED_BY_APP: u32 = 0x4B49_4C4C;

/// By which the app calls that, as Node.js does for a process that it has ended.
const SIGKILL: i32 = 9;

/// A program that was started.
pub(crate) struct Program {
    process: OwnedHandle,
    pid: u32,
    /// It takes all that is ever sent without waiting: each message is shorter than 64 bytes, and there are 65.
    requests: PipeWriter,
    answers: PipeReader,
    /// The number of the other end there.
    answers_there: u64,
    cancels: Bell,
    lanes: [OnceLock<Bell>; MAX_LANES],
    /// The pipe tells the program of the app's end as well.
    _job: Option<OwnedHandle>,
}

impl Program {
    /// Starts it.
    pub(crate) fn start(program: &Path, library: &Path, options: &[&str]) -> io::Result<Self> {
        let cancels = Bell::new()?;
        let (theirs, requests) = io::pipe()?;
        let (answers, answers_writer) = io::pipe()?;
        let mut arguments = vec![library.as_os_str()];
        arguments.extend(options.iter().map(OsStr::new));
        let Started { process, pid } = start(program, &arguments, REQUESTS, theirs.as_handle())?;
        let answers_there = put_into(process.as_handle(), answers_writer.as_handle()).unwrap_or(0); // 0: it has ended
        Ok(Self {
            _job: end_with_this_process(process.as_handle()).ok(),
            process,
            pid,
            requests,
            answers,
            answers_there,
            cancels,
            lanes: [const { OnceLock::new() }; MAX_LANES],
        })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.cast_signed()
    }

    /// Gives it the memory for control, that for buffers, the bell of cancels, and its end of the pipe for answers.
    pub(crate) fn send_memories(&self, control: &Memory, buffers: &Memory) -> io::Result<()> {
        let [ours, theirs] = self.cancels.for_them();
        let numbers = self.put([control.as_handle(), buffers.as_handle(), ours, theirs])?;
        self.send(MEMORIES, &[&numbers[..], &[self.answers_there]].concat())
    }

    /// Has it serve a lane.
    pub(crate) fn add_lane(&self, number: usize) -> io::Result<()> {
        let first = u8::try_from(number).map_err(io::Error::other)?;
        let bell = Bell::new()?;
        let numbers = self.put(bell.for_them())?;
        let _ = self.lanes[number].set(bell); // a lane is new once
        self.send(first, &numbers)
    }

    /// The bell of a lane that was added.
    pub(crate) fn bell(&self, lane: usize) -> Option<&Bell> {
        self.lanes[lane].get()
    }

    /// The bell of cancels.
    pub(crate) fn cancels(&self) -> &Bell {
        &self.cancels
    }

    /// Fills all of `bytes` with what it sends. The deadline is that of them all, not of each part that arrives.
    ///
    /// It rings the bell of cancels when it has sent something, or should: what counts is what is there.
    pub(crate) fn receive(&self, mut bytes: &mut [u8], deadline: Option<Instant>) -> io::Result<()> {
        let mut has_ended = false;
        while !bytes.is_empty() {
            let there = self.answers_there()?;
            if there > 0 {
                let len = bytes.len().min(there);
                let read = (&self.answers).read(&mut bytes[..len])?; // does not wait: so much is there
                bytes = &mut bytes[read..];
                continue;
            }
            if has_ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            has_ended = wait_for_any([self.cancels.ours(), self.process.as_handle()], left) == Some(1);
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        // SAFETY: an open handle of a process. Fails if it has ended.
        unsafe { TerminateProcess(self.process.as_raw_handle(), ENDED_BY_APP) };
    }

    /// Ends it: no others use it.
    pub(crate) fn leave(&self) {
        self.kill();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&self) {
        wait_for_any([self.process.as_handle()], None);
    }

    /// How it has ended, once that was waited for.
    pub(crate) fn end(&self) -> ProcessEnd {
        let mut code = 0;
        // SAFETY: an open handle of a process, and room for its code.
        match unsafe { GetExitCodeProcess(self.process.as_raw_handle(), &raw mut code) } {
            0 => ProcessEnd::Unknown,
            _ if code == ENDED_BY_APP => ProcessEnd::Killed(SIGKILL),
            _ => ProcessEnd::Exited(code),
        }
    }

    /// [`receive`](Self::receive) waits for the process, too.
    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn hang_up(&self) {}

    fn answers_there(&self) -> io::Result<usize> {
        let (pipe, mut there, none) = (self.answers.as_raw_handle(), 0, ptr::null_mut());
        // SAFETY: an open handle of a pipe, and room for a number; nothing else is asked for.
        check(unsafe { PeekNamedPipe(pipe, ptr::null_mut(), 0, none, &raw mut there, none) })?;
        Ok(there as usize)
    }

    /// Puts handles into it: their numbers there.
    fn put<const COUNT: usize>(&self, handles: [BorrowedHandle<'_>; COUNT]) -> io::Result<[u64; COUNT]> {
        let mut numbers = [0; COUNT];
        for (number, handle) in numbers.iter_mut().zip(handles) {
            *number = put_into(self.process.as_handle(), handle).map_err(|error| {
                let has_ended = wait_for_any([self.process.as_handle()], Some(Duration::ZERO)).is_some();
                if has_ended {
                    io::ErrorKind::BrokenPipe.into()
                } else {
                    error
                }
            })?;
        }
        Ok(numbers)
    }

    fn send(&self, first: u8, numbers: &[u64]) -> io::Result<()> {
        let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
        let message: Vec<u8> = [first].into_iter().chain(numbers).collect();
        (&self.requests).write_all(&message)
    }
}
