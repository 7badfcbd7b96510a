//! Two events for each word, one for each side to sleep on, and the other one to set.
//!
//! **No wake-up is lost.** A side stores the word, and then sets the other one's event; the other one loads the word, and
//! then sleeps until its event is set, which resets it. If its load comes before the store, so does whatever it has slept
//! for before, and the event is still to be set, or is. An event that a side did not have to wait for makes its next wait
//! return early.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent};

use super::handle::{owned, wait_for_any};

/// One side's handles of both events.
pub(crate) struct Bell {
    ours: OwnedHandle,
    theirs: OwnedHandle,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            ours: event()?,
            theirs: event()?,
        })
    }

    /// What the other side has put into this process.
    pub(super) fn of([ours, theirs]: [OwnedHandle; 2]) -> Self {
        Self { ours, theirs }
    }

    /// Sleeps until it is rung, at the longest for so long. May return early.
    pub(crate) fn wait(&self, _word: &AtomicU32, _value: u32, limit: Option<Duration>) {
        wait_for_any([self.ours()], limit);
    }

    /// Wakes the other side.
    pub(crate) fn ring(&self, _word: &AtomicU32) {
        set(&self.theirs);
    }

    /// Wakes this side: the program has ended. One thread waits at a time, and finds the end noted.
    pub(crate) fn ring_here(&self, _word: &AtomicU32) {
        set(&self.ours);
    }

    /// The event that this side sleeps on.
    pub(super) fn ours(&self) -> BorrowedHandle<'_> {
        self.ours.as_handle()
    }

    /// In the other side's order.
    pub(super) fn for_them(&self) -> [BorrowedHandle<'_>; 2] {
        [self.theirs.as_handle(), self.ours.as_handle()]
    }
}

/// One without a name, which a wait for it resets.
fn event() -> io::Result<OwnedHandle> {
    // SAFETY: without attributes and a name there is nothing to point at.
    let event = unsafe { CreateEventW(ptr::null(), 0, 0, ptr::null()) };
    // SAFETY: made just now, for this.
    unsafe { owned(event) }
}

fn set(event: &OwnedHandle) {
    // SAFETY: an open handle of an event.
    unsafe { SetEvent(event.as_raw_handle()) };
}
