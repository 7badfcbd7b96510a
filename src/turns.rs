//! Who may be in a library, and when.
//!
//! A library without `EXCHANGE_CONCURRENT` is used by one thread at a time. Whoever is inside holds `running`. A
//! synchronous call takes that for its own time, or is refused. Asynchronous calls and closings come in turn: the first
//! of them `reserves` the library, so that no further synchronous call gets in, waits for the one that may be inside,
//! and passes the reservation on. The order is that of the calls, whatever environments they come from.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::library::{Cancel, Close};
use crate::task::Task;

/// The turns of one library.
#[repr(C, align(64))] // what a synchronous call touches is in one cache line, wherever the allocator puts it
pub(crate) struct Turns {
    /// Somebody is inside; used only when `serial`.
    running: AtomicBool,
    /// The next one inside has been chosen; used only when `serial`. It is `State::taken` for those without the lock.
    reserved: AtomicBool,
    /// The library takes one call at a time.
    serial: bool,
    close: Option<Close>,
    cancel: Option<Cancel>,
    state: Mutex<State>,
}

/// What is known of asynchronous calls.
#[derive(Default)]
struct State {
    /// One of them has the turn, or a closing has.
    taken: bool,
    /// Those whose turn has not come, in order.
    waiting: VecDeque<Arc<Task>>,
    /// Closings whose turn has not come. They go first: nothing is to stay switched on behind a long queue.
    closings: usize,
    /// How many are inside the library.
    running: usize,
    /// How many of those were asked to stop.
    stopping: usize,
}

/// Where an asynchronous call is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Its turn has not come.
    Waiting,
    /// It may start, and has not.
    Ready,
    /// It is inside the library.
    Running,
    /// It is over, or will not happen.
    Ended,
}

/// A call's place among the others. It changes only under the lock of its library's [`Turns`].
pub(crate) struct Turn {
    stage: AtomicU8,
    asked: AtomicBool,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            stage: AtomicU8::new(Stage::Ready as u8),
            asked: AtomicBool::new(false),
        }
    }
}

impl Turn {
    /// Whether the call was asked to stop.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
    }

    pub(crate) fn is(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Acquire) == stage as u8
    }
}

impl Turns {
    pub(crate) fn new(serial: bool, close: Option<Close>, cancel: Option<Cancel>) -> Self {
        Self {
            running: AtomicBool::new(false),
            reserved: AtomicBool::new(false),
            serial,
            close,
            cancel,
            state: Mutex::default(),
        }
    }

    /// Whether the library takes one call at a time.
    pub(crate) fn serial(&self) -> bool {
        self.serial
    }

    /// Makes a synchronous call of a serial library, unless somebody is inside or about to be.
    #[inline]
    pub(crate) fn alone<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        if self.reserved.load(Ordering::Relaxed) || self.running.swap(true, Ordering::Acquire) {
            return None;
        }
        let result = call();
        self.running.store(false, Ordering::Release);
        Some(result)
    }

    /// Puts an asynchronous call in its place. If its turn has come (the answer), the caller has to see that
    /// [`run`](Self::run) or [`forgo`](Self::forgo) is called for it; else its [`Home`](crate::task::Home) will be told.
    pub(crate) fn enter(&self, task: &Arc<Task>) -> bool {
        if !self.serial {
            return true;
        }
        let mut state = self.lock();
        if state.taken {
            task.turn.set(Stage::Waiting);
            state.waiting.push_back(Arc::clone(task));
            return false;
        }
        self.take(&mut state);
        true
    }

    /// Makes an asynchronous call whose turn has come, unless it was asked to stop.
    pub(crate) fn run<T>(&self, turn: &Turn, call: impl FnOnce() -> T) -> Option<T> {
        self.inside(|| {
            {
                let mut state = self.lock();
                if turn.asked() {
                    turn.set(Stage::Ended);
                    return None;
                }
                turn.set(Stage::Running);
                state.running += 1;
            }
            let result = call();
            let mut state = self.lock();
            turn.set(Stage::Ended);
            state.running -= 1;
            state.stopping -= usize::from(turn.asked());
            self.cancel_those_asked(&state);
            Some(result)
        })
    }

    /// Gives up the turn of a call that will not start.
    pub(crate) fn forgo(&self, turn: &Turn) {
        {
            let _state = self.lock();
            turn.set(Stage::Ended);
        }
        if self.serial {
            self.pass_on();
        }
    }

    /// Asks a call to stop. Answers whether it was waiting, and so is over now.
    pub(crate) fn ask_to_stop(&self, task: &Arc<Task>) -> bool {
        let mut state = self.lock();
        if task.turn.asked.swap(true, Ordering::Relaxed) {
            return false;
        }
        if task.turn.is(Stage::Running) {
            state.stopping += 1;
            self.cancel_those_asked(&state);
        } else if task.turn.is(Stage::Waiting) {
            if let Some(place) = state.waiting.iter().position(|other| Arc::ptr_eq(other, task)) {
                state.waiting.remove(place);
            }
            task.turn.set(Stage::Ended);
            return true;
        }
        false
    }

    /// Asks again: a library forgets what it was asked before its function was entered.
    pub(crate) fn ask_again(&self) {
        self.cancel_those_asked(&self.lock());
    }

    /// Closes the library for an environment whose calls are over: at once, or when those of other environments leave
    /// it.
    pub(crate) fn close(&self) {
        if self.serial {
            let mut state = self.lock();
            if state.taken {
                state.closings += 1;
                return;
            }
            self.take(&mut state);
        }
        self.inside(|| self.call_close());
    }

    fn take(&self, state: &mut State) {
        state.taken = true;
        self.reserved.store(true, Ordering::Relaxed);
    }

    /// Goes in, when the turn has been taken, and passes it on.
    fn inside<T>(&self, call: impl FnOnce() -> T) -> T {
        if !self.serial {
            return call();
        }
        self.go_in();
        let result = call();
        self.running.store(false, Ordering::Release);
        self.pass_on();
        result
    }

    /// Waits for the one synchronous call that may be inside. No other can follow it: the library is reserved.
    fn go_in(&self) {
        const PATIENCE: Duration = Duration::from_millis(1);
        let mut pause = Duration::from_micros(10);
        while self.running.swap(true, Ordering::Acquire) {
            std::thread::sleep(pause);
            pause = PATIENCE.min(pause * 2);
        }
    }

    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                if state.closings > 0 {
                    state.closings -= 1;
                    None
                } else if let Some(task) = state.waiting.pop_front() {
                    task.turn.set(Stage::Ready);
                    Some(task)
                } else {
                    state.taken = false;
                    self.reserved.store(false, Ordering::Relaxed);
                    return;
                }
            };
            match next {
                None => {
                    self.go_in();
                    self.call_close();
                    self.running.store(false, Ordering::Release);
                }
                // A task whose environment has ended meanwhile is not started, and the turn is the next one's.
                Some(task) => {
                    if task.tell_home() {
                        return;
                    }
                }
            }
        }
    }

    fn call_close(&self) {
        if let Some(close) = self.close {
            // SAFETY: the library is loaded. Its environment's calls are over, and if it is serial, nobody is inside.
            unsafe { close() };
        }
    }

    /// The library cannot be told which of its calls is to stop, so it is told when that is true of all of them.
    fn cancel_those_asked(&self, state: &State) {
        if let Some(cancel) = self.cancel
            && state.stopping > 0
            && state.stopping == state.running
        {
            // SAFETY: the library is loaded, and the header allows this call from any thread at any time. The lock is
            // held, so that no call that nobody asked to stop begins before this returns.
            unsafe { cancel() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
