//! The program's answer at its start.

use std::io;
use std::time::Instant;

use crate::message;
use crate::protocol::{Answer, MAX_ANSWER};
use crate::system::{App, Program};

/// Sends it.
pub(crate) fn send(app: &App, answer: &Answer) -> io::Result<()> {
    app.send(&message::to_bytes(answer)?)
}

/// Receives it, whatever the other side is and sends.
pub(crate) fn receive(program: &Program, deadline: Option<Instant>) -> io::Result<Answer> {
    const TOO_LATE: &str = "it has not loaded the library in time";
    message::receive(MAX_ANSWER, |bytes| {
        program.receive(bytes, deadline).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => io::Error::new(io::ErrorKind::TimedOut, TOO_LATE),
            _ => error,
        })
    })
}

/// Whether the other side has ended, or has closed its end of the connection: before, during or after what was sent to it.
pub(crate) fn has_hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
