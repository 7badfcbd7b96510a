//! What is asked of one picture. It stands at the start of the memory that the picture is then written over.

/// Bytes that a request takes, whatever the size of the picture.
pub const REQUEST_BYTES: usize = 64;

/// The first four bytes of a request, read as little-endian: `INK1`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"INK1");

/// Pixels on a side, at least and at most.
pub const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;

/// A request, checked. In memory it is sixteen little-endian numbers of four bytes, in this order after the magic; all
/// but the first three are `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Pixels, within [`SIDES`].
    pub width: u32,
    /// Pixels, within [`SIDES`].
    pub height: u32,
    /// Bit 0 begins anew, bit 1 lets the ink move by itself.
    pub flags: u32,
    /// Since the picture before; taken as 0 to 1/20.
    pub seconds: f32,
    /// Where the pointer is, from 0 to 1 across the picture.
    pub pointer: [f32; 2],
    /// How far it has moved since the picture before, in pictures.
    pub moved: [f32; 2],
    /// How much ink it lets go, 0 to 1.
    pub ink: f32,
    /// What is in the middle of the picture, from 0 to 1 across the water.
    pub centre: [f32; 2],
    /// 1 shows all of the water, 8 an eighth of its width.
    pub zoom: f32,
    /// How readily eddies curl, 0 to 1.
    pub swirl: f32,
    /// How long ink lasts, 0 to 1.
    pub persistence: f32,
    /// The first colour, in turns of the colour wheel.
    pub hue: f32,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refused {
    /// The memory begins with something else.
    NoRequest,
    /// Width or height are outside [`SIDES`].
    Size,
    /// A number is infinite or none.
    Number,
}

impl Request {
    /// Bit 0 of `flags`: still water, without ink.
    pub const RESTART: u32 = 1;
    /// Bit 1 of `flags`: jets stir the water.
    pub const JETS: u32 = 2;

    /// Reads and checks a copy of the bytes at the start of the memory. Numbers outside their range are brought to its end.
    pub fn read(bytes: [u8; REQUEST_BYTES]) -> Result<Self, Refused> {
        let word = |index: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[4 * index + byte]));
        let [magic, width, height, flags, numbers @ ..]: [u32; REQUEST_BYTES / 4] = std::array::from_fn(word);
        if magic != MAGIC {
            return Err(Refused::NoRequest);
        }
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            return Err(Refused::Size);
        }
        let numbers = numbers.map(f32::from_bits);
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(Refused::Number);
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

    /// Bytes of the picture.
    pub fn picture_bytes(&self) -> usize {
        self.width as usize * self.height as usize * 4
    }
}
