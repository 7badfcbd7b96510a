//! Streams that the library's process fills by itself, as it has the ring's memory, with the real program.
#![cfg(all(target_os = "linux", not(feature = "portable")))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod ring;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Call, Error, LentMemory, Policy, Request};
use library_process::Options;
use ring::{DROPPED, ENDED, FAILED, PHASE, PUBLISHED, Ring, STOP, open, until};

const OPTIONS: Options = Options {
    timeout: None,
    restarts: 100,
    isolate: false,
    confine: false,
    shared: false,
};

/// A process of its own for each test: one of other options.
fn options(test: usize) -> Options {
    Options {
        restarts: 100 + test,
        ..OPTIONS
    }
}

fn with_limit(test: usize, milliseconds: u64) -> Options {
    Options {
        timeout: Some(Duration::from_millis(milliseconds)),
        ..options(test)
    }
}

/// What counter.c is told: the microseconds that a message takes, and the count at which it fails.
fn takes(microseconds: u32, fails_at: u32) -> Vec<u8> {
    [microseconds, fails_at].map(u32::to_le_bytes).concat()
}

fn exchange(library: &ring::Opened) -> Result<u32, Box<Error>> {
    let mut bytes = [0; 64];
    let data = std::ptr::NonNull::from(&mut bytes).cast();
    // SAFETY: the bytes are this function's for the time of the call.
    let memory = unsafe { LentMemory::new(data, bytes.len()) };
    library.own.library.exchange_now(memory, &Request::default())
}

#[test]
fn messages_come_in_order_and_each_as_it_was_written() {
    for (test, library) in [
        (0, "counter"),
        (1, "counter-concurrent"),
        (2, "pushes"),
        (3, "pushes-concurrent"),
    ] {
        let library = open(library, &options(test));
        for (slots, policy) in [(2, Policy::Wait), (64, Policy::Wait), (1024, Policy::DropNewest)] {
            let ring = Ring::new(&library, slots, 100, policy, &[]);
            ring.begin();
            let counts = ring.take(5000);
            let first = counts[0];
            if policy == Policy::Wait {
                let expected: Vec<u32> = (first..first + 5000).collect();
                assert_eq!(counts, expected);
            } else {
                assert!(counts.is_sorted(), "what was dropped is left out");
            }
            assert_eq!(ring.stop().unwrap_err().code(), "ABORT_ERR");
            assert_eq!(ring.word(PHASE).load(Ordering::Relaxed), ENDED);
        }
    }
}

#[test]
fn it_is_the_process_that_fills_them() {
    let library = open("counter-concurrent", &options(10));
    let ring = Ring::new(&library, 2, 64, Policy::DropNewest, &[]);
    ring.begin();
    let dropped = || ring.word(DROPPED).load(Ordering::Relaxed);
    until(|| dropped() > 0);
    // A call for each takes five microseconds at the least.
    until(|| {
        let (begun, before) = (Instant::now(), dropped());
        thread::sleep(Duration::from_millis(20));
        f64::from(dropped() - before) / begun.elapsed().as_secs_f64() > 400_000.0
    });
    ring.stop().unwrap_err();
}

#[test]
fn what_is_old_is_dropped_in_order_from_turn_to_turn() {
    let library = open("counter", &options(20));
    let ring = Ring::new(&library, 4, 64, Policy::DropOldest, &takes(200, 0));
    ring.begin();
    until(|| ring.word(DROPPED).load(Ordering::Relaxed) > 50); // of which each turn makes five
    let other = Ring::new(&library, 4, 64, Policy::Wait, &takes(1, 0));
    other.begin();
    other.take(100);
    assert_eq!(other.stop().unwrap_err().code(), "ABORT_ERR");
    assert_eq!(ring.stop().unwrap_err().code(), "ABORT_ERR");
    let (published, dropped) = (ring.word(PUBLISHED), ring.word(DROPPED));
    let (published, dropped) = (published.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed));
    let left = ring.waiting();
    assert_eq!(published, dropped + u32::try_from(left.len()).unwrap());
    let expected: Vec<u32> = (dropped..published).collect();
    assert_eq!(left, expected, "the latest are left");
}

