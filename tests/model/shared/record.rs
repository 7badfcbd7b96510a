//! The library of a model. Its functions record each call, and panic when an invariant is violated:
//!
//! - A serial library is used by one thread at a time, `exchange_open` and `exchange_close` included.
//! - Asynchronous calls begin in the order in which they were submitted, and a serial library's on one thread.
//! - Each submitted call ends once: it was dropped, or its environment got one completion.
//! - No call begins after it was dropped, after its memory was freed, or while its environment is closed.
//! - `exchange_cancel` comes only when all calls that run were cancelled, and no other call begins meanwhile.
//! - Opens and closes pair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::call::NativeCall;
use crate::checker::{CANCELS_STICK, Condvar, Region, SEQUENTIAL, ThreadId, choose, this_thread, yield_now};
use crate::dispatch::{Job, Phase};
use crate::sync::{Mutex, lock, wait};

/// When an exchange returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// By itself.
    Returns,
    /// When `exchange_cancel` has been called since it began.
    Listens,
}

/// One call, synchronous or asynchronous.
struct Call {
    environment: usize,
    behaviour: Behaviour,
    memory: Arc<Region>,
    /// `None` for a synchronous call.
    native: Option<Arc<NativeCall>>,
    /// The time before `submit` was called, and after it returned.
    submitting: u64,
    submitted: Option<u64>,
    /// `cancel` has been called, and may not have returned yet.
    cancelled: bool,
    /// The time after `cancel` returned [`Requested`](crate::dispatch::Cancelled::Requested).
    requested: Option<u64>,
    /// `cancel` returned [`Dropped`](crate::dispatch::Cancelled::Dropped).
    dropped: bool,
    begun: Option<u64>,
    returned: bool,
    /// How many completions its environment got.
    completions: usize,
    /// Its memory is gone.
    freed: bool,
}

#[derive(Default)]
struct Seen {
    /// Counts events: a logical time.
    clock: u64,
    environments: usize,
    opened: usize,
    closed: usize,
    /// The time at which `exchange_open` last returned on a thread.
    opened_on: Vec<(ThreadId, u64)>,
    /// The thread of a serial library's asynchronous calls.
    thread: Option<ThreadId>,
    calls: BTreeMap<u64, Call>,
    /// The calls that are in the library.
    inside: BTreeSet<u64>,
    /// How many threads are in `exchange_cancel`.
    cancelling: usize,
}

