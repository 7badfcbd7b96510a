//! The program's answer at its start, as bytes.

use std::io;
use std::time::Instant;

use crate::protocol::{Answer, MAX_ANSWER};
use crate::system::{App, Program};

/// Sends it.
pub(crate) fn send(app: &App, answer: &Answer) -> io::Result<()> {
    let bytes = postcard::to_stdvec(answer).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    app.send(&[&len.to_le_bytes(), &bytes[..]].concat())
}

/// Receives it, whatever the other side is and sends.
pub(crate) fn receive(program: &Program, deadline: Option<Instant>) -> io::Result<Answer> {
    const TOO_LATE: &str = "it has not loaded the library in time";
    let fill = |bytes: &mut [u8]| {
        program.receive(bytes, deadline).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => io::Error::new(io::ErrorKind::TimedOut, TOO_LATE),
            _ => error,
        })
    };
    let mut len = [0; 4];
    fill(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_ANSWER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
    }
    let mut bytes = vec![0; len];
    fill(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Whether the other side has ended, or has closed its end of the connection: before, during or after what was sent to it.
pub(crate) fn has_hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}