#[test]
fn the_library_ends_it_or_fails_with_its_words() {
    for (test, library) in [(30, "counter"), (31, "counter-concurrent")] {
        let library = open(library, &options(test));
        let ring = Ring::new(&library, 64, 64, Policy::Wait, &takes(0, 10));
        ring.begin();
        assert!(ring.stream.wait(None));
        match *ring.stream.take_outcome().unwrap_err() {
            Error::LibraryFailed { status, message, .. } => {
                assert_eq!((status, message.as_deref()), (-7, Some("that is enough")));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(ring.word(PHASE).load(Ordering::Relaxed), FAILED);
        assert_eq!(ring.waiting(), (0..9).collect::<Vec<_>>());
    }
    let pushes = open("pushes", &options(32));
    let does = |what: u32, when: u32| {
        let ring = Ring::new(
            &pushes,
            64,
            64,
            Policy::Wait,
            &[what, when].map(u32::to_le_bytes).concat(),
        );
        ring.begin();
        assert!(ring.stream.wait(None));
        (ring.waiting().len(), ring.stream.take_outcome())
    };
    assert!(matches!(does(0, 3), (3, Ok(0))), "it has no more");
    match does(1, 5) {
        (5, Err(error)) => assert!(error.to_string().contains("the engine is out of fuel"), "{error}"),
        other => panic!("{other:?}"),
    }
    match *does(2, 0).1.unwrap_err() {
        Error::LibraryFailed { status, .. } => assert_eq!(status, -102, "nothing too long is handed over"),
        other => panic!("{other:?}"),
    }
    match *Ring::new(&open("too-small", &options(33)), 2, 64, Policy::Wait, &[])
        .outcome()
        .unwrap_err()
    {
        Error::BufferTooSmall { required, .. } => assert_eq!(required, 1064),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_crash_in_the_middle_fails_it_and_the_next_one_has_a_new_process() {
    for (test, name) in [
        (40, "counter"),
        (41, "counter-concurrent"),
        (42, "pushes"),
        (43, "pushes-concurrent"),
    ] {
        let library = open(name, &options(test));
        for _ in 0..3 {
            let ring = Ring::new(&library, 8, 64, Policy::Wait, &[]);
            ring.begin();
            ring.take(2000);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !ring.stream.has_ended() {
                        ring.take_what_is_there();
                    }
                });
                // Between two turns no call runs: an end then is no error, and the next turn has a new process.
                let mut kills = 0;
                while !ring.stream.wait(Some(Instant::now() + Duration::from_millis(100))) && kills < 20 {
                    library.kill();
                    kills += 1;
                }
                let has_ended = ring.stream.has_ended();
                if !has_ended {
                    ring.stream.cancel(); // or the reader goes on
                }
                assert!(has_ended, "{name} hangs");
            });
            let error = ring.stream.take_outcome().unwrap_err();
            assert_eq!(error.code(), "ERR_LIBRARY_CRASHED", "{name}");
            assert_eq!(ring.word(PHASE).load(Ordering::Relaxed), FAILED);
            assert_eq!(ring.in_state(1), 0, "no slot is left half filled");
        }
    }
}

#[test]
fn the_limit_is_that_of_a_message_and_not_of_the_stream() {
    let limit_of = |test, name, shared, input: &[u8], messages| {
        let library = open(
            name,
            &Options {
                shared,
                ..with_limit(test, 1000)
            },
        );
        let ring = Ring::new(&library, 4, 64, Policy::Wait, input);
        ring.begin();
        ring.take(messages);
        thread::sleep(Duration::from_millis(2500)); // the ring is full
        ring.take(messages);
        assert_eq!(ring.stop().unwrap_err().code(), "ABORT_ERR");
        if input.is_empty() {
            return; // it never hangs
        }
        let begun = Instant::now();
        let hangs = Ring::new(&library, 4, 64, Policy::Wait, &takes(60_000_000, 0));
        assert_eq!(hangs.outcome().unwrap_err().code(), "ERR_LIBRARY_TIMEOUT");
        assert!(begun.elapsed() < Duration::from_secs(10));
    };
    thread::scope(|scope| {
        for (test, name, shared) in [
            (50, "counter", false),
            (51, "counter-concurrent", false),
            (53, "counter", true),
            (54, "counter-concurrent", true),
        ] {
            scope.spawn(move || limit_of(test, name, shared, &takes(20_000, 0), 75)); // 1.5 s
        }
        scope.spawn(|| limit_of(52, "pushes", false, &[], 1000));
    });
}

