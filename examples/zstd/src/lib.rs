//! Compresses and decompresses with Zstandard: the message is written over the input.
//!
//! ```js
//! const { exchange } = connect();
//! const text = new TextEncoder().encode('to be or not to be, '.repeat(1000));
//! const small = await exchange(text, { library: 'zstd', operation: 'compress' });
//! const memory = new Uint8Array(20_000);
//! memory.set(small);
//! const same = await exchange(memory, { library: 'zstd', operation: 'decompress', input: small.length });
//! ```
//!
//! Whether the memory suffices shows when it is too late only for data that does not compress, and for frames that do not
//! say their size. So:
//! - `compress` uses what there is, often the input's own memory. If that is too small, the error's `required` is an
//!   upper bound.
//! - `decompress` knows the size, which nearly all frames say, before it writes. `required` is exact then, and otherwise
//!   twice the memory. The frame may lie: compare `required` with what you expect before you allocate it.
//!
//! In either case the input is as it was.

use inplace_exchange_sdk::{Call, Error, library};
use zstd::zstd_safe::{CCtx, DCtx, compress_bound, find_frame_compressed_size, get_error_name, get_frame_content_size};

/// What is said of a message that does not fit; the numbers of errors are not stable.
const TOO_SMALL: &str = "Destination buffer is too small";
/// zstd's own default: three times the speed of a hard disk, and a third of most texts.
const LEVEL: i32 = 3;

struct Codec {
    compressor: CCtx<'static>,
    decompressor: DCtx<'static>,
    /// The input, which the message overwrites. Kept, as new memory is slow at the first access.
    input: Vec<u8>,
}

impl Codec {
    fn open() -> Result<Self, Error> {
        Ok(Self {
            compressor: CCtx::try_create().ok_or("no memory for a compressor")?,
            decompressor: DCtx::try_create().ok_or("no memory for a decompressor")?,
            input: Vec::new(),
        })
    }

    fn compress(&mut self, call: &mut Call) -> Result<usize, Error> {
        self.take_input(call);
        let result = self.compressor.compress(call.output(), &self.input, LEVEL);
        self.finish(call, result, compress_bound(self.input.len()))
    }

    fn decompress(&mut self, call: &mut Call) -> Result<usize, Error> {
        if let Some(size) = content_size(call.input())? {
            call.output_of(size)?;
        }
        self.take_input(call);
        let result = self.decompressor.decompress(call.output(), &self.input);
        self.finish(call, result, call.capacity().saturating_mul(2))
    }

    fn take_input(&mut self, call: &Call) {
        self.input.clear();
        self.input.extend_from_slice(call.input());
    }

    fn finish(&self, call: &mut Call, result: Result<usize, usize>, needed: usize) -> Result<usize, Error> {
        match result.map_err(get_error_name) {
            Ok(message) => Ok(message),
            Err(TOO_SMALL) => {
                call.output()[..self.input.len()].copy_from_slice(&self.input);
                Err(Error::too_small(needed))
            }
            Err(words) => Err(words.into()),
        }
    }
}

/// How many bytes all frames together have; `None` if one of them does not say.
fn content_size(mut frames: &[u8]) -> Result<Option<usize>, Error> {
    let mut total = 0_usize;
    while !frames.is_empty() {
        let len = find_frame_compressed_size(frames).map_err(get_error_name)?;
        let Some(size) = get_frame_content_size(frames).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        total = total.checked_add(usize::try_from(size)?).ok_or("too many bytes")?;
        frames = frames.get(len..).ok_or("a frame is cut off")?;
    }
    Ok(Some(total))
}

library! {
    name: "Zstandard",
    state: Codec,
    operations: { "compress" => Codec::compress, "decompress" => Codec::decompress },
}
