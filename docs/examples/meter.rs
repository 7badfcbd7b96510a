//! A meter that is waited for: a value every 10 ms.
use std::thread::sleep;
use std::time::{Duration, Instant};

use inplace_exchange_sdk::{Call, Error, library};

struct Meter(Instant, u32);

impl Meter {
    fn open() -> Result<Self, Error> {
        Ok(Self(Instant::now(), 0))
    }

    fn measure(&mut self, call: &mut Call) -> Result<usize, Error> {
        while self.0.elapsed() < Duration::from_millis(10) {
            call.check()?; // returns when the stream is to end
            sleep(Duration::from_millis(1));
        }
        *self = Self(Instant::now(), self.1 + 1);
        call.write(0, &self.1)?;
        Ok(size_of::<u32>())
    }
}

library! { state: Meter, call: Meter::measure }
