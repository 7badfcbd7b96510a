//! The program, as the app has it: a child, and a socket to it.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use inplace_exchange_host::ProcessEnd;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, waitid, waitpid};

use super::app::MEMORIES;
use super::{Bells, socket};
use crate::protocol::CONFINE;
use crate::system::{Bell, Memory};

/// A program that was started.
pub(crate) struct Program {
    socket: UnixStream,
    pid: Pid,
    bells: Bells,
}

impl Program {
    /// Starts it. On Linux the system ends it with the thread that has called this.
    pub(crate) fn start(program: &Path, library: &Path, confine: bool) -> io::Result<Self> {
        let bells = Bells::new()?;
        let (socket, theirs) = socket::pair()?;
        let mut command = Command::new(program);
        command
            .arg(library)
            .args(confine.then_some(CONFINE))
            .stdin(OwnedFd::from(theirs));
        command.process_group(0); // the terminal's Ctrl-C is for the app
        let child = command.spawn()?;
        drop(command); // with the program's end of the socket, which hangs up only when nobody has it
        Ok(Self {
            socket,
            pid: Pid::from_child(&child),
            bells,
        })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Gives it the memory for control, that for buffers, and the bell of cancels.
    pub(crate) fn send_memories(&self, control: &Memory, buffers: &Memory) -> io::Result<()> {
        let mut descriptors = vec![control.as_fd(), buffers.as_fd()];
        descriptors.extend(self.bells.cancels().theirs());
        socket::send(&self.socket, &[MEMORIES], &descriptors)
    }

    /// Has it serve a lane.
    pub(crate) fn add_lane(&self, number: usize) -> io::Result<()> {
        let byte = u8::try_from(number).map_err(io::Error::other)?;
        let descriptor = self.bells.add(number)?.theirs();
        socket::send(&self.socket, &[byte], descriptor.as_slice())
    }

    /// The bell of a lane that was added.
    pub(crate) fn bell(&self, lane: usize) -> Option<&Bell> {
        self.bells.lane(lane)
    }

    /// The bell of cancels.
    pub(crate) fn cancels(&self) -> &Bell {
        self.bells.cancels()
    }

    /// Fills all of `bytes` with what it sends. The deadline is that of them all, not of each part that arrives.
    pub(crate) fn receive(&self, mut bytes: &mut [u8], deadline: Option<Instant>) -> io::Result<()> {
        while !bytes.is_empty() {
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                self.socket.set_read_timeout(Some(left))?;
            }
            match (&self.socket).read(bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => bytes = &mut bytes[read..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {} // the deadline
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends it. Not after [`end`](Self::end): its number can be that of another process.
    pub(crate) fn kill(&self) {
        let _ = kill_process(self.pid, Signal::KILL); // fails if it has ended
    }

    /// Waits until it has ended. Its number stays its own.
    pub(crate) fn wait(&self) {
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(self.pid), exited), Err(rustix::io::Errno::INTR)) {}
    }

    /// How it has ended, once that was waited for. Others can have its number afterwards.
    pub(crate) fn end(&self) -> ProcessEnd {
        let Ok(Some((_, status))) = waitpid(Some(self.pid), WaitOptions::empty()) else {
            return ProcessEnd::Unknown;
        };
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => ProcessEnd::Exited(code.cast_unsigned()),
            (None, Some(signal)) => ProcessEnd::Killed(signal),
            (None, None) => ProcessEnd::Unknown,
        }
    }

    /// Has [`receive`](Self::receive) return: another process may have the socket, and outlive the program.
    pub(crate) fn hang_up(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