#[test]
fn a_reader_that_closes_ends_it_while_the_library_works_or_waits() {
    for (test, library) in [(60, "counter"), (61, "counter-concurrent"), (62, "pushes")] {
        let library = open(library, &options(test));
        for input in [&takes(0, 0), &takes(60_000_000, 0)] {
            let ring = Ring::new(
                &library,
                2,
                64,
                Policy::Wait,
                if library.name == "pushes" { &[] } else { input },
            );
            ring.begin();
            thread::sleep(Duration::from_millis(50));
            ring.word(STOP).store(1, Ordering::Relaxed);
            assert!(ring.stream.wait(Some(Instant::now() + Duration::from_secs(5))));
            assert_eq!(ring.stream.take_outcome().unwrap(), 0);
        }
    }
}

#[test]
fn an_engine_that_takes_one_call_at_a_time_has_it_to_itself() {
    for (test, name, busy) in [
        (70, "pushes", true),
        (71, "pushes-concurrent", false),
        (72, "counter", false),
    ] {
        let library = open(name, &options(test));
        library.session.open().unwrap();
        let ring = Ring::new(&library, 4, 64, Policy::Wait, &[]);
        ring.begin();
        ring.take(10);
        let second = Ring::new(&library, 4, 64, Policy::Wait, &[]);
        match second.stream.clone().submit() {
            Err(error) => assert_eq!((error.code(), busy), ("ERR_LIBRARY_BUSY", true)),
            Ok(()) => {
                assert!(!busy, "{name}");
                second.take(10);
                second.stop().unwrap_err();
            }
        }
        ring.stop().unwrap_err();
        until(|| exchange(&library).is_ok());
    }
}

#[test]
fn where_the_memory_is_copied_each_message_is_a_call() {
    for (test, name) in [(80, "counter"), (81, "counter-concurrent"), (82, "pushes")] {
        let isolated = Options {
            isolate: true,
            ..options(test)
        };
        let library = open(name, &isolated);
        let ring = Ring::new(&library, 4, 64, Policy::Wait, &[]);
        ring.begin();
        if name == "pushes" {
            until(|| ring.waiting().len() == 4);
            assert_eq!(ring.byte(0), 0xEE, "by exchange_inplace");
        } else {
            let counts = ring.take(500);
            assert_eq!(counts, (1..=500).collect::<Vec<_>>());
        }
        ring.stop().unwrap_err();
    }
}

#[test]
fn whatever_is_written_to_the_ring_only_the_ring_suffers() {
    for (test, name) in [(90, "counter"), (91, "counter-concurrent"), (92, "pushes")] {
        let library = open(name, &options(test));
        for policy in [Policy::Wait, Policy::DropOldest, Policy::DropNewest] {
            let ring = Ring::new(&library, 3, 40, policy, &[]);
            ring.begin();
            let mut random = 0x9E37_79B9_u32;
            for _ in 0..200_000 {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                let at = random as usize % (ring.len / 4);
                let value = if random & 0x100 == 0 { random } else { random >> 9 & 3 };
                ring.word(at)
                    .store(if at == STOP { 0 } else { value }, Ordering::Relaxed);
            }
            assert!(ring.stream.is_running(), "{name}");
            ring.stop().unwrap_err();
            assert!(ring.is_intact_outside(), "{name}");
        }
        assert!(library.client.pid().is_some(), "the process has not suffered");
        assert_eq!(library.client.restarts(), 0);
    }
}

#[test]
fn lies_about_a_stream_end_the_process_and_its_stream() {
    let library = open("hostile", &with_limit(95, 600));
    for (what, code) in [
        (b'i', "ERR_LIBRARY_CRASHED"),
        (b'd', "ERR_LIBRARY_CRASHED"),
        (b'g', "ERR_LIBRARY_CRASHED"),
        (b'S', "ERR_LIBRARY_CRASHED"),
        (b'q', "ERR_LIBRARY_TIMEOUT"),
        (b'a', "ERR_LIBRARY_COUNT"),
    ] {
        let ring = Ring::new(&library, 4, 64, Policy::Wait, &[what]);
        assert_eq!(ring.outcome().unwrap_err().code(), code, "{}", char::from(what));
    }
    library.kill();
    // It says that there are messages all the time, and so may go on. It has no longer than the limit once it is to return.
    let ring = Ring::new(&library, 4, 64, Policy::Wait, b"p");
    ring.begin();
    thread::sleep(Duration::from_millis(1500));
    assert!(ring.stream.is_running());
    let begun = Instant::now();
    ring.stop().unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
}
