//! `library-process/src/sync.rs` for models: the same functions, built on the checker's primitives.
//!
//! A side sleeps as Linux has it, by futexes, or, with `LANE_BELLS` among the variables, as Windows and macOS have it: by
//! an event of its own for each word, which stays set until that side has waited for it.
//!
//! There is no clock: a deadline passes when its thread has waited a number of times. A word has a handle for each side,
//! and a thread that uses the program's ends there if the program has been killed.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicU32 as Plain;
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use crate::checker;
use crate::checker::{AtomicBool, AtomicU64, choose, yield_now};

pub(crate) use crate::checker::{Condvar, Mutex, MutexGuard};
pub(crate) use std::sync::atomic::Ordering;

/// Whose a handle is.
#[derive(Clone)]
pub(crate) enum Owner {
    App,
    /// The program, or a thread of its library.
    Program(Arc<AtomicBool>),
    /// Another process that has the memory. It outlives the program.
    Other,
}

/// A word that both processes have.
pub(crate) struct Word {
    value: AtomicU64,
    /// Held to sleep and to wake, as the system does.
    sleepers: Mutex<Rung>,
    app_woken: Condvar,
    program_woken: Condvar,
}

/// A handle of a word. One without a word is a hint, which may have any value at any time.
pub(crate) struct AtomicU32 {
    word: Option<Arc<Word>>,
    owner: Owner,
    /// What this handle has loaded last.
    loaded: Plain,
    /// What it has exchanged the value for, last.
    exchanged: Plain,
}

/// What a word has besides is in [`Word`].
pub(crate) struct Bell;

/// Whether sides sleep on events, and not on the word.
static HAS_BELLS: LazyLock<bool> = LazyLock::new(|| std::env::var_os("LANE_BELLS").is_some());

/// Which events are set.
#[derive(Default)]
struct Rung {
    app: bool,
    program: bool,
}

/// Why a thread of the program unwinds.
pub(crate) struct Killed;

impl Word {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            value: AtomicU64::new(0),
            sleepers: Mutex::new(Rung::default()),
            app_woken: Condvar::new(),
            program_woken: Condvar::new(),
        })
    }

    /// Has the program's threads that sleep notice that they are killed. It wakes no other.
    pub(crate) fn notify_killed(&self) {
        drop(lock(&self.sleepers));
        self.program_woken.notify_all();
    }

    pub(crate) fn handle(self: &Arc<Self>, owner: &Owner) -> AtomicU32 {
        AtomicU32 {
            word: Some(Arc::clone(self)),
            owner: owner.clone(),
            loaded: Plain::new(u32::MAX),
            exchanged: Plain::new(u32::MAX),
        }
    }
}

impl AtomicU32 {
    pub(crate) fn hint() -> Self {
        Self {
            word: None,
            owner: Owner::App,
            loaded: Plain::new(0),
            exchanged: Plain::new(0),
        }
    }

    /// The value that this handle has put there last by an exchange, and the one that it has loaded last.
    pub(crate) fn history(&self) -> (u32, u32) {
        let [exchanged, loaded] = [&self.exchanged, &self.loaded].map(|value| value.load(Ordering::Relaxed));
        (exchanged, loaded)
    }

    /// Ends this thread if it is the program's, and that has been killed.
    pub(crate) fn end_if_killed(&self) {
        if self.is_killed() {
            resume_unwind(Box::new(Killed));
        }
    }

    fn is_killed(&self) -> bool {
        matches!(&self.owner, Owner::Program(killed) if killed.load(Ordering::Relaxed))
    }

    fn note(&self, value: u64) -> u32 {
        let value = u32::try_from(value).unwrap();
        self.loaded.store(value, Ordering::Relaxed);
        value
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.end_if_killed();
        match &self.word {
            Some(word) => self.note(word.value.load(order)),
            None => choose(2),
        }
    }

