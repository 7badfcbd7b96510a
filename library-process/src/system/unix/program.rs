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

#[cfg(native_linux)]
use super::app::CONNECTION;
use super::app::MEMORIES;
use super::{Bells, socket};
#[cfg(native_linux)]
use crate::system::linux::Membership;
use crate::system::{Bell, Memory};

/// A program that was started, and a connection to it.
pub(crate) struct Program {
    socket: UnixStream,
    bells: Bells,
    parent: Parent,
}

/// Who has started it, and so is told of its end.
enum Parent {
    /// This process. The number is that of the program.
    This(Pid),
    /// Another process of the app.
    #[cfg(native_linux)]
    Broker(Membership),
}

impl Program {
    /// Starts it. On Linux the system ends it with the thread that has called this.
    pub(crate) fn start(program: &Path, library: &Path, options: &[&str]) -> io::Result<Self> {
        let bells = Bells::new()?;
        let (socket, theirs) = socket::pair()?;
        let mut command = Command::new(program);
        command.arg(library).args(options).stdin(OwnedFd::from(theirs));
        command.process_group(0); // the terminal's Ctrl-C is for the app
        let child = command.spawn()?;
        drop(command); // with the program's end of the socket, which hangs up only when nobody has it
        Ok(Self {
            socket,
            bells,
            parent: Parent::This(Pid::from_child(&child)),
        })
    }

    /// One that another process of the app has started, and this connection to it.
    #[cfg(native_linux)]
    pub(crate) fn shared(socket: UnixStream, membership: Membership) -> io::Result<Self> {
        Ok(Self {
            socket,
            bells: Bells::new()?,
            parent: Parent::Broker(membership),
        })
    }

    /// Gives it another connection, to a process of the app that is to use it as well. Fails if it has taken none of many for
    /// seconds: it was stopped.
    #[cfg(native_linux)]
    pub(crate) fn add_connection(&self, connection: &UnixStream) -> io::Result<()> {
        self.socket.set_write_timeout(Some(std::time::Duration::from_secs(5)))?;
        socket::send(&self.socket, &[CONNECTION], &[connection.as_fd()])
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        match &self.parent {
            Parent::This(pid) => pid.as_raw_nonzero().get(),
            #[cfg(native_linux)]
            Parent::Broker(membership) => membership.pid(),
        }
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
        match &self.parent {
            Parent::This(pid) => drop(kill_process(*pid, Signal::KILL)), // fails if it has ended
            #[cfg(native_linux)]
            Parent::Broker(membership) => membership.kill(),
        }
    }

    /// Ends it, unless others use it. As `kill`, not after `end`.
    pub(crate) fn leave(&self) {
        match &self.parent {
            Parent::This(_) => self.kill(),
            #[cfg(native_linux)]
            Parent::Broker(membership) => {
                self.hang_up(); // first, so that the program can close what this process has open
                membership.leave();
            }
        }
    }

    /// Waits until it has ended, or was left. Its number stays its own.
    pub(crate) fn wait(&self) {
        match &self.parent {
            Parent::This(pid) => {
                let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                while matches!(waitid(WaitId::Pid(*pid), exited), Err(rustix::io::Errno::INTR)) {}
            }
            #[cfg(native_linux)]
            Parent::Broker(membership) => membership.wait(),
        }
    }

    /// How it has ended, once that was waited for. Others can have its number afterwards.
    pub(crate) fn end(&self) -> ProcessEnd {
        let pid = match &self.parent {
            Parent::This(pid) => *pid,
            #[cfg(native_linux)]
            Parent::Broker(membership) => return membership.end(),
        };
        let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::empty()) else {
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
