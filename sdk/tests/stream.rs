//! A library with state that makes the messages of a stream by itself.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

use inplace_exchange_sdk::testing::{Answer, Host, Request, StreamOutcome, StreamRequest};
use inplace_exchange_sdk::{Call, Error, Sink, library};

static OPENED: AtomicU32 = AtomicU32::new(0);

/// How many streams there were.
struct Engine(u8);

impl Engine {
    fn open() -> Result<Self, Error> {
        OPENED.fetch_add(1, SeqCst);
        Ok(Self(0))
    }

    fn perform(&mut self, call: &mut Call) -> Result<usize, Error> {
        call.reply([self.0])
    }

    /// Does what the input says.
    fn stream(&mut self, sink: &mut Sink) -> Result<(), Error> {
        self.0 += 1;
        match sink.input() {
            b"count" => count(sink),
            b"callback" => callback(sink),
            b"moved" => moved(sink),
            b"dropped" => dropped(sink),
            b"long" => long(sink),
            b"describe" => {
                let words = format!("{:?} {} {}", sink.operation(), sink.capacity(), sink.cancelled());
                sink.next().ok_or("no memory")?.reply(words)
            }
            b"fail" => {
                sink.next().ok_or("no memory")?.reply("one")?;
                Err(Error::new("the engine is out of fuel").with_status(-40))
            }
            b"small" => sink.next().ok_or("no memory")?.send(1000),
            b"panic" => panic!("half done"),
            b"panic elsewhere" => {
                let died = thread::scope(|scope| scope.spawn(|| panic!("in the engine")).join().is_err());
                if died {
                    Err("the engine has died".into())
                } else {
                    Ok(())
                }
            }
            b"" => sink.next().ok_or("no memory")?.reply(""),
            other => Err(Error::new(other.escape_ascii())),
        }
    }
}

/// To the end.
fn count(sink: &mut Sink) -> Result<(), Error> {
    let mut value = 0_u8;
    while let Some(mut message) = sink.next() {
        value += 1;
        message.bytes().set(0, value)?;
        message.write(1, &[value, value])?;
        message.send(3)?;
    }
    assert!(sink.cancelled() && sink.try_next().is_none());
    Ok(())
}

/// The engine's thread has the sink, and this one waits for the end of the stream.
fn callback(sink: &mut Sink) -> Result<(), Error> {
    let control = sink.control();
    let input = sink.input();
    thread::scope(|scope| {
        let engine = scope.spawn(move || {
            while !control.cancelled() {
                if let Some(message) = sink.try_next() {
                    message.reply(input)?;
                }
            }
            Ok(())
        });
        while !control.cancelled() {
            thread::yield_now();
        }
        engine.join().unwrap_or_else(|_| Err("the engine has panicked".into()))
    })
}

/// A message that one thread begins, and another one sends.
fn moved(sink: &mut Sink) -> Result<(), Error> {
    let mut message = sink.next().ok_or("no memory")?;
    message.write(0, b"a.")?;
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            message.write(1, b"b")?;
            message.send(2)
        });
        other.join().unwrap_or_else(|_| Err("panicked".into()))
    })
}

fn dropped(sink: &mut Sink) -> Result<(), Error> {
    sink.next().ok_or("no memory")?.write(0, b"kept")?;
    let mut same = sink.next().ok_or("no memory")?;
    assert_eq!(same.bytes().read::<[u8; 4]>(0)?, *b"kept");
    same.send(4)
}

/// What does not fit is neither written nor handed over, and the stream goes on.
fn long(sink: &mut Sink) -> Result<(), Error> {
    let mut message = sink.next().ok_or("no memory")?;
    message.write(0, b"12345678")?;
    assert_eq!(message.capacity(), 8);
    let words = |result: Result<(), Error>| result.map_err(|error| error.to_string());
    let expected = || Err("the message needs 9 bytes".to_owned());
    assert_eq!(words(message.write(6, b"abc")), expected());
    assert_eq!(words(message.send(9)), expected());
    assert_eq!(words(sink.next().ok_or("no memory")?.reply("123456789")), expected());
    sink.next().ok_or("no memory")?.send(8)
}

library! {
    state: Engine,
    operations: { "first" => Engine::perform, "second" => Engine::perform },
    call: Engine::perform,
    stream: Engine::stream,
}

fn run(input: &str, messages: usize, capacity: usize) -> StreamOutcome {
    Host::of(&LIBRARY).stream(StreamRequest {
        input: input.as_bytes(),
        messages,
        capacity,
        ..StreamRequest::default()
    })
}

fn done<const N: usize>(messages: [&[u8]; N]) -> StreamOutcome {
    StreamOutcome {
        messages: messages.iter().map(|message| message.to_vec()).collect(),
        result: Ok(()),
        words: None,
    }
}

fn failed(status: i64, words: &str) -> StreamOutcome {
    StreamOutcome {
        messages: vec![],
        result: Err(Answer::Failed(status)),
        words: Some(words.to_owned()),
    }
}

#[test]
fn messages_come_in_order_until_the_stream_is_to_end() {
    assert_eq!(run("count", 3, 8), done([&[1; 3], &[2; 3], &[3; 3]]));
    assert_eq!(run("count", 0, 8), done([]));
}

#[test]
fn an_engine_may_use_the_sink_on_its_own_thread() {
    assert_eq!(run("callback", 3, 8), done([b"callback"; 3]));
    assert_eq!(run("moved", 9, 8), done([b"ab"]));
}

#[test]
fn a_message_that_is_dropped_is_not_handed_over() {
    assert_eq!(run("dropped", 9, 8), done([b"kept"]));
}

#[test]
fn a_message_has_to_fit() {
    assert_eq!(run("long", 9, 8), done([b"12345678"]));
    assert_eq!(run("", 9, 0), done([b""]), "no bytes at all");
    assert_eq!(run("small", 9, 8), failed(-1, "the message needs 1000 bytes"));
}

#[test]
fn the_function_learns_what_the_caller_asks_for() {
    assert_eq!(run("describe", 9, 64), done([b"None 64 false"]));
    let second = StreamRequest {
        operation: Some("second"),
        input: b"describe",
        capacity: 32,
        messages: 9,
    };
    assert_eq!(Host::of(&LIBRARY).stream(second), done([br#"Some("second") 32 false"#]));
}

#[test]
fn an_error_has_its_words_and_leaves_what_was_sent() {
    let expected = StreamOutcome {
        messages: vec![b"one".to_vec()],
        ..failed(-40, "the engine is out of fuel")
    };
    assert_eq!(run("fail", 9, 8), expected);
    assert_eq!(run("what?", 9, 8), failed(-1, "what?"));
    assert_eq!(run("panic elsewhere", 9, 8), failed(-1, "the engine has died"));
}

#[test]
fn a_panic_is_an_error_and_the_next_call_has_a_new_state() {
    let host = Host::of(&LIBRARY);
    let before = OPENED.load(SeqCst);
    assert_eq!(run("panic", 9, 8), failed(-3, "the library panicked: half done"));
    let mut memory = [7; 4];
    assert_eq!(host.perform(&mut memory, Request::default()).result, Ok(1));
    assert!(OPENED.load(SeqCst) > before);
}
