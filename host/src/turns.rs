//! Who may be in a library, and when.
//!
//! A library without `EXCHANGE_CONCURRENT` is used by one thread at a time. Whoever is inside holds `running`. A
//! synchronous call takes that for its own time, or is refused. Asynchronous calls and closings come one after another:
//! the one that goes in next `reserves` the library first, so that no further synchronous call gets in, and waits for
//! the one that may be inside.
//!
//! Asynchronous calls are made in the order in which they came, whatever environments they come from. Only its own
//! environment can bring a call to the thread pool, so the environment of the first is told when the library is free.
//! Until that call is on a thread, nothing is reserved: an environment that is busy is passed over, and holds up nobody
//! for long. Should its call come to a thread while another is inside, it is sent back to its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::library::{Cancel, Close};
use crate::task::Task;

/// How long an environment may take to bring a call to the pool before the next environment is told.
const TIME_TO_BRING: Duration = Duration::from_millis(50);

/// How often somebody who waits looks again.
const PAUSE: Duration = Duration::from_millis(1);

/// The turns of one library.
#[repr(C, align(64))] // what a synchronous call touches is in one cache line, wherever the allocator puts it
pub(crate) struct Turns {
    /// Somebody is inside; used only when `serial`.
    running: AtomicBool,
    /// `State::taken`, for those without the lock; used only when `serial`.
    reserved: AtomicBool,
    /// The library takes one call at a time.
    serial: bool,
    close: Option<Close>,
    cancel: Option<Cancel>,
    state: Mutex<State>,
}

/// What is known of asynchronous calls. All but the last two are used only when the library is serial.
#[derive(Default)]
struct State {
    /// One of them, or a closing, is inside or about to go in.
    taken: bool,
    /// Those that have not gone in, by their place in the order.
    waiting: BTreeMap<u64, Arc<Task>>,
    /// The next place.
    next: u64,
    /// The one whose environment was told last, and when.
    told: Option<(Arc<Task>, Instant)>,
    /// Environments (by their homes' numbers) that were told, and have not been heard of since.
    silent: BTreeSet<u64>,
    /// Closings that could not be made at once. They go first: nothing is to stay switched on behind a long queue.
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
    /// It has not gone in.
    Waiting,
    /// It is inside the library.
    Running,
    /// It is over, or will not be made.
    Ended,
}

/// A call's place among the others. It changes only under the lock of its library's [`Turns`].
pub(crate) struct Turn {
    stage: AtomicU8,
    asked: AtomicBool,
    place: AtomicU64,
    /// Its environment has brought it to the pool.
    brought: AtomicBool,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            stage: AtomicU8::new(Stage::Waiting as u8),
            asked: AtomicBool::new(false),
            place: AtomicU64::new(0),
            brought: AtomicBool::new(false),
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

impl State {
    /// Takes a call out of the order.
    fn remove(&mut self, task: &Task) {
        let place = task.turn.place.load(Ordering::Relaxed);
        // One that has not entered has no place, and would take another's out.
        if self
            .waiting
            .get(&place)
            .is_some_and(|other| std::ptr::eq(&raw const **other, task))
        {
            self.waiting.remove(&place);
        }
        if self.was_told(task) {
            self.told = None;
        }
    }

    /// Whether a call's environment was told of it last.
    fn was_told(&self, task: &Task) -> bool {
        let told = self.told.as_ref();
        told.is_some_and(|(told, _)| std::ptr::eq(&raw const **told, task))
    }

