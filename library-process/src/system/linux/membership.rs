//! A program that another process of the app has started, and shares: what is heard of it and said to it there.

use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use inplace_exchange_host::ProcessEnd;

use crate::protocol::sharing::{self, KILL};
use crate::system::socket;

/// As long as the connection to the broker lasts, this process is one of those that use the program.
pub(crate) struct Membership {
    broker: UnixStream,
    pid: i32,
    end: OnceLock<ProcessEnd>,
}

impl Membership {
    pub(crate) fn new(broker: UnixStream, pid: i32) -> Self {
        let end = OnceLock::new();
        Self { broker, pid, end }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Has the broker end the program.
    pub(crate) fn kill(&self) {
        let _ = socket::send(&self.broker, &[KILL], &[]); // fails if the broker has ended, and so the program
    }

    /// Waits until the program has ended, or this process has left it.
    pub(crate) fn wait(&self) {
        let end = sharing::receive_end(|bytes| (&self.broker).read_exact(bytes));
        let _ = self.end.set(end.unwrap_or(ProcessEnd::Unknown)); // waited for once
    }

    /// How it has ended, once that was waited for.
    pub(crate) fn end(&self) -> ProcessEnd {
        *self.end.get().unwrap_or(&ProcessEnd::Unknown)
    }

    pub(crate) fn leave(&self) {
        let _ = self.broker.shutdown(Shutdown::Both);
    }
}