pub(crate) struct Record {
    serial: AtomicBool,
    /// `exchange_open` fails now and then.
    refuses: AtomicBool,
    library: Region,
    /// How often `exchange_cancel` was called. An exchange waits for it to change, as the header advises.
    cancels: Mutex<u64>,
    cancelled: Condvar,
    /// Not the checker's lock, so that it adds no synchronization. Never held across an operation of the checker's.
    seen: std::sync::Mutex<Seen>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            serial: AtomicBool::new(true),
            refuses: AtomicBool::new(false),
            library: Region::new(),
            cancels: Mutex::new(0),
            cancelled: Condvar::new(),
            seen: std::sync::Mutex::default(),
        }
    }

    pub(crate) fn set_serial(&self, serial: bool) {
        self.serial.store(serial, Ordering::Relaxed);
    }

    pub(crate) fn set_refuses(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    fn is_serial(&self) -> bool {
        self.serial.load(Ordering::Relaxed)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The functions of the library.

    pub(crate) fn open(&self) -> Result<(), i64> {
        let refused = self.refuses.load(Ordering::Relaxed) && choose(4) == 3;
        self.access(!self.has_several_environments(), take_time);
        let mut seen = self.seen();
        let now = seen.tick();
        seen.opened_on.retain(|&(thread, _)| thread != this_thread());
        seen.opened_on.push((this_thread(), now));
        if refused {
            return Err(-1);
        }
        seen.opened += 1;
        Ok(())
    }

    pub(crate) fn close(&self) {
        {
            let mut seen = self.seen();
            assert!(seen.closed < seen.opened, "closed more often than opened");
            seen.closed += 1;
            seen.assert_open_for_those_inside();
        }
        self.access(!self.has_several_environments(), take_time);
    }

    pub(crate) fn exchange(&self, call: u64) {
        let (behaviour, memory) = self.begin(call);
        self.access(false, || memory.alone(|| self.run(behaviour)));
        self.seen().end(call);
    }

    pub(crate) fn cancel(&self) {
        {
            let mut seen = self.seen();
            let spared = |call: &Call| !call.cancelled && (call.native.is_some() || self.is_serial());
            let hit = seen.inside.iter().find(|id| spared(&seen.calls[id]));
            assert_eq!(hit, None, "exchange_cancel while a call runs that was not cancelled");
            seen.cancelling += 1;
        }
        *lock(&self.cancels) += 1;
        self.cancelled.notify_all();
        self.seen().cancelling -= 1;
    }

    /// A serial library is used alone. A concurrent one is shared, though with a single environment no call may overlap
    /// its own open or close.
    fn access<T>(&self, alone: bool, access: impl FnOnce() -> T) -> T {
        if alone || self.is_serial() {
            self.library.alone(access)
        } else {
            self.library.shared(access)
        }
    }

    fn has_several_environments(&self) -> bool {
        self.seen().environments > 1
    }

    fn run(&self, behaviour: Behaviour) {
        take_time(); // an exchange_cancel that comes meanwhile is missed
        let mut cancels = lock(&self.cancels);
        let begun = if CANCELS_STICK { 0 } else { *cancels };
        while behaviour == Behaviour::Listens && *cancels == begun {
            cancels = wait(&self.cancelled, cancels, None);
        }
        drop(cancels);
        take_time();
    }

    fn begin(&self, id: u64) -> (Behaviour, Arc<Region>) {
        let mut seen = self.seen();
        let serial = self.is_serial();
        assert!(!serial || seen.inside.is_empty(), "two calls inside a serial library");
        let cancelling = seen.cancelling > 0;
        let now = seen.tick();
        let call = seen.call(id);
        assert!(call.begun.is_none(), "a call was made twice");
        assert!(!call.dropped, "a call was made that had been dropped");
        assert!(!call.freed, "a call was made with memory that is gone");
        assert!(
            !cancelling || call.cancelled || !serial && call.native.is_none(),
            "a call began while exchange_cancel ran"
        );
        call.begun = Some(now);
        let (behaviour, memory, submitting) = (call.behaviour, Arc::clone(&call.memory), call.submitting);
        if let (Some(requested), Some(opened)) = (call.requested, seen.opened_on()) {
            assert!(
                !SEQUENTIAL || requested > opened,
                "a call was made that was cancelled before the library had opened"
            );
        }
        seen.inside.insert(id);
        seen.assert_open_for_those_inside();
        let asynchronous = seen.call(id).native.is_some();
        if serial && asynchronous {
            let thread = *seen.thread.get_or_insert_with(this_thread);
            assert!(thread == this_thread(), "a serial library's calls on two threads");
        }
        let earlier = seen.calls.values().filter(|call| {
            asynchronous
                && call.submitted.is_some_and(|submitted| submitted < submitting)
                && !(call.begun.is_some() || call.cancelled || call.completions > 0)
        });
        let waiting: Vec<_> = earlier.filter_map(|call| call.native.clone()).collect();
        drop(seen);
        // A concurrent library's thread may have popped an earlier call and not have entered the library yet.
        let is_passed_over = |call: &Arc<NativeCall>| serial || SEQUENTIAL && call.state().is(Phase::Queued);
        assert!(
            !waiting.iter().any(is_passed_over),
            "a call began before one that was submitted earlier"
        );
        (behaviour, memory)
    }

    // What the environments report, and what they ask.

    pub(crate) fn add_environment(&self) -> usize {
        let mut seen = self.seen();
        seen.environments += 1;
        seen.environments
    }

    /// Adds a call that is about to be made. Its number.
    pub(crate) fn add_call(&self, environment: usize, behaviour: Behaviour) -> u64 {
        let memory = Arc::new(Region::new());
        let mut seen = self.seen();
        let submitting = seen.tick();
        let id = seen.calls.len() as u64;
        let call = Call {
            environment,
            behaviour,
            memory,
            native: None,
            submitting,
            submitted: None,
            cancelled: false,
            requested: None,
            dropped: false,
            begun: None,
            returned: false,
            completions: 0,
            freed: false,
        };
        seen.calls.insert(id, call);
        id
    }

    pub(crate) fn note_native(&self, call: &Arc<NativeCall>) {
        self.seen().call(call.id).native = Some(Arc::clone(call));
    }

    pub(crate) fn note_submitted(&self, id: u64) {
        let mut seen = self.seen();
        let now = seen.tick();
        seen.call(id).submitted = Some(now);
    }

    pub(crate) fn note_cancel(&self, id: u64) {
        self.seen().call(id).cancelled = true;
    }

    pub(crate) fn note_requested(&self, id: u64) {
        let mut seen = self.seen();
        let now = seen.tick();
        seen.call(id).requested = Some(now);
    }

    pub(crate) fn note_dropped(&self, id: u64) {
        let mut seen = self.seen();
        let call = seen.call(id);
        assert!(call.begun.is_none(), "a call was dropped that had begun");
        assert!(call.completions == 0, "a call was completed, and then dropped");
        call.dropped = true;
    }

    pub(crate) fn note_completed(&self, id: u64) {
        let mut seen = self.seen();
        let call = seen.call(id);
        call.completions += 1;
        assert!(call.completions == 1, "a call was completed twice");
        assert!(!call.dropped, "a call was dropped, and then completed");
        assert!(
            call.begun.is_some() == call.returned,
            "a call was completed before it had returned"
        );
    }

    /// The call is over, so the environment may write to its memory again.
    pub(crate) fn reuse_memory(&self, id: u64) {
        let memory = {
            let mut seen = self.seen();
            let call = seen.call(id);
            assert!(
                call.begun.is_some() == call.returned,
                "a call ended before it had returned"
            );
            Arc::clone(&call.memory)
        };
        memory.alone(|| ());
    }

    /// Writes to the memory for the last time: no call may have it from here on.
    pub(crate) fn free_memory(&self, id: u64) {
        self.reuse_memory(id);
        self.seen().call(id).freed = true;
    }

    /// Whether the call has entered the library.
    pub(crate) fn has_begun(&self, id: u64) -> bool {
        self.seen().call(id).begun.is_some()
    }

    /// Whether the call is in the library.
    pub(crate) fn is_inside(&self, id: u64) -> bool {
        drop(lock(&self.cancels)); // a call locks it on entry, so the checker tries both orders
        self.seen().inside.contains(&id)
    }

    /// Whether the library is open for no environment.
    pub(crate) fn is_closed(&self) -> bool {
        let seen = self.seen();
        seen.opened == seen.closed
    }

    /// How many calls have entered the library.
    pub(crate) fn begun(&self) -> usize {
        self.seen().calls.values().filter(|call| call.begun.is_some()).count()
    }

    /// How many calls entered the library between this one's submission and its own entry.
    pub(crate) fn begun_before(&self, id: u64) -> usize {
        let mut seen = self.seen();
        let (submitted, begun) = (seen.call(id).submitted, seen.call(id).begun);
        let between = |call: &&Call| call.begun > submitted && call.begun < begun;
        seen.calls.values().filter(between).count()
    }

    /// What holds when all threads have ended.
    pub(crate) fn assert_complete(&self) {
        let seen = std::mem::take(&mut *self.seen());
        assert!(seen.inside.is_empty() && seen.cancelling == 0);
        assert_eq!(seen.opened, seen.closed, "opened and closed");
        for call in seen.calls.into_values() {
            assert_eq!(call.begun.is_some(), call.returned);
            let ends = call.completions + usize::from(call.dropped);
            assert_eq!(
                ends,
                usize::from(call.submitted.is_some()),
                "a submitted call ends once"
            );
        }
    }
}

impl Seen {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn call(&mut self, id: u64) -> &mut Call {
        self.calls.get_mut(&id).unwrap()
    }

    fn opened_on(&self) -> Option<u64> {
        let mut opened = self.opened_on.iter();
        opened.find(|&&(thread, _)| thread == this_thread()).map(|&(_, at)| at)
    }

    fn end(&mut self, id: u64) {
        self.inside.remove(&id);
        self.assert_open_for_those_inside();
        let call = self.call(id);
        assert!(!call.freed, "memory was freed while a call had it");
        call.returned = true;
    }

    fn assert_open_for_those_inside(&self) {
        let environments: BTreeSet<_> = self.inside.iter().map(|id| self.calls[id].environment).collect();
        assert!(
            environments.len() <= self.opened - self.closed,
            "an exchange runs for an environment that is closed"
        );
    }
}

/// Lets other threads run, under shuttle. loom needs no such points.
fn take_time() {
    for _ in 0..choose(3) {
        yield_now();
    }
}
