//! How a call goes through a lane, from both sides, and what becomes of it when the program ends.
//!
//! ```text
//!             app: call              program: serve         program: serve
//!   IDLE ───────────────────> REQUESTED ─────────> RUNNING ─────────────────> ANSWERED
//!    ^                                                                            │
//!    └──────────────────────── app: call, when it has read the result ────────────┘
//!
//!   any state ── the app's watcher: mark_dead ──> DEAD
//!   any state ── a program that other processes use as well, when the app's has ended ──> DEAD
//! ```
//!
//! The state hands over all else that the two sides share, so it is stored with `Release` by whoever gives the lane
//! away, and loaded with `Acquire` by whoever takes it. The app believes no state that does not follow from the one
//! before, and none at all once the process has ended. `tests/model` runs this file under loom and shuttle.

use std::time::Duration;

use crate::lanes::{Claim, Lanes};
use crate::spin::Spin;
use crate::sync::{self, AtomicU32, Bell, Deadline, Ordering};

/// The states of a lane.
pub(crate) enum State {}

impl State {
    /// Of the app: nothing is asked.
    pub(crate) const IDLE: u32 = 0;
    /// Of the program: a request is there.
    pub(crate) const REQUESTED: u32 = 1;
    /// Of the program: it has taken the request.
    pub(crate) const RUNNING: u32 = 2;
    /// Of the app: the result is there.
    pub(crate) const ANSWERED: u32 = 3;
    /// Of nobody: one of the two has ended.
    pub(crate) const DEAD: u32 = 4;
}

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed<E> {
    /// The program has ended, or has been ended since it broke the protocol.
    Ended(E),
    /// The deadline has passed, and the program was ended.
    TimedOut,
}

/// The words of a lane that hand it over, as one side has them.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Of [`State`].
    pub(crate) state: &'a AtomicU32,
    /// By which it is waited for.
    pub(crate) bell: &'a Bell,
    /// The core of this side's thread. Like the next one, a hint how to wait, and nothing depends on it.
    pub(crate) here: &'a AtomicU32,
    /// The core of the other side's thread.
    pub(crate) there: &'a AtomicU32,
}

/// What is done every few milliseconds while a call runs.
pub(crate) type Watch<'a> = &'a dyn Fn(&mut Option<Deadline>);

/// Makes a call, on the app's side: hands over what `write` writes, and gives what `read` reads of the answer.
///
/// `kill` ends the process, unless it has ended; the watcher is then about to see it. If there is a `watch`, it is called
/// every few milliseconds while the call runs, and may put the deadline off.
pub(crate) fn call<E: Copy, T>(
    side: Side<'_>,
    claim: &mut Claim<'_, E>,
    mut deadline: Option<Deadline>,
    kill: impl Fn(),
    watch: Option<Watch<'_>>,
    write: impl FnOnce(),
    read: impl FnOnce() -> T,
) -> Result<T, Failed<E>> {
    let lanes = claim.lanes();
    let kill_and_wait = || {
        kill();
        lanes.wait_for_end()
    };
    // Now that the lane is in use, so that the watcher wakes this thread if the process ends later.
    if let Some(end) = lanes.end() {
        return Err(Failed::Ended(end));
    }
    write();
    side.publish_core();
    let handed_over = side
        .state
        .compare_exchange(State::IDLE, State::REQUESTED, Ordering::Release, Ordering::Relaxed);
    if handed_over.is_err() {
        return Err(Failed::Ended(kill_and_wait()));
    }
    sync::wake(side.state, side.bell);
    let mut looking = claim.spin().begin(side.is_elsewhere());
    loop {
        match side.state.load(Ordering::Acquire) {
            State::ANSWERED => break,
            State::REQUESTED | State::RUNNING if looking.goes_on() => {}
            now @ (State::REQUESTED | State::RUNNING) => {
                if let Some(end) = lanes.end() {
                    return Err(Failed::Ended(end)); // whatever another process that has the memory writes
                }
                if let Some(watch) = watch {
                    watch(&mut deadline);
                }
                if sync::has_passed(deadline) {
                    kill_and_wait();
                    return Err(Failed::TimedOut);
                }
                if watch.is_some() {
                    sync::wait_a_little(side.state, side.bell, now, deadline);
                } else {
                    sync::wait(side.state, side.bell, now, deadline);
                }
            }
            // DEAD, or a state that does not follow.
            _ => return Err(Failed::Ended(kill_and_wait())),
        }
    }
    looking.end();
    let value = read();
    // Unless it is DEAD by now: then it stays so.
    let _ = side
        .state
        .compare_exchange(State::ANSWERED, State::IDLE, Ordering::Relaxed, Ordering::Relaxed);
    Ok(value)
}

