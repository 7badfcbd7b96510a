mod closes;

use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Instant;

use super::*;
use crate::call::{Call, CompletionSink, NativeCall};
use crate::error::Error;
use crate::library::Library;
use crate::library::tests::{Exports, exchange_in_place, lend, library};
use crate::request::Request;
use crate::session::Session;
use crate::sync::{AtomicBool, Ordering, after};

/// What an environment is told, in order.
#[derive(Default)]
struct Environment {
    completed: Mutex<Vec<(u64, Option<u32>)>>,
}

impl CompletionSink for Environment {
    fn push(&self, call: Arc<dyn Call>) {
        assert!(call.has_ended());
        let count = call.take_outcome().ok();
        self.completed.lock().unwrap().push((call.id(), count));
    }
}

impl Environment {
    fn submit(self: &Arc<Self>, session: &Arc<Session>, id: u64, memory: &mut [u8]) -> Arc<NativeCall> {
        let call = NativeCall::new(
            id,
            Arc::clone(session),
            Arc::clone(self) as Arc<dyn CompletionSink>,
            lend(memory),
            Request::default(),
        );
        Arc::clone(&call).submit().unwrap();
        call
    }

    fn completed(&self) -> Vec<(u64, Option<u32>)> {
        self.completed.lock().unwrap().clone()
    }
}

/// What a library of a test has seen. Each test has a library, and so a number, of its own.
struct Seen {
    inside: AtomicUsize,
    most: AtomicUsize,
    opened: AtomicUsize,
    closed: AtomicUsize,
    cancelled: AtomicUsize,
    /// The first byte of what each call was lent.
    order: Mutex<Vec<u8>>,
    threads: Mutex<Vec<thread::ThreadId>>,
    /// Calls stay inside until this is set.
    go: AtomicBool,
}
static SEEN: [Seen; 11] = [const {
    Seen {
        inside: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        opened: AtomicUsize::new(0),
        closed: AtomicUsize::new(0),
        cancelled: AtomicUsize::new(0),
        order: Mutex::new(Vec::new()),
        threads: Mutex::new(Vec::new()),
        go: AtomicBool::new(false),
    }
}; 11];

impl Seen {
    fn release(&self) {
        self.go.store(true, Ordering::SeqCst);
    }

    fn wait_for_calls(&self, count: usize) {
        until(|| self.inside.load(Ordering::SeqCst) == count);
    }

