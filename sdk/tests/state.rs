//! A library with state, one call at a time.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use inplace_exchange_sdk::testing::{Answer, Host, Outcome, Request};
use inplace_exchange_sdk::{Call, Error, library};

static OPENED: AtomicU32 = AtomicU32::new(0);
static DROPPED: AtomicU32 = AtomicU32::new(0);
static REFUSALS: AtomicU32 = AtomicU32::new(0);
static PANICS_WHEN_DROPPED: AtomicU32 = AtomicU32::new(0);

/// A Cell shows that nothing has to be Sync.
struct Counter {
    total: Cell<u32>,
}

impl Counter {
    fn open() -> Result<Self, Error> {
        if REFUSALS.load(SeqCst) > 0 {
            let left = REFUSALS.fetch_sub(1, SeqCst);
            if left == 1 {
                panic!("no device");
            }
            return Err(Error::new("the device is busy").with_status(-77));
        }
        OPENED.fetch_add(1, SeqCst);
        Ok(Self { total: Cell::new(0) })
    }

    fn add(&mut self, call: &mut Call) -> Result<usize, Error> {
        let total = self.total.get_mut();
        *total += call.read::<u8>()? as u32;
        call.reply(self.total.get().to_string())
    }

    fn half(&mut self, _call: &mut Call) -> Result<usize, Error> {
        self.total.set(1_000_000);
        panic!("half done");
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, SeqCst);
        if PANICS_WHEN_DROPPED.swap(0, SeqCst) > 0 {
            panic!("a destructor");
        }
    }
}

library! {
    state: Counter,
    operations: { "add" => Counter::add, "half" => Counter::half, "nothing" => |_, _| Ok(0) },
    call: Counter::add,
}

/// The tests share the library's state, as the pages of a process do: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    OPENED.store(0, SeqCst);
    DROPPED.store(0, SeqCst);
    alone
}

fn counts() -> (u32, u32) {
    (OPENED.load(SeqCst), DROPPED.load(SeqCst))
}

fn perform(host: &Host, operation: Option<&str>) -> Outcome {
    let request = Request {
        operation,
        ..Request::default()
    };
    host.perform(&mut [1; 8], request)
}

/// The total after 1 was added; it has so many digits.
fn add(host: &Host) -> u32 {
    let mut memory = [1; 8];
    let digits = host.perform(&mut memory, Request::default()).result.expect("a message");
    let text = str::from_utf8(&memory[..digits]).expect("digits");
    text.parse().expect("a number")
}

#[test]
fn is_made_by_the_first_call_and_dropped_by_the_last_close() {
    let _alone = alone();
    let first = Host::of(&LIBRARY);
    assert_eq!(counts(), (0, 0));
    assert_eq!((add(&first), add(&first)), (1, 2));
    assert_eq!(counts(), (1, 0));

    // A page that is reloaded: the next open comes before the close.
    let second = Host::of(&LIBRARY);
    drop(first);
    assert_eq!(counts(), (1, 0));
    assert_eq!(add(&second), 3, "all pages share it");
    drop(second);
    assert_eq!(counts(), (1, 1));

    assert_eq!(add(&Host::of(&LIBRARY)), 1);
    assert_eq!(counts(), (2, 2));
    drop(Host::of(&LIBRARY));
    assert_eq!(counts(), (2, 2), "without a call there is none");
}

#[test]
fn is_dropped_after_a_panic_and_opened_again() {
    let _alone = alone();
    let host = Host::of(&LIBRARY);
    add(&host);
    let outcome = perform(&host, Some("half"));
    assert_eq!(outcome.result, Err(Answer::Failed(-3)));
    assert_eq!(outcome.words.as_deref(), Some("the library panicked: half done"));
    assert_eq!(counts(), (1, 1));
    assert_eq!(add(&host), 1);
    assert_eq!(counts(), (2, 1));
}

#[test]
fn is_gone_after_a_panic_of_its_destructor() {
    let _alone = alone();
    let host = Host::of(&LIBRARY);
    add(&host);
    PANICS_WHEN_DROPPED.store(1, SeqCst);
    let outcome = perform(&host, Some("half"));
    assert_eq!(outcome.words.as_deref(), Some("the library panicked: half done"));
    assert_eq!(add(&host), 1);
    PANICS_WHEN_DROPPED.store(1, SeqCst);
    drop(host);
    assert_eq!(counts(), (2, 2));
    assert_eq!(add(&Host::of(&LIBRARY)), 1);
}

#[test]
fn that_cannot_be_opened_fails_the_call_in_words_and_the_next_call_tries_again() {
    let _alone = alone();
    let host = Host::of(&LIBRARY);
    REFUSALS.store(2, SeqCst);
    let refused = perform(&host, Some("add"));
    assert_eq!(refused.result, Err(Answer::Failed(-77)));
    assert_eq!(refused.words.as_deref(), Some("the device is busy"));
    let panicked = perform(&host, Some("add"));
    assert_eq!(panicked.words.as_deref(), Some("the library panicked: no device"));
    assert_eq!(add(&host), 1);
}

#[test]
fn a_method_or_a_closure_is_an_operation() {
    let _alone = alone();
    let host = Host::of(&LIBRARY);
    assert_eq!(host.operations(), ["add", "half", "nothing"]);
    assert_eq!(perform(&host, Some("nothing")).result, Ok(0));
    assert_eq!(perform(&host, Some("add")).result, Ok(1));
}

#[test]
fn pages_on_several_threads_take_turns() {
    const EACH: u32 = 500;
    let _alone = alone();
    let host = Host::of(&LIBRARY);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..EACH).for_each(|_| _ = add(&Host::of(&LIBRARY))));
        }
    });
    assert_eq!(add(&host), 4 * EACH + 1);
    assert_eq!(counts(), (1, 0));
}
