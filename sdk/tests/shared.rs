//! Memory that is shared: slices are of a private copy, and a view of the bytes costs none.
#![forbid(unsafe_code)]

use inplace_exchange_sdk::testing::{Answer, Host, Request};
use inplace_exchange_sdk::{Call, Error, library};

/// Writes through the output, and says how long the message is.
fn output(call: &mut Call) -> Result<usize, Error> {
    let message = call.read::<u8>()? as usize;
    call.output().fill(b'x');
    if message == 255 {
        return Err(Error::new("failed"));
    }
    Ok(message)
}

/// All ways to the memory, one after the other, see what the others have written.
fn mixed(call: &mut Call) -> Result<usize, Error> {
    let seen = |call: &mut Call, at: usize, byte: u8| {
        assert_eq!(call.bytes().get(at), Some(byte));
        assert_eq!(call.input()[at], byte);
        assert_eq!(call.output()[at], byte);
    };
    call.bytes().set(1, b'1')?;
    call.write(2, b"2")?;
    seen(call, 1, b'1');
    seen(call, 2, b'2');
    call.output()[3] = b'3';
    call.write(4, b"4")?;
    call.bytes().set(5, b'5')?;
    seen(call, 3, b'3');
    seen(call, 4, b'4');
    seen(call, 5, b'5');
    assert_eq!(call.read::<[u8; 6]>()?, *b".12345");
    Ok(6)
}

/// Where the first byte of the memory is, as the library sees it.
fn address(call: &mut Call) -> Result<usize, Error> {
    let of_slice = call.input().as_ptr().addr();
    let again = call.output().as_ptr().addr();
    assert_eq!(of_slice, again);
    call.reply(of_slice.to_ne_bytes())
}

fn is_shared(call: &mut Call) -> Result<usize, Error> {
    Ok(usize::from(call.is_shared()))
}

fn uppercase(call: &mut Call) -> Result<usize, Error> {
    let mut bytes = call.bytes();
    for at in 0..bytes.len() {
        if let Some(byte) = bytes.get(at) {
            bytes.set(at, byte.to_ascii_uppercase())?;
        }
    }
    Ok(bytes.len())
}

library! {
    operations: {
        "output" => output, "mixed" => mixed, "address" => address, "is shared" => is_shared, "uppercase" => uppercase,
    }
}

fn perform(memory: &mut [u8], operation: &str, shared: bool) -> Result<usize, Answer> {
    let request = Request {
        operation: Some(operation),
        shared,
        ..Request::default()
    };
    Host::of(&LIBRARY).perform(memory, request).result
}

#[test]
fn only_the_message_is_copied_back() {
    let after = |message: u8, shared| {
        let mut memory = [message, 1, 2, 3, 4, 5, 6, 7];
        let _ = perform(&mut memory, "output", shared);
        memory
    };
    assert_eq!(after(3, true), *b"xxx\x03\x04\x05\x06\x07");
    assert_eq!(after(3, false), *b"xxxxxxxx");
    assert_eq!(after(8, true), *b"xxxxxxxx");
    // After a failure, and of a message that does not fit, nothing is.
    assert_eq!(after(255, true), [255, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(after(9, true), [9, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn all_ways_to_the_memory_see_the_same_bytes() {
    for shared in [false, true] {
        let mut memory = *b".......";
        assert_eq!(perform(&mut memory, "mixed", shared), Ok(6));
        assert_eq!(memory, *b".12345.");
        assert_eq!(perform(&mut memory, "is shared", shared), Ok(usize::from(shared)));
        assert_eq!(perform(&mut memory[..0], "uppercase", shared), Ok(0));
        let mut text = *b"memory that V8 owns";
        assert_eq!(perform(&mut text, "uppercase", shared), Ok(text.len()));
        assert_eq!(text, *b"MEMORY THAT V8 OWNS");
    }
}

#[test]
fn a_copy_is_made_of_shared_memory_alone_into_a_buffer_that_is_reused() {
    let mut memory = vec![0; 4096];
    let lent = memory.as_ptr().addr();
    let mut seen = |shared| {
        assert_eq!(perform(&mut memory, "address", shared), Ok(8));
        usize::from_ne_bytes(*memory.first_chunk().unwrap())
    };
    assert_eq!(seen(false), lent);
    let copy = seen(true);
    assert_ne!(copy, lent);
    assert_eq!(seen(true), copy);
    assert_eq!(seen(false), lent);
}
