//! What the preload says of a stream (lib/port.js), for the call that it is to the addon.

use inplace_exchange_host::{Policy, StreamOptions};

use crate::error::Error;
use crate::js::byte_view::ByteView;
use crate::js::value::{Thrown, Value};

/// The `stream` of the options of a call: `{ slots, byteLength, policy, input, now }`. `None` if it is none. It is checked,
/// and an input is copied; getters may run, and throw.
pub(crate) fn stream_options<'s>(options: Value<'s>) -> Result<Option<Result<StreamOptions, Box<Error>>>, Thrown<'s>> {
    let stream = options.get_property(c"stream")?;
    if !stream.is_object() {
        return Ok(None);
    }
    let slots = stream.get_property(c"slots")?.to_u32();
    let slot_len = stream.get_property(c"byteLength")?.to_u32();
    let policy = stream.get_property(c"policy")?.to_u32().and_then(policy);
    let now = stream.get_property(c"now")?.to_f64();
    let input = stream.get_property(c"input")?;
    let create = || {
        let input = if input.is_undefined() {
            Box::default()
        } else {
            bytes_of(input)?
        };
        StreamOptions::new(slots?, slot_len?, policy?, input, now?)
    };
    Ok(Some(create().ok_or_else(|| Box::new(Error::InvalidStream))))
}

/// By its number in the layout (docs/streams.md).
fn policy(number: u32) -> Option<Policy> {
    match number {
        0 => Some(Policy::Wait),
        1 => Some(Policy::DropOldest),
        2 => Some(Policy::DropNewest),
        _ => None,
    }
}

fn bytes_of(value: Value<'_>) -> Option<Box<[u8]>> {
    let view = ByteView::of(value).ok()?;
    if view.len == 0 {
        return Some(Box::default());
    }
    if !view.buffer.is_array_buffer() {
        return None; // others may write to it
    }
    // SAFETY: the view's bytes, which are there and are not written to before this returns: no JavaScript runs meanwhile, and
    // no other thread has them, as the memory is not shared.
    Some(unsafe { std::slice::from_raw_parts(view.data, view.len) }.into())
}
