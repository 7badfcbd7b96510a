//! A library with operations, progress, cancelling, and typed requests.
#![forbid(unsafe_code)]

use std::thread;

use inplace_exchange_sdk::testing::{Answer, Host, Request};
use inplace_exchange_sdk::zerocopy::byteorder::little_endian::U32;
use inplace_exchange_sdk::zerocopy::{FromBytes, Immutable, IntoBytes};
use inplace_exchange_sdk::{Call, Error, library};

/// Nine bytes, so that what follows is not aligned.
#[derive(FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
#[repr(C)]
struct Header {
    kind: u8,
    width: U32,
    height: U32,
}

fn swap(call: &mut Call) -> Result<usize, Error> {
    let Header { kind, width, height } = call.read()?;
    let swapped = Header {
        kind,
        width: height,
        height: width,
    };
    call.write(0, &swapped)?;
    call.write(size_of::<Header>(), b"swapped")?;
    Ok(size_of::<Header>() + 7)
}

/// A step for each byte of the input, on threads of its own.
fn steps(call: &mut Call) -> Result<usize, Error> {
    let control = call.control();
    let total = call.input().len() as u64;
    let output = call.output();
    thread::scope(|scope| {
        let step = |(done, byte): (usize, &mut u8)| {
            if control.cancelled() {
                return Err(Error::cancelled());
            }
            control.progress(done as u64 + 1, total);
            *byte = b'x';
            Ok(())
        };
        let worker = scope.spawn(move || output.iter_mut().enumerate().try_for_each(step));
        worker.join().unwrap_or_else(|_| Err(Error::new("the thread panicked")))
    })?;
    Ok(call.capacity())
}

fn named(call: &mut Call) -> Result<usize, Error> {
    call.reply(call.operation().unwrap_or("none"))
}

library! {
    operations: { "swap" => swap, "steps" => steps, "named" => named, "also named" => named },
    name: concat!("tools ", env!("CARGO_PKG_VERSION")),
    concurrent,
}

fn request(operation: &str) -> Request<'_> {
    Request {
        operation: Some(operation),
        ..Request::default()
    }
}

#[test]
fn says_what_it_is() {
    let host = Host::of(&LIBRARY);
    assert_eq!(host.operations(), ["swap", "steps", "named", "also named"]);
    assert_eq!(host.name(), Some(concat!("tools ", env!("CARGO_PKG_VERSION"))));
    assert!(host.is_concurrent());
}

#[test]
fn types_are_read_and_written_at_any_alignment() {
    for shared in [false, true] {
        for at in 0..8 {
            let mut memory = [0; 32];
            let header = Header {
                kind: 5,
                width: 640.into(),
                height: 480.into(),
            };
            memory[at..at + 9].copy_from_slice(header.as_bytes());
            let asked = Request {
                shared,
                ..request("swap")
            };
            assert_eq!(Host::of(&LIBRARY).perform(&mut memory[at..], asked).result, Ok(16));
            let (swapped, rest) = Header::read_from_prefix(&memory[at..]).unwrap();
            assert_eq!((swapped.kind, swapped.width.get(), swapped.height.get()), (5, 480, 640));
            assert_eq!(rest[..8], *b"swapped\0");
        }
    }
}

#[test]
fn an_operation_knows_its_name() {
    for name in ["named", "also named"] {
        let mut memory = [0; 16];
        let outcome = Host::of(&LIBRARY).perform(&mut memory, request(name));
        assert_eq!(outcome.result, Ok(name.len()));
        assert_eq!(memory[..name.len()], *name.as_bytes());
    }
}

#[test]
fn a_call_without_an_operation_is_told_their_names() {
    let outcome = Host::of(&LIBRARY).perform(&mut [0; 8], Request::default());
    assert_eq!(outcome.result, Err(Answer::Failed(-1)));
    assert_eq!(
        outcome.words.as_deref(),
        Some("name an operation: swap, steps, named, also named")
    );
}

#[test]
fn threads_of_a_call_report_progress_and_learn_that_it_is_cancelled() {
    let host = Host::of(&LIBRARY);
    let mut memory = *b"....";
    let outcome = host.perform(&mut memory, request("steps"));
    assert_eq!(outcome.result, Ok(4));
    assert_eq!(outcome.progress, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    assert_eq!(memory, *b"xxxx");

    for (cancel_after, written) in [(0, b"...."), (1, b"x..."), (3, b"xxx.")] {
        let mut memory = *b"....";
        let cancelled = Request {
            cancel_after: Some(cancel_after),
            ..request("steps")
        };
        let outcome = host.perform(&mut memory, cancelled);
        assert_eq!(outcome.result, Err(Answer::Failed(-2)));
        assert_eq!(outcome.words.as_deref(), Some("the call was cancelled"));
        assert_eq!(outcome.progress.len(), cancel_after as usize);
        assert_eq!(&memory, written);
    }
}

#[test]
#[should_panic(expected = "there is no operation \"turn\"")]
fn the_host_knows_no_other_operation() {
    Host::of(&LIBRARY).perform(&mut [0; 8], request("turn"));
}