    /// By swapping, see `loom/checker.rs`.
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.end_if_killed();
        if let Some(word) = &self.word {
            word.value.swap(value.into(), order);
        }
    }

    pub(crate) fn compare_exchange(&self, from: u32, to: u32, yes: Ordering, no: Ordering) -> Result<u32, u32> {
        self.end_if_killed();
        let word = self.word.as_ref().unwrap();
        let exchanged = word.value.compare_exchange(from.into(), to.into(), yes, no);
        if exchanged.is_ok() {
            self.exchanged.store(to, Ordering::Relaxed);
        }
        exchanged.map(|_| from).map_err(|other| u32::try_from(other).unwrap())
    }

    pub(crate) fn fetch_add(&self, count: u32, order: Ordering) {
        self.word.as_ref().unwrap().value.fetch_add(count.into(), order);
    }
}

/// As the system's futex: it compares and falls asleep in one step, as far as those who wake can tell. Or until the event
/// is set, which it resets.
pub(crate) fn wait(handle: &AtomicU32, _bell: &Bell, value: u32, deadline: Option<Deadline>) {
    if deadline.is_some_and(take_turn) || choose(8) == 7 {
        yield_now();
        return; // early
    }
    let word = handle.word.as_ref().unwrap();
    let woken = match handle.owner {
        Owner::Program(_) => &word.program_woken,
        _ => &word.app_woken,
    };
    let mut guard = lock(&word.sleepers);
    if *HAS_BELLS {
        while !*rung(&mut guard, &handle.owner) && !handle.is_killed() {
            guard = wait_for(woken, guard);
        }
        *rung(&mut guard, &handle.owner) = false;
        drop(guard);
    } else if word.value.load(Ordering::Relaxed) == u64::from(value) && !handle.is_killed() {
        drop(wait_for(woken, guard));
    } else {
        drop(guard);
    }
    handle.end_if_killed();
}

/// The event that this side sleeps on. Another process that has the memory has none, and waits for none.
fn rung<'a>(rung: &'a mut Rung, owner: &Owner) -> &'a mut bool {
    match owner {
        Owner::Program(_) => &mut rung.program,
        _ => &mut rung.app,
    }
}

pub(crate) fn wait_a_little(handle: &AtomicU32, bell: &Bell, value: u32, deadline: Option<Deadline>) {
    wait(handle, bell, value, deadline);
}

pub(crate) fn wake(handle: &AtomicU32, _bell: &Bell) {
    wake_by(handle, |rung| match handle.owner {
        Owner::App => rung.program = true,
        Owner::Program(_) => rung.app = true,
        Owner::Other => {}
    });
}

pub(crate) fn wake_here(handle: &AtomicU32, _bell: &Bell) {
    wake_by(handle, |events| *rung(events, &handle.owner) = true);
}

fn wake_by(handle: &AtomicU32, ring: impl FnOnce(&mut Rung)) {
    handle.end_if_killed();
    let word = handle.word.as_ref().unwrap();
    ring(&mut lock(&word.sleepers));
    word.app_woken.notify_all();
    word.program_woken.notify_all();
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait_for<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn this_core() -> Option<u32> {
    Some(0)
}

pub(crate) fn sleep(_duration: Duration) {
    checker::yield_now();
}

thread_local! {
    /// How many waits are left until each deadline. The threads of a model are coroutines of one thread.
    static TURNS: RefCell<Vec<u32>> = RefCell::default();
}

/// An index into [`TURNS`].
#[derive(Clone, Copy)]
pub(crate) struct Deadline(usize);

/// A deadline that passes after so many waits.
pub(crate) fn after_turns(turns: u32) -> Deadline {
    TURNS.with_borrow_mut(|all| {
        all.push(turns);
        Deadline(all.len() - 1)
    })
}

pub(crate) fn forget_deadlines() {
    TURNS.take();
}

pub(crate) fn has_passed(deadline: Option<Deadline>) -> bool {
    deadline.is_some_and(|Deadline(index)| TURNS.with_borrow(|all| all[index] == 0))
}

fn take_turn(Deadline(index): Deadline) -> bool {
    TURNS.with_borrow_mut(|all| all[index] = all[index].saturating_sub(1));
    true
}

/// A thread. None ends while a scenario goes on that asks for it.
#[derive(PartialEq)]
pub(crate) struct Thread(checker::ThreadId);

pub(crate) fn this_thread() -> Thread {
    Thread(checker::this_thread())
}

impl Thread {
    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn has_ended(&self) -> bool {
        false
    }
}
