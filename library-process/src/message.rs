//! What is said over a connection, as bytes: the length, and the value.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn to_bytes(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    Ok([&len.to_le_bytes(), &bytes[..]].concat())
}

/// Receives a value of at most `max` bytes, whatever the other side is and sends. `fill` fills all that it is given.
pub(crate) fn receive<T: DeserializeOwned>(
    max: usize,
    mut fill: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> io::Result<T> {
    let mut len = [0; 4];
    fill(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
    }
    let mut bytes = vec![0; len];
    fill(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
