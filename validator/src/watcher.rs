//! Calls that run, each of which is cancelled after a while, as a caller would do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Caller, Progress, Report, Symbols};

use crate::events;
use crate::sanitizer::Order;

/// How often the calls are looked at; by the contract a library is asked again every few milliseconds.
const PERIOD: Duration = Duration::from_millis(5);
/// What `exchange_cancel` may take: the thread that calls it may not run for a while.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A call that runs.
pub(crate) struct Running {
    pub(crate) begun: Instant,
    patience: Duration,
    cancelled: AtomicBool,
    /// When it was, in nanoseconds since it has begun.
    cancelled_at: AtomicU64,
    asked: AtomicBool,
    report: Report,
}

/// A call that has begun comes before an `exchange_cancel` for it, which comes before the end of the session. Two calls are
/// not ordered by this: one may find that they race.
static BEGUN: Order = Order::new();
static CANCELLED: Order = Order::new();

static CALLS: Mutex<Vec<Arc<Running>>> = Mutex::new(Vec::new());

fn calls() -> MutexGuard<'static, Vec<Arc<Running>>> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    pub(crate) fn begin(patience: Duration) -> Arc<Self> {
        let running = Arc::new(Self {
            begun: Instant::now(),
            patience,
            cancelled: AtomicBool::new(false),
            cancelled_at: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            report: Report::default(),
        });
        BEGUN.release();
        calls().push(Arc::clone(&running));
        running
    }

    pub(crate) fn end(self: &Arc<Self>) {
        calls().retain(|other| !Arc::ptr_eq(other, self));
    }

    /// How long after its beginning it was cancelled.
    pub(crate) fn cancelled_after(&self) -> Option<Duration> {
        let is_cancelled = self.cancelled.load(Ordering::SeqCst);
        is_cancelled.then(|| Duration::from_nanos(self.cancelled_at.load(Ordering::SeqCst)))
    }

    /// Whether the library has asked if it is cancelled.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Caller for Running {
    fn is_cancelled(&self) -> bool {
        self.asked.store(true, Ordering::Relaxed);
        self.cancelled.load(Ordering::Relaxed)
    }

    fn set_progress(&self, progress: Progress) {
        self.report.set_progress(progress);
    }

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

/// Cancels calls for the rest of the process.
pub(crate) fn watch(symbols: &'static Symbols) {
    thread::spawn(move || {
        loop {
            thread::sleep(PERIOD);
            // As in the host, no call begins or ends meanwhile: one that begins later is not meant.
            let calls = calls();
            if cancel_those_that_are_late(&calls) && symbols.can_cancel() {
                let begun = Instant::now();
                BEGUN.acquire();
                symbols.cancel();
                CANCELLED.release();
                let took = begun.elapsed();
                if took > AT_ONCE {
                    events::problem(
                        "cancel-blocks",
                        &format!("exchange_cancel took {} ms", took.as_millis()),
                    );
                }
            }
        }
    });
}

/// Waits until an `exchange_cancel` that runs has returned, and has been judged.
pub(crate) fn finish_cancel() {
    drop(calls());
    CANCELLED.acquire();
}

/// Whether all calls that run are cancelled: only then is the library itself asked, which cannot tell them apart.
fn cancel_those_that_are_late(calls: &[Arc<Running>]) -> bool {
    for call in calls {
        let elapsed = call.begun.elapsed();
        if elapsed > call.patience && !call.cancelled.load(Ordering::SeqCst) {
            let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
            call.cancelled_at.store(nanos, Ordering::SeqCst);
            call.cancelled.store(true, Ordering::SeqCst);
        }
    }
    !calls.is_empty() && calls.iter().all(|call| call.cancelled.load(Ordering::SeqCst))
}