    /// The call whose environment is to be told now: the first, unless somebody is inside, was told just now, or has
    /// brought its call to the pool. An environment that is not heard of is passed over.
    fn call_up(&mut self) -> Option<Arc<Task>> {
        if self.taken || self.waiting.is_empty() {
            return None;
        }
        if let Some((told, when)) = &self.told {
            if told.turn.brought.load(Ordering::Relaxed) || when.elapsed() < TIME_TO_BRING {
                return None;
            }
            self.silent.insert(told.home());
        }
        let is_heard_of = |task: &&Arc<Task>| !self.silent.contains(&task.home());
        let next = match self.waiting.values().find(is_heard_of) {
            Some(next) => Arc::clone(next),
            None => {
                self.silent.clear(); // nobody is: from the start again
                self.waiting.values().next().map(Arc::clone)?
            }
        };
        self.told = Some((Arc::clone(&next), Instant::now()));
        Some(next)
    }
}

/// What came of an attempt to make a call.
pub(crate) enum Attempt<T> {
    Made(T),
    /// It was asked to stop, and will not be made.
    Dropped,
    /// Somebody else is inside. It is back in its place, and [`Turns::enter_again`] is called for it.
    SentBack,
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

    /// Makes a synchronous call of a serial library, unless somebody is inside or about to go in.
    #[inline]
    pub(crate) fn alone<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        if self.reserved.load(Ordering::Relaxed) || self.running.swap(true, Ordering::Acquire) {
            return None;
        }
        let result = call();
        self.running.store(false, Ordering::Release);
        Some(result)
    }

    /// Gives an asynchronous call its place. If it is the first (the answer), it can be brought to the pool; else its
    /// [`Home`](crate::task::Home) will be told. In the end [`run`](Self::run) or [`forgo`](Self::forgo) is called.
    pub(crate) fn enter(&self, task: &Arc<Task>) -> bool {
        if !self.serial {
            return true;
        }
        let mut state = self.lock();
        let place = state.next;
        state.next += 1;
        task.turn.place.store(place, Ordering::Relaxed);
        state.waiting.insert(place, Arc::clone(task));
        state.silent.remove(&task.home());
        let first = !state.taken && state.waiting.len() == 1;
        if first {
            state.told = Some((Arc::clone(task), Instant::now()));
        }
        first
    }

    /// As [`enter`](Self::enter), for a call that was sent back.
    pub(crate) fn enter_again(&self, task: &Arc<Task>) -> bool {
        let mut state = self.lock();
        state.silent.remove(&task.home());
        let free = !state.taken && (state.told.is_none() || state.was_told(task));
        if free {
            state.told = Some((Arc::clone(task), Instant::now()));
        }
        free
    }

    /// Says that a call has been brought to the pool.
    pub(crate) fn brought(&self, task: &Task) {
        if self.serial {
            let mut state = self.lock();
            task.turn.brought.store(true, Ordering::Relaxed);
            state.silent.remove(&task.home());
        }
    }

    /// Makes an asynchronous call, unless it was asked to stop.
    pub(crate) fn run<T>(&self, task: &Task, call: impl FnOnce() -> T) -> Attempt<T> {
        let turn = &task.turn;
        if self.serial {
            let mut state = self.lock();
            turn.brought.store(false, Ordering::Relaxed);
            state.silent.remove(&task.home());
            if state.taken && !turn.asked() {
                if state.was_told(task) {
                    state.told = None;
                }
                return Attempt::SentBack;
            }
            if turn.asked() {
                drop(state);
                self.forgo(task);
                return Attempt::Dropped;
            }
            self.reserve(&mut state);
            state.remove(task);
        }
        let begins = !self.serial || self.go_in(|| turn.asked());
        let begun = begins && {
            let mut state = self.lock();
            // Asked for the last time: from here on it is the library that is asked.
            let begun = !turn.asked();
            turn.set(if begun { Stage::Running } else { Stage::Ended });
            state.running += usize::from(begun);
            begun
        };
        let result = begun.then(call);
        if begun {
            let mut state = self.lock();
            turn.set(Stage::Ended);
            state.running -= 1;
            state.stopping -= usize::from(turn.asked());
            self.cancel_those_asked(&state);
        }
        if self.serial {
            if begins {
                self.running.store(false, Ordering::Release);
            }
            self.pass_on(begins);
        }
        result.map_or(Attempt::Dropped, Attempt::Made)
    }

    /// Takes a call out of the order that will not be made.
    pub(crate) fn forgo(&self, task: &Task) {
        {
            let mut state = self.lock();
            task.turn.set(Stage::Ended);
            state.remove(task);
            state.silent.remove(&task.home());
        }
        self.tell_next();
    }

