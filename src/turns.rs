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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;
    use crate::error::Error;
    use crate::library::tests::{Functions, library};
    use crate::task::{Home, Session};

    /// An environment whose tasks run on threads of their own when their turn comes, until it ends.
    #[derive(Default)]
    struct Environment {
        ended: AtomicBool,
        threads: Mutex<Vec<thread::JoinHandle<()>>>,
        settled: Mutex<Vec<(u64, Option<u32>)>>,
    }

    /// What a task is lent: it is freed when the last thread has let it go, so that a late write is seen.
    struct Lent(Vec<u8>);

    impl Environment {
        fn call(self: &Arc<Self>, session: &Arc<Session>, id: u64, lent: &mut Lent) -> Arc<Task> {
            let data = std::ptr::NonNull::new(lent.0.as_mut_ptr()).unwrap();
            let home = Arc::new(Arc::clone(self));
            let task = Task::new(id, Arc::clone(session), home, data, lent.0.len());
            if task.enter() {
                self.start(Arc::clone(&task));
            }
            task
        }

        fn start(self: &Arc<Self>, task: Arc<Task>) {
            let environment = Arc::clone(self);
            let thread = thread::spawn(move || {
                // SAFETY: the turn has come, once; the test keeps the memory until it has joined this thread.
                unsafe { task.run() };
                environment.settled.lock().unwrap().push((task.id, task.outcome().ok()));
            });
            self.threads.lock().unwrap().push(thread);
        }

        /// Waits for all threads, and those that they start.
        fn join(&self) {
            loop {
                let threads = std::mem::take(&mut *self.threads.lock().unwrap());
                if threads.is_empty() {
                    return;
                }
                for thread in threads {
                    thread.join().unwrap();
                }
            }
        }

        fn settled(&self) -> Vec<(u64, Option<u32>)> {
            self.settled.lock().unwrap().clone()
        }
    }

    impl Home for Arc<Environment> {
        fn turn_has_come(&self, task: Arc<Task>) -> bool {
            let heard = !self.ended.load(Ordering::Relaxed);
            if heard {
                self.start(task);
            }
            heard
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
        /// Calls stay inside until this is set.
        go: AtomicBool,
    }
    static SEEN: [Seen; 4] = [const {
        Seen {
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            order: Mutex::new(Vec::new()),
            go: AtomicBool::new(false),
        }
    }; 4];

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
        unsafe {
            seen.order.lock().unwrap().push(data.read());
            data.write_bytes(0xA5, len);
        }
        seen.inside.fetch_sub(1, Ordering::SeqCst);
        len as i64
    }

    unsafe extern "C" fn open<const N: usize>() -> i64 {
        SEEN[N].opened.fetch_add(1, Ordering::SeqCst);
        0
    }

    unsafe extern "C" fn close<const N: usize>() {
        assert_eq!(
            SEEN[N].inside.load(Ordering::SeqCst),
            0,
            "closed while a call was inside"
        );
        SEEN[N].closed.fetch_add(1, Ordering::SeqCst);
    }

    unsafe extern "C" fn cancel<const N: usize>() {
        SEEN[N].cancelled.fetch_add(1, Ordering::SeqCst);
        SEEN[N].go.store(true, Ordering::SeqCst);
    }

    fn functions<const N: usize>(serial: bool) -> Functions {
        Functions {
            exchange: exchange::<N>,
            open: Some(open::<N>),
            close: Some(close::<N>),
            cancel: Some(cancel::<N>),
            serial,
        }
    }

    #[test]
    fn calls_of_a_serial_library_are_made_in_order_and_alone() {
        let library = library(functions::<0>(true));
        let seen = &SEEN[0];
        let environment = Arc::new(Environment::default());
        let session = Arc::new(Session::new(library));
        let mut lent: Vec<_> = (0..50).map(|id| Lent(vec![id; 64])).collect();
        for (id, lent) in lent.iter_mut().enumerate() {
            environment.call(&session, id as u64, lent);
        }
        assert!(matches!(
            library.call(|| Ok(())).map_err(|error| *error),
            Err(Error::LibraryBusy { .. })
        ));
        seen.go.store(true, Ordering::SeqCst);
        environment.join();
        assert_eq!(*seen.order.lock().unwrap(), (0..50).collect::<Vec<_>>());
        assert!(environment.settled().iter().all(|&(_, count)| count == Some(64)));
        assert_eq!(environment.settled().len(), 50);
        assert_eq!(seen.most.load(Ordering::SeqCst), 1);
        assert!(lent.iter().all(|lent| lent.0.iter().all(|&byte| byte == 0xA5)));
        assert!(library.call(|| Ok(())).is_ok(), "it is free again");
        drop(session);
        assert_eq!(seen.opened.load(Ordering::SeqCst), 1);
        assert_eq!(seen.closed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn waiting_calls_are_dropped_when_asked_or_when_their_environment_has_ended() {
        let library = library(functions::<1>(true));
        let seen = &SEEN[1];
        let [here, there] = [(), ()].map(|()| Arc::new(Environment::default()));
        let [session, other] = [(), ()].map(|()| Arc::new(Session::new(library)));
        let mut lent: Vec<_> = (0..5).map(|_| Lent(vec![0; 64])).collect();
        let tasks: Vec<_> = lent
            .iter_mut()
            .enumerate()
            .map(|(id, lent)| {
                let (environment, session) = if id == 2 { (&there, &other) } else { (&here, &session) };
                environment.call(session, id as u64, lent)
            })
            .collect();
        until(|| seen.inside.load(Ordering::SeqCst) == 1);
        assert!(tasks[1].ask_to_stop(), "it was waiting");
        assert!(!tasks[1].ask_to_stop(), "and is asked once");
        there.ended.store(true, Ordering::Relaxed);
        session.close(); // by an environment that goes on: its turn comes first
        assert_eq!(seen.closed.load(Ordering::SeqCst), 0);
        seen.go.store(true, Ordering::SeqCst);
        here.join();
        let mut settled = here.settled();
        settled.sort_unstable();
        assert_eq!(settled, [(0, Some(64)), (3, Some(64)), (4, Some(64))]);
        assert!(
            lent[1].0.iter().chain(&lent[2].0).all(|&byte| byte == 0),
            "neither was made"
        );
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0, "nobody who ran was asked");
        drop((session, other, tasks));
        assert_eq!(seen.opened.load(Ordering::SeqCst), seen.closed.load(Ordering::SeqCst));
    }

    #[test]
    fn a_library_is_cancelled_when_all_that_run_were_asked() {
        let library = library(functions::<2>(false));
        let seen = &SEEN[2];
        let environment = Arc::new(Environment::default());
        let session = Arc::new(Session::new(library));
        let mut lent: Vec<_> = (0..2).map(|_| Lent(vec![0; 64])).collect();
        let tasks: Vec<_> = lent
            .iter_mut()
            .enumerate()
            .map(|(id, lent)| environment.call(&session, id as u64, lent))
            .collect();
        until(|| seen.inside.load(Ordering::SeqCst) == 2);
        assert!(!tasks[0].ask_to_stop());
        tasks[0].ask_again();
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0, "the other one would be hit");
        assert!(!tasks[1].ask_to_stop());
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 1);
        environment.join();
        let mut settled = environment.settled();
        settled.sort_unstable();
        assert_eq!(
            settled,
            [(0, None), (1, None)],
            "they were asked, so their answer does not count"
        );
    }

    #[test]
    fn synchronous_and_asynchronous_calls_and_closings_of_many_threads_never_meet() {
        let library = library(functions::<3>(true));
        let seen = &SEEN[3];
        seen.go.store(true, Ordering::SeqCst);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let environment = Arc::new(Environment::default());
                        let session = Arc::new(Session::new(library));
                        let mut lent: Vec<_> = (0..5).map(|_| Lent(vec![0; 64])).collect();
                        let mut alone = Lent(vec![0; 64]);
                        for (id, lent) in lent.iter_mut().enumerate() {
                            let task = environment.call(&session, id as u64, lent);
                            if id == 3 {
                                task.ask_to_stop();
                            }
                            let made = library.call(|| {
                                session.open()?;
                                // SAFETY: the memory is this thread's own.
                                unsafe { library.exchange(alone.0.as_mut_ptr(), alone.0.len()) }
                            });
                            assert!(made.map_or(true, |count| count == 64));
                        }
                        environment.join();
                        // A task that waited when the loop ended is started by another thread: it is joined once it has
                        // been heard of.
                        until(|| {
                            environment.join();
                            environment.settled().len() >= 4
                        });
                        environment.join();
                    }
                });
            }
        });
        assert_eq!(seen.most.load(Ordering::SeqCst), 1, "one at a time");
        assert_eq!(seen.opened.load(Ordering::SeqCst), seen.closed.load(Ordering::SeqCst));
        assert!(library.call(|| Ok(())).is_ok(), "it is free again");
    }
}
