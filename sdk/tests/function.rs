//! A library that is one function.
#![forbid(unsafe_code)]

use std::fs::File;

use inplace_exchange_sdk::testing::{Answer, Host, Request};
use inplace_exchange_sdk::{Call, Error, library};

/// Does what the first byte says.
fn does(call: &mut Call) -> Result<usize, Error> {
    assert_eq!(call.operation(), None);
    match call.input().first() {
        Some(b'u') => {
            let len = call.input().len();
            call.output_of(len)?.make_ascii_uppercase();
            Ok(len)
        }
        Some(b'r') => call.reply("a message of 23 bytes.."),
        Some(b'p') => panic!("on {}", "purpose"),
        Some(b's') => panic!("in one word"),
        Some(b'a') => std::panic::panic_any(Bomb),
        Some(b'f') => {
            File::open("/nowhere/at/all")?;
            Ok(0)
        }
        Some(b'n') => Err("before\0after")?,
        Some(b't') => Ok(1000),
        Some(b'm') => Ok(usize::MAX),
        Some(b'w') => {
            assert_eq!(call.capacity(), 8);
            call.write(5, &[1u8; 3])?;
            call.write(6, &[2u8; 3])?;
            Ok(0)
        }
        Some(b'q') => call.read::<[u8; 6]>().map(|bytes| usize::from(bytes[5])),
        _ => Ok(0),
    }
}

/// What a panic may leave behind: another one.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

library!(does);

/// The answer, the words, and the memory after the call.
fn answer(input: &str, len: usize) -> (Result<usize, Answer>, Option<String>, Vec<u8>) {
    let mut memory = vec![b'.'; len];
    memory[..input.len()].copy_from_slice(input.as_bytes());
    let mut request = Request {
        input: Some(input.len()),
        ..Request::default()
    };
    let mut of_shared = memory.clone();
    let outcome = Host::of(&LIBRARY).perform(&mut memory, request);
    request.shared = true;
    let shared = Host::of(&LIBRARY).perform(&mut of_shared, request);
    assert_eq!(shared, outcome, "of shared memory");
    if let Ok(message) = outcome.result {
        assert_eq!(of_shared[..message], memory[..message]);
    }
    (outcome.result, outcome.words, memory)
}

fn failure(input: &str, len: usize) -> (i64, String) {
    match answer(input, len) {
        (Err(Answer::Failed(status)), Some(words), _) => (status, words),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_message_is_written_over_the_input() {
    let (result, words, memory) = answer("upper", 8);
    assert_eq!((result, words), (Ok(5), None));
    assert_eq!(memory, b"UPPER...");
    assert_eq!(answer("", 0).0, Ok(0));
    assert_eq!(answer("", 8).0, Ok(0));
}

#[test]
fn a_reply_fits_or_leaves_the_input() {
    let (result, _, memory) = answer("r", 23);
    assert_eq!((result, &*memory), (Ok(23), &b"a message of 23 bytes.."[..]));
    let (result, words, memory) = answer("r", 22);
    assert_eq!((result, words), (Err(Answer::TooSmall(23)), None));
    assert_eq!(memory[..2], *b"r.");
}

#[test]
fn a_panic_is_an_error_with_its_words() {
    assert_eq!(failure("p", 8), (-3, "the library panicked: on purpose".into()));
    assert_eq!(failure("s", 8), (-3, "the library panicked: in one word".into()));
    assert_eq!(failure("a", 8), (-3, "the library panicked: without words".into()));
    assert_eq!(answer("upper", 8).0, Ok(5), "and the next call is made");
}

#[test]
fn an_error_has_the_words_of_its_cause() {
    let (status, words) = failure("f", 8);
    assert_eq!(status, -1);
    assert_eq!(words, File::open("/nowhere/at/all").unwrap_err().to_string());
    assert_eq!(failure("n", 8).1, "before", "a C string ends at a NUL");
}

#[test]
fn a_length_beyond_the_memory_is_what_the_message_needs() {
    assert_eq!(answer("t", 999).0, Err(Answer::TooSmall(1000)));
    assert_eq!(answer("t", 1000).0, Ok(1000));
    assert!(
        matches!(answer("m", 8).0, Err(Answer::TooSmall(1_000_000_000..))),
        "more than an i64 can say"
    );
}

#[test]
fn typed_access_is_checked() {
    let (result, _, memory) = answer("w", 8);
    assert_eq!(result, Err(Answer::TooSmall(9)));
    if !memory.is_empty() {
        assert_eq!(memory[5..], [1; 3], "what did not fit was not written");
    }
    assert_eq!(answer("q....\x07", 8).0, Ok(7));
    assert_eq!(
        failure("q...", 8),
        (-1, "the input has 4 bytes; the request has 6".into())
    );
}

#[test]
fn an_operation_is_refused_by_the_host() {
    let host = Host::of(&LIBRARY);
    assert!(host.operations().is_empty());
    assert_eq!((host.name(), host.is_concurrent()), (None, false));
}