/// Waits for the next request, and answers it, on the program's side. False if there will be none: the app's process has
/// ended, and this side has been told so.
#[must_use]
pub(crate) fn serve(side: Side<'_>, spin: &mut Spin, answer: impl FnOnce()) -> bool {
    let mut looking = spin.begin(side.is_elsewhere());
    loop {
        match side.state.load(Ordering::Acquire) {
            State::REQUESTED => break,
            State::DEAD => return false,
            _ if looking.goes_on() => {}
            now => sync::wait(side.state, side.bell, now, None),
        }
    }
    looking.end();
    side.state.store(State::RUNNING, Ordering::Relaxed);
    answer();
    side.publish_core();
    side.state.store(State::ANSWERED, Ordering::Release);
    sync::wake(side.state, side.bell);
    true
}

/// Tells all callers that the process has ended, once [`Lanes::set_end`] has said how.
///
/// `states` are those of all lanes, with their bells: a lane that has none yet is waited for by nobody.
pub(crate) fn mark_dead<'a, E: Copy>(
    lanes: &Lanes<E>,
    states: impl Iterator<Item = (&'a AtomicU32, Option<&'a Bell>)> + Clone,
) {
    loop {
        for (state, bell) in states.clone() {
            state.store(State::DEAD, Ordering::Release);
            if let Some(bell) = bell {
                sync::wake_here(state, bell);
            }
        }
        // Again, until all have noticed: another process that has the memory can overwrite it.
        if !lanes.are_in_use() {
            return;
        }
        sync::sleep(Duration::from_millis(1));
    }
}

/// Tells a thread that serves a lane that the app's process has ended, on the program's side. Again, until it has noticed: it may
/// be about to answer a call.
pub(crate) fn end(state: &AtomicU32, bell: &Bell) {
    state.store(State::DEAD, Ordering::Release);
    sync::wake_here(state, bell);
}

/// Asks the calls that run to return, on the app's side.
pub(crate) fn cancel(cancels: &AtomicU32, bell: &Bell) {
    cancels.fetch_add(1, Ordering::Release);
    sync::wake(cancels, bell);
}

/// Waits until [`cancel`] has been called since this was `seen`, on the program's side, which is then its number.
pub(crate) fn wait_for_cancel(cancels: &AtomicU32, bell: &Bell, seen: &mut u32) {
    loop {
        let now = cancels.load(Ordering::Acquire);
        if now != *seen {
            *seen = now;
            return;
        }
        sync::wait(cancels, bell, now, None);
    }
}

impl Side<'_> {
    fn publish_core(self) {
        let core = sync::this_core().unwrap_or(u32::MAX);
        self.here.store(core, Ordering::Relaxed);
    }

    /// Whether the other side's thread was on another core when it last handed the lane over. If not, it can go on only
    /// when this one sleeps. Where the system does not tell, it is taken to be elsewhere.
    fn is_elsewhere(self) -> bool {
        sync::this_core().is_none_or(|core| self.there.load(Ordering::Relaxed) != core)
    }
}
