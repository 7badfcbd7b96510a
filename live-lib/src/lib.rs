//! The library of the Live panel: simulates ink in water, one step for each picture.
//!
//! Calls are serial, because the simulation has state. The picture overwrites the request in the memory, see
//! [`request::Request`]. All state is freed when the last page that uses it ends. The result is `width * height` pixels
//! of four bytes: red, green, blue, 255.
#![forbid(unsafe_code)]

mod fluid;
mod picture;
mod request;

use inplace_exchange_sdk::{Call, Error, library};

use fluid::Fluid;
use picture::Painter;
use request::{Rejection, Request};

/// The simulation. It exists from the first picture on; after a panic the next picture begins with still water.
#[derive(Default)]
struct Simulation {
    fluid: Fluid,
    painter: Painter,
}

impl Simulation {
    fn open() -> Result<Self, Error> {
        Ok(Self::default())
    }

    /// Reads a request at the start of the memory and writes its picture over it.
    fn picture(&mut self, call: &mut Call) -> Result<usize, Error> {
        // Copied, then checked: another thread may write to shared memory meanwhile. Only this copy decides the size of
        // the picture, here and in the painter.
        let request = Request::read(call.read().map_err(|_| Rejection::Missing)?)?;
        let picture = call.output_of(request.picture_bytes())?;
        self.fluid.step(&request);
        self.painter.paint(&self.fluid, &request, picture);
        Ok(picture.len())
    }
}

library! {
    name: concat!("live-lib ", env!("CARGO_PKG_VERSION")),
    state: Simulation,
    call: Simulation::picture,
}

#[cfg(test)]
mod tests;