    /// Asks a call to stop. If it has not gone in, it will not.
    pub(crate) fn ask_to_stop(&self, task: &Task) {
        let mut state = self.lock();
        if task.turn.asked.swap(true, Ordering::Relaxed) {
            return;
        }
        if task.turn.is(Stage::Running) {
            state.stopping += 1;
            self.cancel_those_asked(&state);
        }
    }

    /// To be called from time to time while a call waits or was asked to stop: asks a library again that had not begun
    /// to listen, makes closings that are left, and passes over an environment that does not bring its call.
    pub(crate) fn remind(&self) {
        let left = {
            let mut state = self.lock();
            self.cancel_those_asked(&state);
            let left = state.closings > 0 && !state.taken;
            if left {
                self.reserve(&mut state);
            }
            left
        };
        if left {
            self.pass_on(false);
        } else {
            self.tell_next();
        }
    }

    /// Closes the library for an environment none of whose calls is inside: at once, or when the calls of others leave
    /// it. False, if a synchronous call of another environment does not leave it before the deadline.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> bool {
        if !self.serial {
            self.call_close();
            return true;
        }
        {
            let mut state = self.lock();
            if state.taken {
                state.closings += 1;
                return true;
            }
            self.reserve(&mut state);
        }
        let inside = self.go_in(|| deadline.is_some_and(|deadline| Instant::now() > deadline));
        if inside {
            self.call_close();
            self.running.store(false, Ordering::Release);
        }
        self.pass_on(inside && deadline.is_none());
        inside
    }

    fn reserve(&self, state: &mut State) {
        state.taken = true;
        self.reserved.store(true, Ordering::Relaxed);
    }

    /// Waits for the one synchronous call that may be inside a reserved library: no other can follow it. False, if it
    /// is given up before.
    fn go_in(&self, give_up: impl Fn() -> bool) -> bool {
        while self.running.swap(true, Ordering::Acquire) {
            if give_up() {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }

    /// Ends a reservation, after the closings that came meanwhile. Without `patience`, those that a synchronous call of
    /// another environment stands in the way of are left for later.
    fn pass_on(&self, patience: bool) {
        loop {
            let mut state = self.lock();
            if state.closings > 0 {
                drop(state);
                if self.go_in(|| !patience) {
                    self.lock().closings -= 1;
                    self.call_close();
                    self.running.store(false, Ordering::Release);
                    continue;
                }
                state = self.lock();
            }
            state.taken = false;
            self.reserved.store(false, Ordering::Relaxed);
            break;
        }
        self.tell_next();
    }

    /// Tells the environment of the next call, if there is one to be told.
    fn tell_next(&self) {
        if !self.serial {
            return;
        }
        loop {
            let Some(task) = self.lock().call_up() else { return };
            if Arc::clone(&task).tell_home() {
                return;
            }
            // Its environment has ended.
            let mut state = self.lock();
            task.turn.set(Stage::Ended);
            state.remove(&task);
            state.silent.remove(&task.home());
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
            // held, so that no asynchronous call that nobody asked to stop begins before this returns.
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
        /// An environment may be told twice of a task.
        started: Mutex<BTreeSet<u64>>,
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
            if !self.started.lock().unwrap().insert(task.id) {
                return;
            }
            let environment = Arc::clone(self);
            let thread = thread::spawn(move || {
                loop {
                    // SAFETY: the task is run once; the test keeps the memory until it has joined this thread.
                    unsafe { task.run() };
                    if !task.was_sent_back() {
                        break;
                    }
                    until(|| task.enter_again());
                }
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
        fn number(&self) -> u64 {
            Arc::as_ptr(self).addr() as u64
        }

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
    static SEEN: [Seen; 9] = [const {
        Seen {
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            order: Mutex::new(Vec::new()),
            go: AtomicBool::new(false),
        }
    }; 9];

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
        until(|| seen.inside.load(Ordering::SeqCst) == 1);
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
        tasks[1].ask_to_stop();
        tasks[1].forgo();
        there.ended.store(true, Ordering::Relaxed);
        session.close(None); // when the one that is inside has left
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
        tasks[0].ask_to_stop();
        library.turns().remind();
        assert_eq!(seen.cancelled.load(Ordering::SeqCst), 0, "the other one would be hit");
        tasks[1].ask_to_stop();
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
                        // One that waits is started by another thread, and joined once it has been heard of.
                        until(|| {
                            library.turns().remind();
                            environment.join();
                            environment.settled().len() == 5
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

    /// An environment that hears that a turn has come, and brings no call to a thread.
    struct Busy;

    impl Home for Busy {
        fn number(&self) -> u64 {
            0
        }

        fn turn_has_come(&self, _task: Arc<Task>) -> bool {
            true
        }
    }

    #[test]
    fn an_environment_that_brings_no_call_holds_up_nobody() {
        let library = library(functions::<4>(true));
        SEEN[4].go.store(true, Ordering::SeqCst);
        let session = Arc::new(Session::new(library));
        let busy: Arc<dyn Home> = Arc::new(Busy);
        let mut memory = vec![0; 64];
        let stuck: Vec<_> = (0..20)
            .map(|id| {
                let data = std::ptr::NonNull::new(memory.as_mut_ptr()).unwrap();
                let task = Task::new(id, Arc::clone(&session), Arc::clone(&busy), data, 64);
                assert_eq!(task.enter(), id == 0);
                task
            })
            .collect();
        assert!(library.call(|| Ok(())).is_ok(), "nobody is inside");
        let environment = Arc::new(Environment::default());
        let mut lent: Vec<_> = (0..5).map(|_| Lent(vec![0; 64])).collect();
        for (id, lent) in lent.iter_mut().enumerate() {
            environment.call(&session, id as u64, lent);
        }
        let begun = Instant::now();
        until(|| {
            library.turns().remind();
            environment.settled().len() == 5
        });
        assert!(
            begun.elapsed() < 3 * TIME_TO_BRING,
            "it was passed over once, and not for each of its calls"
        );
        environment.join();
        for task in stuck {
            task.forgo();
        }
        let mut last = Lent(vec![0; 64]);
        environment.call(&session, 5, &mut last);
        environment.join();
        assert_eq!(environment.settled().len(), 6);
    }

    #[test]
    fn a_call_that_waits_for_a_synchronous_one_can_be_stopped_and_a_closing_gives_up() {
        let library = library(functions::<5>(true));
        let seen = &SEEN[5];
        let (session, other) = (Arc::new(Session::new(library)), Arc::new(Session::new(library)));
        let environment = Arc::new(Environment::default());
        let mut lent = Lent(vec![0; 64]);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut memory = [0; 64];
                let made = library.call(|| {
                    session.open()?;
                    // SAFETY: the memory is this thread's own.
                    unsafe { library.exchange(memory.as_mut_ptr(), memory.len()) }
                });
                assert_eq!(made.ok(), Some(64));
            });
            until(|| seen.inside.load(Ordering::SeqCst) == 1);
            let task = environment.call(&other, 0, &mut lent);
            thread::sleep(Duration::from_millis(20));
            assert!(environment.settled().is_empty(), "it waits");
            task.ask_to_stop();
            environment.join();
            assert_eq!(environment.settled(), [(0, None)]);
            session.close(Some(Instant::now() + Duration::from_millis(20)));
            assert_eq!(
                seen.closed.load(Ordering::SeqCst),
                0,
                "it is not closed while somebody is inside"
            );
            seen.go.store(true, Ordering::SeqCst);
        });
        drop(session);
        assert_eq!(seen.closed.load(Ordering::SeqCst), 1);
        assert!(library.call(|| Ok(())).is_ok(), "it is free again");
    }

    /// A task of an environment that brings calls only when the test does.
    fn task_of(home: &Arc<dyn Home>, session: &Arc<Session>, id: u64, lent: &mut Lent) -> Arc<Task> {
        let data = std::ptr::NonNull::new(lent.0.as_mut_ptr()).unwrap();
        Task::new(id, Arc::clone(session), Arc::clone(home), data, lent.0.len())
    }

    #[test]
    fn a_call_that_comes_late_is_sent_back_and_keeps_its_place() {
        let library = library(functions::<6>(true));
        let seen = &SEEN[6];
        let session = Arc::new(Session::new(library));
        let late_home: Arc<dyn Home> = Arc::new(Busy);
        let environment = Arc::new(Environment::default());
        let mut lent: Vec<_> = (0..3).map(|id| Lent(vec![id; 64])).collect();
        let [late, next, last] = lent.get_disjoint_mut([0, 1, 2]).unwrap();
        let late = task_of(&late_home, &session, 0, late);
        assert!(late.enter());
        environment.call(&session, 1, next);
        environment.call(&session, 2, last);
        until(|| {
            library.turns().remind();
            seen.inside.load(Ordering::SeqCst) == 1
        });
        let begun = Instant::now();
        late.brought();
        // SAFETY: the memory is there until the end of the test.
        unsafe { late.run() };
        assert!(
            late.was_sent_back() && begun.elapsed() < TIME_TO_BRING,
            "no thread waits in it"
        );
        assert!(!late.enter_again(), "somebody is inside");
        seen.go.store(true, Ordering::SeqCst);
        until(|| late.enter_again());
        // SAFETY: as above.
        unsafe { late.run() };
        environment.join();
        assert_eq!(late.outcome().ok(), Some(64));
        assert_eq!(
            *seen.order.lock().unwrap(),
            [1, 0, 2],
            "it was passed over once, and is first again"
        );
    }

    #[test]
    fn an_environment_that_was_passed_over_is_told_again_once_it_is_heard_of() {
        let library = library(functions::<7>(true));
        SEEN[7].go.store(true, Ordering::SeqCst);
        let session = Arc::new(Session::new(library));
        let home: Arc<dyn Home> = Arc::new(Busy);
        let mut lent: Vec<_> = (0..3).map(|_| Lent(vec![0; 64])).collect();
        let [first, second, other] = lent.get_disjoint_mut([0, 1, 2]).unwrap();
        let first = task_of(&home, &session, 0, first);
        assert!(first.enter());
        let environment = Arc::new(Environment::default());
        environment.call(&session, 1, other);
        until(|| {
            library.turns().remind();
            environment.settled().len() == 1
        });
        environment.join();
        first.forgo();
        let second = task_of(&home, &session, 2, second);
        assert!(second.enter(), "it is the first now, and is told so");
        second.forgo();
    }

    #[test]
    fn a_library_that_opens_slowly_holds_up_no_end_and_is_closed_all_the_same() {
        unsafe extern "C" fn open_slowly() -> i64 {
            SEEN[8].inside.fetch_add(1, Ordering::SeqCst);
            until(|| SEEN[8].go.load(Ordering::SeqCst));
            SEEN[8].inside.fetch_sub(1, Ordering::SeqCst);
            SEEN[8].opened.fetch_add(1, Ordering::SeqCst);
            0
        }

        let seen = &SEEN[8];
        let mut functions = functions::<8>(true);
        functions.open = Some(open_slowly);
        let session = Arc::new(Session::new(library(functions)));
        let environment = Arc::new(Environment::default());
        let mut lent = Lent(vec![0; 64]);
        let task = environment.call(&session, 0, &mut lent);
        until(|| seen.inside.load(Ordering::SeqCst) == 1);
        task.ask_to_stop();
        let begun = Instant::now();
        session.close(Some(begun + Duration::from_millis(20)));
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it does not wait for the library"
        );
        seen.go.store(true, Ordering::SeqCst);
        environment.join();
        assert_eq!(environment.settled(), [(0, None)]);
        assert_eq!(seen.opened.load(Ordering::SeqCst), 1);
        assert_eq!(
            seen.closed.load(Ordering::SeqCst),
            1,
            "by the thread on which it opened"
        );
    }
}
