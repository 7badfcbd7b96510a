//! A simulated camera of 16 bits: the first call opens it, and it is closed when the last page has closed the library.
//!
//! ```js
//! const { exchange, frames } = connect();
//! const exposure = new Uint8Array(4);
//! new DataView(exposure.buffer).setUint32(0, 5_000, true); // microseconds
//! await exchange(exposure, { library: 'camera', operation: 'expose' });
//!
//! const byteLength = 32 + 256 * 4 + 640 * 480 * 2; // or of less, by the `required` of ERR_BUFFER_TOO_SMALL
//! for await (const { buffer } of frames({ byteLength, library: 'camera', operation: 'frame', input: 0 })) {
//!   const header = new DataView(buffer);
//!   const [width, height] = [header.getUint32(0, true), header.getUint32(4, true)];
//!   const sequence = header.getBigUint64(8, true); // a gap is a frame that nobody has fetched
//!   const histogram = new Uint32Array(buffer, 32, 256); // of the upper 8 bits
//!   const pixels = new Uint16Array(buffer, 32 + 1024, width * height);
//! }
//! ```
//!
//! The types below are the format: [`Header`], [`Frame`] and [`Exposure`], without padding, in little-endian.

use std::time::Instant;

use inplace_exchange_sdk::zerocopy::byteorder::little_endian::{U16, U32, U64};
use inplace_exchange_sdk::zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};
use inplace_exchange_sdk::{Call, Error, library};

/// Of every frame.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
#[repr(C)]
pub struct Header {
    /// In pixels.
    pub width: U32,
    /// In pixels.
    pub height: U32,
    /// Counts the frames from 0 on.
    pub sequence: U64,
    /// Microseconds since the camera was opened.
    pub timestamp: U64,
    /// Microseconds.
    pub exposure: U32,
    /// How many there are in the histogram.
    pub bins: U32,
}

/// What `frame` writes, in place: it is never anywhere but in the page's memory.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
#[repr(C)]
pub struct Frame {
    /// What the rest is.
    pub header: Header,
    /// How many pixels have the upper 8 bits 0, 1, and so on.
    pub histogram: [U32; BINS],
    /// Row by row.
    pub pixels: [U16; WIDTH * HEIGHT],
}

/// The request of `expose`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
#[repr(C)]
pub struct Exposure {
    /// From 1 to 1,000,000.
    pub microseconds: U32,
}

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const BINS: usize = 256;
const LONGEST: u32 = 1_000_000;
/// A status of this library: programs need not read the words.
const OUT_OF_RANGE: i64 = -10;

struct Camera {
    opened: Instant,
    sequence: u64,
    exposure: u32,
}

impl Camera {
    fn open() -> Result<Self, Error> {
        Ok(Self {
            opened: Instant::now(),
            sequence: 0,
            exposure: 10_000,
        })
    }

    fn expose(&mut self, call: &mut Call) -> Result<usize, Error> {
        let exposure = call.read::<Exposure>()?.microseconds.get();
        if !(1..=LONGEST).contains(&exposure) {
            let words = format_args!("{exposure} microseconds; it takes 1 to {LONGEST}");
            return Err(Error::new(words).with_status(OUT_OF_RANGE));
        }
        self.exposure = exposure;
        Ok(0)
    }

    fn frame(&mut self, call: &mut Call) -> Result<usize, Error> {
        let memory = call.output_of(size_of::<Frame>())?;
        let frame = Frame::mut_from_bytes(memory).map_err(|error| error.to_string())?;
        frame.header = Header {
            width: u32::try_from(WIDTH)?.into(),
            height: u32::try_from(HEIGHT)?.into(),
            sequence: self.sequence.into(),
            timestamp: u64::try_from(self.opened.elapsed().as_micros())?.into(),
            exposure: self.exposure.into(),
            bins: u32::try_from(BINS)?.into(),
        };
        let mut histogram = [0; BINS];
        for (row, y) in frame.pixels.chunks_exact_mut(WIDTH).zip(0..) {
            for (pixel, x) in row.iter_mut().zip(self.sequence..) {
                let level = level(x, y, self.exposure);
                histogram[usize::from(level >> 8)] += 1;
                *pixel = level.into();
            }
        }
        frame.histogram = histogram.map(U32::new);
        self.sequence += 1;
        Ok(size_of::<Frame>())
    }
}

/// What the sensor sees at a point: stripes that move to the left, brighter towards the bottom, and white when there is too
/// much light.
fn level(x: u64, y: u64, exposure: u32) -> u16 {
    let light = (x % 256) * 64 + y * 32;
    u16::try_from(light * u64::from(exposure) / 10_000).unwrap_or(u16::MAX)
}

library! {
    name: "simulated camera",
    state: Camera,
    operations: { "frame" => Camera::frame, "expose" => Camera::expose },
}
