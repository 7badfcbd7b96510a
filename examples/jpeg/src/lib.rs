//! A JPEG decoder: the file is the input, and its pixels are written over it, in RGBA.
//!
//! ```js
//! const { exchange } = connect();
//! const file = new Uint8Array(await (await fetch('photo.jpg')).arrayBuffer());
//! const memory = new Uint8Array(48_000_000); // reuse it for the next picture
//! memory.set(file);
//! const decode = (memory) => exchange(memory, { library: 'jpeg', operation: 'decode', input: file.length });
//! const pixels = await decode(memory).catch((error) => {
//!   if (error.code !== 'ERR_BUFFER_TOO_SMALL') throw error;
//!   const larger = new Uint8Array(error.required); // exactly the picture
//!   larger.set(error.buffer.subarray(0, file.length)); // the file is as it was
//!   return decode(larger);
//! });
//! ```
//!
//! `size` replies with width and height, two little-endian u32. It needs no more of the file than its headers, and the
//! memory can be the file's own.
//!
//! The pixels of a file that was cut off are grey where they are missing. Orientation (EXIF) is not applied.

use std::cell::RefCell;

use inplace_exchange_sdk::zerocopy::byteorder::little_endian::U32;
use inplace_exchange_sdk::zerocopy::{Immutable, IntoBytes};
use inplace_exchange_sdk::{Call, Error, library};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

thread_local! {
    /// The file, which the pixels overwrite. Kept, as new memory is slow at the first access.
    static FILE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(IntoBytes, Immutable)]
#[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
#[repr(C)]
struct Size {
    width: U32,
    height: U32,
}

fn decoder(file: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::new_fast().jpeg_set_out_colorspace(ColorSpace::RGBA);
    JpegDecoder::new_with_options(ZCursor::new(file), options)
}

fn decode(call: &mut Call) -> Result<usize, Error> {
    FILE.with_borrow_mut(|file| {
        file.clear();
        file.extend_from_slice(call.input());
        let mut decoder = decoder(file);
        decoder.decode_headers()?;
        let bytes = decoder.output_buffer_size().ok_or("the picture has no size")?;
        let pixels = call.output_of(bytes)?;
        decoder.decode_into(pixels)?;
        Ok(bytes)
    })
}

fn size(call: &mut Call) -> Result<usize, Error> {
    let mut decoder = decoder(call.input());
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().ok_or("the picture has no size")?;
    let size = Size {
        width: u32::try_from(width)?.into(),
        height: u32::try_from(height)?.into(),
    };
    call.reply(size.as_bytes())
}

library! {
    name: "JPEG decoder",
    concurrent, // up to four pictures at a time
    operations: { "decode" => decode, "size" => size },
}
