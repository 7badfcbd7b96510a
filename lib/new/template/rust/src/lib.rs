//! A library for an Electron window.

use inplace_exchange_sdk::{Call, Error, library};

/// Greets the name in the input.
fn greet(call: &mut Call) -> Result<usize, Error> {
    let name = str::from_utf8(call.input())?.to_owned(); // the answer is written over the input
    call.reply(format!("Hello, {name}!"))
}

library! {
    name: "__NAME__",
    operations: { "greet" => greet },
}

#[cfg(test)]
mod tests {
    use super::LIBRARY;
    use inplace_exchange_sdk::testing::{Host, Request};

    #[test]
    fn greets() {
        let mut memory = *b"world...............";
        let request = Request { operation: Some("greet"), input: Some(5), ..Request::default() };
        let outcome = Host::of(&LIBRARY).perform(&mut memory, request);
        assert_eq!(outcome.result, Ok(13));
        assert_eq!(&memory[..13], b"Hello, world!");
    }
}
