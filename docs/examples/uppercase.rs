//! Turns ASCII letters into capitals, in place.
use inplace_exchange_sdk::{Call, Error, library};

fn uppercase(call: &mut Call) -> Result<usize, Error> {
    let len = call.input().len();
    call.output()[..len].make_ascii_uppercase();
    Ok(len)
}

library!(uppercase);
