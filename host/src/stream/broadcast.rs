//! One source for several rings: the library is asked once for each message, which is then in all of them.
//!
//! - Before a message, each ring that waits for its reader has a free slot: the slowest reader sets the pace. A ring that drops
//!   never holds up the others: if it has no place, the message is dropped for it.
//! - The library fills a slot of one ring. What it says that the message takes is copied to the others.
//! - A ring joins between two messages, and has those from then on. It leaves as soon as it is to end, but not while the
//!   library fills its slot, and the last one not while the source is in the library: whose stream it is may close it then.
//! - The source ends with the last ring, or when the library has no more messages or fails: then for all that are left.
//!
//! The source has a thread of its own ([`run`](Broadcast::run)), and each ring one that [waits](Broadcast::wait_for): a
//! ring's thread could not lead the others, as it has to return when its ring leaves, and `exchange_stream` may be inside then.
//! `tests/model` runs this under loom and shuttle.

mod state;

use std::sync::Arc;
use std::time::Duration;

use super::fill::fill;
use super::filler::{Filled, Member, Taker};
use super::output::Output;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Caller, Progress, Report, Request};
use crate::ring::Place;
use crate::sync::{Condvar, Mutex, after, lock, pause, wait};
use state::{Joined, State};

/// How often it is looked whether a ring is to leave, of which nobody is notified.
const LEAVE_INTERVAL: Duration = Duration::from_millis(5);

/// The source, and the rings that have its messages.
pub struct Broadcast<M> {
    request: Request,
    input: Box<[u8]>,
    slot_len: usize,
    report: Report,
    state: Mutex<State<M>>,
    ended: Condvar,
}

impl<M: Member> Broadcast<M> {
    /// With what this one asks for. It has not joined yet.
    pub fn of(member: &M) -> Self {
        let filler = member.filler();
        Self {
            request: filler.request,
            input: filler.options.input.clone(),
            slot_len: filler.slot_len(),
            report: Report::default(),
            state: Mutex::new(State {
                members: Vec::new(),
                is_closed: false,
                is_inside: false,
                is_marked: false,
                outcome: None,
            }),
            ended: Condvar::new(),
        }
    }

    /// Adds a ring, which [waits](Self::wait_for) then. False if it asks for other messages, its memory is not apart from that
    /// of the others, or the source is about to end.
    pub fn add(&self, member: &Arc<M>) -> bool {
        let filler = member.filler();
        let mut state = lock(&self.state);
        let joins = !state.is_closed
            && (self.request, self.slot_len) == (filler.request, filler.slot_len())
            && self.input == filler.options.input
            && state.members.iter().all(|joined| member.is_apart_from(&joined.member));
        if joins {
            if state.is_marked {
                member.mark(true); // it waits for the end of that message, too
            }
            state.members.push(Joined {
                member: Arc::clone(member),
                takes_part: false,
                place: None,
                is_filled: false,
            });
        }
        joins
    }

    /// Waits until a ring that was added is to end, or the source has ended: what has come of it. Nobody uses its memory
    /// afterwards. `cancel` is called from time to time when all are to end, and the library is still in a message.
    pub fn wait_for(&self, member: &Arc<M>, cancel: impl Fn()) -> Filled {
        let mut state = lock(&self.state);
        loop {
            let at = state
                .members
                .iter()
                .position(|joined| Arc::ptr_eq(&joined.member, member));
            if let Some((filled, words)) = &state.outcome {
                member.set_message(words.clone());
                return *filled;
            }
            let Some(at) = at else { return Filled::End };
            // Not whether all others are to end as well: they say so at any time, also between two looks at them.
            let is_last = state.members.len() == 1;
            if member.is_cancelled() && !state.members[at].is_filled && !(is_last && state.is_inside) {
                let joined = state.members.swap_remove(at);
                joined.give_back();
                return Filled::End;
            }
            if state.is_left() {
                drop(state); // the library may ask meanwhile
                cancel();
                state = lock(&self.state);
            }
            state = wait(&self.ended, state, Some(after(LEAVE_INTERVAL)));
        }
    }

    /// Whether all rings are to end.
    pub fn is_left(&self) -> bool {
        lock(&self.state).is_left()
    }

    /// Makes the messages until the source ends, on its thread. `inside` does what it is given as a call in the library.
    pub fn run(&self, library: &Library, inside: impl Fn(&mut dyn FnMut())) {
        loop {
            let mut filled = Filled::End;
            inside(&mut || {
                if !self.enter() {
                    return;
                }
                let failed = |_| Filled::End; // the library is in this process, where only it fails
                filled = fill(&mut Rings::of(self), library, self).unwrap_or_else(failed);
                lock(&self.state).is_inside = false;
            });
            if filled != Filled::More {
                return self.end(filled);
            }
            self.wait_for_place();
        }
    }

    /// From here on the last ring stays. False if all are to end.
    fn enter(&self) -> bool {
        let state = &mut *lock(&self.state);
        state.is_closed |= state.is_left();
        state.is_inside = !state.is_closed;
        state.is_inside
    }

    fn end(&self, filled: Filled) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.outcome = Some((filled, self.report.take_message()));
        self.ended.notify_all();
    }

    fn wait_for_place(&self) {
        for round in 0.. {
            if self.is_cancelled() || lock(&self.state).has_place() {
                return;
            }
            pause(round);
        }
    }
}

impl<M: Member> Caller for Broadcast<M> {
    /// Whether all rings are to end. None joins from then on.
    fn is_cancelled(&self) -> bool {
        let state = &mut *lock(&self.state);
        state.is_closed |= state.is_left();
        state.is_closed
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

impl<M: Member> Taker for Broadcast<M> {
    fn mark(&self, inside: bool) {
        let mut state = lock(&self.state);
        state.is_marked = inside;
        for joined in &state.members {
            joined.member.mark(inside);
        }
    }
}

/// The rings of a source, as the library has them.
struct Rings<'a, M> {
    broadcast: &'a Broadcast<M>,
    filled: Option<(Arc<M>, Place)>,
}

impl<'a, M: Member> Rings<'a, M> {
    fn of(broadcast: &'a Broadcast<M>) -> Self {
        Self {
            broadcast,
            filled: None,
        }
    }
}

impl<M: Member> Output for Rings<'_, M> {
    fn claim(&mut self) -> bool {
        self.filled = lock(&self.broadcast.state).claim();
        self.filled.is_some()
    }

    fn memory(&self, input: &[u8]) -> Option<LentMemory<'_>> {
        let (member, place) = self.filled.as_ref()?;
        Some(member.filler().memory.lend(*place, input))
    }

    fn publish(&mut self, length: u32) {
        if let Some(filled) = self.filled.take() {
            let state = &mut *lock(&self.broadcast.state);
            state.taking_part().for_each(|joined| joined.publish(&filled, length));
        }
    }

    fn abandon(&mut self) {
        self.filled = None;
        lock(&self.broadcast.state).taking_part().for_each(Joined::abandon);
    }

    fn request(&self) -> Request {
        self.broadcast.request
    }

    fn input(&self) -> &[u8] {
        &self.broadcast.input
    }

    fn slot_len(&self) -> usize {
        self.broadcast.slot_len
    }
}

#[cfg(test)]
mod tests;
