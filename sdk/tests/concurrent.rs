//! A library with state, several calls at a time.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use inplace_exchange_sdk::testing::{Answer, Host, Request, StreamRequest};
use inplace_exchange_sdk::{Call, Error, Sink, library};

/// How many states there are. There is never more than one: each may hold the one device.
static LIVE: AtomicU32 = AtomicU32::new(0);
static OPENED: AtomicU32 = AtomicU32::new(0);

struct Device {
    both_inside: Barrier,
    log: Mutex<Vec<u8>>,
}

impl Device {
    fn open() -> Result<Self, Error> {
        assert_eq!(LIVE.fetch_add(1, SeqCst), 0, "opened twice");
        thread::sleep(Duration::from_millis(1)); // long enough for another call to look for the state
        OPENED.fetch_add(1, SeqCst);
        Ok(Self {
            both_inside: Barrier::new(2),
            log: Mutex::default(),
        })
    }

    fn meet(&self, _call: &mut Call) -> Result<usize, Error> {
        self.both_inside.wait();
        Ok(0)
    }

    fn stream(&self, sink: &mut Sink) -> Result<(), Error> {
        self.both_inside.wait();
        sink.next().ok_or("no memory")?.reply("met")
    }

    fn log(&self, call: &mut Call) -> Result<usize, Error> {
        let mut log = self.log.lock().map_err(|_| "the log is poisoned")?;
        assert!(call.input() != b"panic");
        log.extend_from_slice(call.input());
        Ok(call.input().len())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        thread::yield_now();
        LIVE.fetch_sub(1, SeqCst);
    }
}

library! {
    state: Device,
    concurrent,
    stream: Device::stream,
    operations: { "meet" => Device::meet, "log" => Device::log },
}

/// One test: what it counts, all users of the state would change.
#[test]
fn a_state_is_shared_by_calls_at_the_same_time() {
    let request = |operation| Request {
        operation: Some(operation),
        ..Request::default()
    };
    let log = |host: &Host, text: &str| host.perform(&mut text.as_bytes().to_vec(), request("log"));

    let host = Host::of(&LIBRARY);
    assert_eq!(log(&host, "").result, Ok(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(Host::of(&LIBRARY).perform(&mut [0; 4], request("meet")).result, Ok(0)));
        }
    });
    let stream = StreamRequest {
        capacity: 3,
        messages: 2,
        ..StreamRequest::default()
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(Host::of(&LIBRARY).stream(stream).messages, [b"met"]));
        }
    });

    assert_eq!(log(&host, "ab").result, Ok(2));
    let before = OPENED.load(SeqCst);
    assert_eq!(log(&host, "panic").result, Err(Answer::Failed(-3)));
    assert_eq!(
        log(&host, "c").words.as_deref(),
        Some("the log is poisoned"),
        "other calls may use it: it stays"
    );
    assert_eq!(OPENED.load(SeqCst), before);
    drop(host);
    assert_eq!(LIVE.load(SeqCst), 0);

    // Pages that come and go: each call finds a state, and a new one is never opened beside an old one.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(log(&Host::of(&LIBRARY), "d").result, Ok(1));
                }
            });
        }
    });
    assert_eq!(LIVE.load(SeqCst), 0);
    assert!(OPENED.load(SeqCst) > before);
}
