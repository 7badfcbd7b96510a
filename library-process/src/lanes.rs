//! Which lanes of a program the app's threads use, and how the program has ended. All of it is the app's alone.

use crate::protocol::MAX_LANES;
use crate::spin::Spin;
use crate::sync::{self, Condvar, Mutex, Thread, lock};

/// The lanes of one program, whose end is an `E`.
pub(crate) struct Lanes<E> {
    slots: Mutex<[Slot; MAX_LANES]>,
    end: Mutex<Option<E>>,
    ended: Condvar,
}

/// A lane, as the app's threads use it.
#[derive(Default)]
struct Slot {
    /// The thread that had it last: it gets the same one again, and so the same thread of the program. Many libraries
    /// belong to a thread.
    thread: Option<Thread>,
    in_use: bool,
    spin: Spin,
}

/// A lane, while one thread has it.
pub(crate) struct Claim<'a, E: Copy> {
    lanes: &'a Lanes<E>,
    spin: Spin,
    /// Its number.
    pub(crate) number: usize,
    /// Whether no thread had it before.
    pub(crate) is_new: bool,
}

impl<E: Copy> Lanes<E> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Mutex::new(std::array::from_fn(|_| Slot::default())),
            end: Mutex::new(None),
            ended: Condvar::new(),
        }
    }

    /// How the program has ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<E> {
        *lock(&self.end)
    }

    /// Does this unless the program has ended, and before its end can be set.
    pub(crate) fn unless_ended(&self, act: impl FnOnce()) {
        let end = lock(&self.end);
        if end.is_none() {
            act();
        }
    }

    /// Notes the end, with what this returns.
    pub(crate) fn set_end(&self, end: impl FnOnce() -> E) {
        let mut noted = lock(&self.end);
        *noted = Some(end());
        drop(noted);
        self.ended.notify_all();
    }

    /// Waits until the end has been noted.
    pub(crate) fn wait_for_end(&self) -> E {
        let mut end = lock(&self.end);
        loop {
            match *end {
                Some(end) => return end,
                None => end = sync::wait_for(&self.ended, end),
            }
        }
    }

    /// A lane for this thread. `None` if all are in use.
    pub(crate) fn claim(&self) -> Option<Claim<'_, E>> {
        let thread = Some(sync::this_thread());
        let mut slots = lock(&self.slots);
        let free = |slot: &Slot| !slot.in_use;
        let number = slots
            .iter()
            .position(|slot| free(slot) && slot.thread == thread)
            .or_else(|| {
                slots
                    .iter()
                    .position(|slot| free(slot) && slot.thread.as_ref().is_some_and(Thread::has_ended))
            })
            .or_else(|| slots.iter().position(|slot| free(slot) && slot.thread.is_none()))
            .or_else(|| slots.iter().position(free))?;
        let slot = &mut slots[number];
        let (is_new, spin) = (slot.thread.is_none(), slot.spin);
        slot.thread = thread;
        slot.in_use = true;
        Some(Claim {
            lanes: self,
            spin,
            number,
            is_new,
        })
    }

    /// Whether any thread has a lane.
    pub(crate) fn are_in_use(&self) -> bool {
        lock(&self.slots).iter().any(|slot| slot.in_use)
    }
}

impl<'a, E: Copy> Claim<'a, E> {
    pub(crate) fn lanes(&self) -> &'a Lanes<E> {
        self.lanes
    }

    /// How this lane's answers are waited for.
    pub(crate) fn spin(&mut self) -> &mut Spin {
        &mut self.spin
    }
}

impl<E: Copy> Drop for Claim<'_, E> {
    fn drop(&mut self) {
        let slot = &mut lock(&self.lanes.slots)[self.number];
        slot.in_use = false;
        slot.spin = self.spin;
    }
}