    fn opened_and_closed(&self) -> [usize; 2] {
        [&self.opened, &self.closed].map(|count| count.load(Ordering::SeqCst))
    }
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

unsafe extern "C" fn exchange<const N: usize>(data: *mut u8, len: usize) -> i64 {
    let seen = &SEEN[N];
    let inside = seen.inside.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most.fetch_max(inside, Ordering::SeqCst);
    until(|| seen.go.load(Ordering::SeqCst));
    // SAFETY: the test lends len bytes at data, and they are not none.
    seen.order.lock().unwrap().push(unsafe { data.read() });
    seen.threads.lock().unwrap().push(thread::current().id());
    // SAFETY: as above.
    unsafe { data.write_bytes(0xA5, len) };
    seen.inside.fetch_sub(1, Ordering::SeqCst);
    len as i64
}

unsafe extern "C" fn open<const N: usize>() -> i64 {
    SEEN[N].threads.lock().unwrap().push(thread::current().id());
    SEEN[N].opened.fetch_add(1, Ordering::SeqCst);
    0
}

unsafe extern "C" fn close<const N: usize>() {
    let inside = SEEN[N].inside.load(Ordering::SeqCst);
    assert_eq!(inside, 0, "closed while a call was inside");
    SEEN[N].threads.lock().unwrap().push(thread::current().id());
    SEEN[N].closed.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn cancel<const N: usize>() {
    SEEN[N].cancelled.fetch_add(1, Ordering::SeqCst);
    SEEN[N].release();
}

fn exports<const N: usize>(serial: bool) -> Exports {
    Exports {
        exchange: exchange::<N>,
        open: Some(open::<N>),
        close: Some(close::<N>),
        cancel: Some(cancel::<N>),
        serial,
    }
}

fn session_of(library: &'static Library) -> Arc<Session> {
    Arc::new(Session::new(library))
}

/// A synchronous call, as an environment makes it.
fn exchange_now(session: &Session, memory: &mut [u8]) -> Result<u32, Box<Error>> {
    session.open()?;
    exchange_in_place(session.library(), memory)
}

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn calls_of_a_serial_library_are_made_in_order_alone_and_on_one_thread() {
    let library = library(exports::<0>(true));
    let seen = &SEEN[0];
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let mut lent: Vec<_> = (0..50).map(|id| vec![id; 64]).collect();
    let calls: Vec<_> = (0..)
        .zip(&mut lent)
        .map(|(id, memory)| environment.submit(&session, id, memory))
        .collect();
    seen.wait_for_calls(1);
    let busy = exchange_now(&session, &mut [0; 64]).map_err(|error| *error);
    assert!(matches!(busy, Err(Error::LibraryBusy { .. })));
    seen.release();
    assert!(calls.iter().all(|call| call.wait(None)));
    until(|| environment.completed().len() == 50);
    assert_eq!(*seen.order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert_eq!(
        environment.completed(),
        (0..50).map(|id| (id, Some(64))).collect::<Vec<_>>()
    );
    assert_eq!(seen.most.load(Ordering::SeqCst), 1);
    assert!(lent.iter().flatten().all(|&byte| byte == 0xA5));
    session.close(Some(after(LONG)));
    assert_eq!(seen.opened_and_closed(), [1, 1]);
    let threads = seen.threads.lock().unwrap().clone();
    assert_eq!(threads.len(), 1 + 50 + 1);
    assert!(
        threads
            .iter()
            .all(|id| *id == threads[0] && *id != thread::current().id())
    );
    until(|| exchange_now(&session, &mut [0; 64]).is_ok());
    session.close(Some(after(LONG)));
    assert_eq!(seen.opened_and_closed(), [2, 2]);
    library.dispatcher().stop();
}

#[test]
fn queued_calls_are_dropped_when_they_are_cancelled() {
    let library = library(exports::<1>(true));
    let seen = &SEEN[1];
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let mut lent = [[0; 64]; 5];
    let calls: Vec<_> = (0..)
        .zip(&mut lent)
        .map(|(id, memory)| environment.submit(&session, id, memory))
        .collect();
    seen.wait_for_calls(1);
    assert_eq!(calls[1].cancel(), Cancelled::Dropped);
    assert_eq!(calls[1].cancel(), Cancelled::NoEffect);
    assert!(calls[1].has_ended() && calls[1].wait(None));
    assert!(matches!(
        calls[1].take_outcome().map_err(|error| *error),
        Err(Error::Aborted)
    ));
    session.close(None); // when the last call has left
    assert_eq!(seen.opened_and_closed(), [1, 0]);
    seen.release();
    assert!(calls.iter().all(|call| call.wait(None)));
    until(|| environment.completed().len() == 4);
    assert_eq!(environment.completed(), [0, 2, 3, 4].map(|id| (id, Some(64))));
    assert!(lent[1].iter().all(|&byte| byte == 0), "it was not made");
    assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0, "none that ran was cancelled");
    session.close(Some(after(LONG)));
    let [opened, closed] = seen.opened_and_closed();
    assert_eq!(opened, closed);
    library.dispatcher().stop();
}

#[test]
fn a_thread_that_waits_for_a_queued_call_wakes_when_another_cancels_it() {
    let library = library(exports::<9>(true));
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let (mut first, mut second) = ([0; 64], [0; 64]);
    let running = environment.submit(&session, 0, &mut first);
    let queued = environment.submit(&session, 1, &mut second);
    SEEN[9].wait_for_calls(1);
    thread::scope(|scope| {
        let waits = scope.spawn(|| queued.wait(Some(after(LONG))));
        until(|| lock(&library.dispatcher().queue).observers == 1);
        assert_eq!(queued.cancel(), Cancelled::Dropped);
        let begun = Instant::now();
        assert!(waits.join().unwrap() && begun.elapsed() < Duration::from_secs(5));
    });
    SEEN[9].release();
    running.wait(None);
    session.close(Some(after(LONG)));
    library.dispatcher().stop();
}

#[test]
fn a_call_that_was_not_submitted_can_be_cancelled_and_takes_no_other_with_it() {
    let library = library(exports::<8>(true));
    SEEN[8].release();
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let (mut first, mut second) = ([0; 64], [0; 64]);
    let gate = library.dispatcher().gate().unwrap();
    gate.acquire();
    let submitted = environment.submit(&session, 0, &mut first);
    let completions = Arc::clone(&environment) as Arc<dyn CompletionSink>;
    let held = NativeCall::new(
        1,
        Arc::clone(&session),
        completions,
        lend(&mut second),
        Request::default(),
    );
    assert_eq!(held.cancel(), Cancelled::Dropped);
    gate.release();
    submitted.wait(None);
    until(|| environment.completed() == [(0, Some(64))]);
    session.close(None);
    library.dispatcher().stop();
}

#[test]
fn a_library_is_cancelled_when_all_that_run_are_and_again_until_they_return() {
    let library = library(Exports {
        cancel: Some(cancel_late),
        ..exports::<2>(false)
    });
    unsafe extern "C" fn cancel_late() {
        if SEEN[2].cancelled.fetch_add(1, Ordering::SeqCst) == 2 {
            SEEN[2].release();
        }
    }
    let seen = &SEEN[2];
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let mut lent = [[0; 64]; 2];
    let calls: Vec<_> = (0..)
        .zip(&mut lent)
        .map(|(id, memory)| environment.submit(&session, id, memory))
        .collect();
    seen.wait_for_calls(2);
    assert_eq!(calls[0].cancel(), Cancelled::Requested);
    thread::sleep(2 * SOON);
    assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0, "the other call would be hit");
    assert_eq!(calls[1].cancel(), Cancelled::Requested);
    assert!(calls.iter().all(|call| call.wait(None)), "the third time it listens");
    until(|| environment.completed().len() == 2);
    let counts = environment
        .completed()
        .iter()
        .map(|&(_, count)| count)
        .collect::<Vec<_>>();
    assert_eq!(counts, [None, None], "their messages do not count");
    session.close(None);
    library.dispatcher().stop();
}

#[test]
fn a_concurrent_library_has_as_many_threads_as_calls_up_to_four() {
    let library = library(exports::<3>(false));
    let seen = &SEEN[3];
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let mut lent = [[0; 64]; 12];
    let calls: Vec<_> = (0..)
        .zip(&mut lent)
        .map(|(id, memory)| environment.submit(&session, id, memory))
        .collect();
    seen.wait_for_calls(MAX_THREADS);
    thread::sleep(SOON);
    assert_eq!(seen.most.load(Ordering::SeqCst), MAX_THREADS);
    seen.release();
    assert!(calls.iter().all(|call| call.wait(None)));
    until(|| environment.completed().len() == 12);
    session.close(Some(after(LONG)));
    assert_eq!(seen.opened_and_closed(), [1, 1]);
    library.dispatcher().stop();
}

#[test]
fn synchronous_and_asynchronous_calls_and_closes_of_many_threads_never_meet() {
    let library = library(exports::<4>(true));
    let seen = &SEEN[4];
    seen.release();
    let made = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let environment = Arc::new(Environment::default());
                    let session = session_of(library);
                    let mut lent = [[0; 64]; 5];
                    let mut calls = Vec::new();
                    for (id, memory) in (0..).zip(&mut lent) {
                        calls.push(environment.submit(&session, id, memory));
                        if id == 3 {
                            calls[3].cancel();
                        }
                        let now = exchange_now(&session, &mut [0; 64]);
                        assert!(now.is_ok() || matches!(now.map_err(|error| *error), Err(Error::LibraryBusy { .. })));
                    }
                    assert!(calls.iter().all(|call| call.wait(None)));
                    made.fetch_add(calls.len(), Ordering::SeqCst);
                    session.close(None);
                }
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 600);
    assert_eq!(seen.most.load(Ordering::SeqCst), 1, "one at a time");
    until(|| seen.opened.load(Ordering::SeqCst) == seen.closed.load(Ordering::SeqCst));
    assert!(
        exchange_now(&session_of(library), &mut [0; 64]).is_ok(),
        "it is free again"
    );
    library.dispatcher().stop();
}

