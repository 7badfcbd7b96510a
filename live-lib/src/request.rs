//! The request for a picture: 64 bytes at the start of the memory. The picture overwrites them.

use std::fmt;

/// The size of a request, whatever the size of the picture.
pub const REQUEST_BYTES: usize = 64;

/// The first four bytes of a request, read as little-endian: `INK1`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"INK1");

/// The width and height that a picture may have, in pixels.
pub const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;

/// A request whose numbers are in range. In memory it is sixteen little-endian numbers of four bytes: the magic, then
/// these, in this order. `width`, `height` and `flags` are `u32`, all others `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Pixels, within [`SIDES`].
    pub width: u32,
    /// Pixels, within [`SIDES`].
    pub height: u32,
    /// [`Request::RESTART`] and [`Request::JETS`].
    pub flags: u32,
    /// Seconds since the previous picture, 0 to 1/20.
    pub seconds: f32,
    /// The pointer's position, 0 to 1 across the picture.
    pub pointer: [f32; 2],
    /// The pointer's movement since the previous picture, in widths and heights of the picture.
    pub moved: [f32; 2],
    /// How much ink the pointer adds, 0 to 1.
    pub ink: f32,
    /// The point of the water at the centre of the picture, 0 to 1.
    pub centre: [f32; 2],
    /// 1 shows all of the water, 8 an eighth of its width and height.
    pub zoom: f32,
    /// The strength of vorticity confinement, 0 to 1.
    pub swirl: f32,
    /// How long ink lasts, 0 to 1.
    pub persistence: f32,
    /// The first colour, in turns of the colour wheel.
    pub hue: f32,
}

/// Why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rejection {
    /// The memory does not begin with a request.
    Missing,
    /// The width or height is outside [`SIDES`].
    Size,
    /// A number is infinite or NaN.
    NotFinite,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the memory does not begin with a request (64 bytes, the first four INK1)",
            Self::Size => "a picture is 16 to 4096 pixels wide and high",
            Self::NotFinite => "a number of the request is infinite or not a number",
        })
    }
}

impl std::error::Error for Rejection {}

impl Request {
    /// Bit 0 of `flags`: restart with still water, without ink.
    pub const RESTART: u32 = 1;
    /// Bit 1 of `flags`: jets stir the water.
    pub const JETS: u32 = 2;

    /// Reads a request from a copy of the bytes at the start of the memory. Numbers outside their range are clamped.
    pub fn read(bytes: [u8; REQUEST_BYTES]) -> Result<Self, Rejection> {
        let word = |index: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[4 * index + byte]));
        let [magic, width, height, flags, numbers @ ..]: [u32; REQUEST_BYTES / 4] = std::array::from_fn(word);
        if magic != MAGIC {
            return Err(Rejection::Missing);
        }
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            return Err(Rejection::Size);
        }
        let numbers = numbers.map(f32::from_bits);
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(Rejection::NotFinite);
        }
        let [
            seconds,
            x,
            y,
            moved_x,
            moved_y,
            ink,
            centre_x,
            centre_y,
            zoom,
            swirl,
            persistence,
            hue,
        ] = numbers;
        let unit = |number: f32| number.clamp(0.0, 1.0);
        Ok(Self {
            width,
            height,
            flags,
            seconds: seconds.clamp(0.0, 0.05),
            pointer: [x, y].map(unit),
            moved: [moved_x, moved_y].map(|distance| distance.clamp(-1.0, 1.0)),
            ink: unit(ink),
            centre: [centre_x, centre_y].map(unit),
            zoom: zoom.clamp(1.0, 8.0),
            swirl: unit(swirl),
            persistence: unit(persistence),
            hue: hue.rem_euclid(1.0),
        })
    }

    /// The size of the picture, in bytes.
    pub fn picture_bytes(&self) -> usize {
        self.width as usize * self.height as usize * 4
    }
}