#[test]
fn a_synchronous_caller_gets_in_beside_an_endless_queue() {
    let library = library(exports::<5>(true));
    SEEN[5].release();
    let environment = Arc::new(Environment::default());
    let session = session_of(library);
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut lent = [[0; 64]; 8];
            while !done.load(Ordering::SeqCst) {
                let calls: Vec<_> = (0..)
                    .zip(&mut lent)
                    .map(|(id, memory)| environment.submit(&session, id, memory))
                    .collect();
                assert!(calls.iter().all(|call| call.wait(None)));
            }
        });
        let other = session_of(library);
        for _ in 0..20 {
            until(|| exchange_now(&other, &mut [0; 64]).is_ok());
        }
        done.store(true, Ordering::SeqCst);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        other.close(None);
    });
    session.close(None);
    library.dispatcher().stop();
}

#[test]
fn a_serial_library_needs_no_lock_and_what_it_wrote_is_seen() {
    /// Neither atomic nor locked, so that ThreadSanitizer sees whether the gate alone orders what the library does.
    static mut STATE: usize = 0;
    unsafe extern "C" fn count(data: *mut u8, len: usize) -> i64 {
        // SAFETY: never two threads are inside.
        unsafe { STATE += 1 };
        // SAFETY: the test lends len bytes at data.
        unsafe { data.write_bytes(0xA5, len) };
        len as i64
    }
    unsafe extern "C" fn count_close() {
        // SAFETY: never two threads are inside.
        unsafe { STATE += 1 };
    }

    let library = library(Exports {
        exchange: count,
        open: None,
        close: Some(count_close),
        cancel: None,
        serial: true,
    });
    let environment = Arc::new(Environment::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for id in 0..20 {
                    let session = session_of(library);
                    let mut lent = [0; 64];
                    let call = environment.submit(&session, id, &mut lent);
                    let _may_be_busy = exchange_now(&session, &mut [0; 64]);
                    until(|| call.has_ended()); // without the lock that `wait` takes
                    assert_eq!(lent, [0xA5; 64]);
                    session.close(None);
                }
            });
        }
    });
    library.dispatcher().stop();
}
