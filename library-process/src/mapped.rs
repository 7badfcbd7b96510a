//! Buffers whose pages are those of a library's memory: the process of the library writes into them without a copy.
//!
//! The first time that a buffer is lent, its bytes move to a range of the library's [`Buffers`], and the range is mapped
//! in the place of its pages. V8 does not notice: the address and the bytes are the same. The buffer stays mapped
//! until V8 frees it. V8 then puts other pages there, without telling anybody, and this is how that is noticed:
//!
//! - **When memory at the address is lent again**, a byte that is written to the range has to show at the address. Memory
//!   that other threads can write to is not touched; there, a page that belongs to a file has to be ours.
//! - **To use a range again**, the system is asked for what of the library's memory is still mapped.

use std::collections::BTreeMap;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inplace_exchange_host::{LentMemory, Pages};
use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap, mremap_fixed, munmap};
use rustix::param::page_size;

use crate::buffers::Buffers;
use crate::pages::{Kind, kind_of_page, mappings_of, pages_at};
use crate::ranges::Range;
use crate::system::BUFFERS_LEN;

/// Whether anything is ever mapped here.
pub(crate) const IS_SUPPORTED: bool = true;

/// From as many bytes on, or twice those that are in use, it is looked for ranges that can be used again.
const SWEEP_AFTER: u64 = 64 << 20;

/// Of this process. Held for moments, except while the system is asked for what is mapped.
static TABLE: Mutex<Table> = Mutex::new(Table {
    buffers: BTreeMap::new(),
    replaced: Vec::new(),
    len: 0,
    sweep_at: SWEEP_AFTER,
});

struct Table {
    /// By where they begin. They do not overlap. Some may have been freed.
    buffers: BTreeMap<usize, Mapped>,
    /// In whose place others were mapped.
    replaced: Vec<Mapped>,
    /// Bytes of all these.
    len: u64,
    sweep_at: u64,
}

struct Mapped {
    buffers: Arc<Buffers>,
    range: Range,
}

/// Where the bytes are in the library's memory: they are mapped, or are now. `None` if they cannot be mapped.
pub(crate) fn find_or_map(buffers: &Arc<Buffers>, memory: &LentMemory<'_>) -> Option<u64> {
    if memory.pages() == Pages::Fixed || memory.is_empty() {
        return None;
    }
    let found = lock().find(buffers, memory);
    match memory.pages() {
        Pages::Replaceable if found.is_none() => map(buffers, memory),
        _ => found,
    }
}

impl Table {
    fn find(&self, buffers: &Arc<Buffers>, memory: &LentMemory<'_>) -> Option<u64> {
        let address = memory.data().addr().get();
        let (start, mapped) = self.buffers.range(..=address).next_back()?;
        let offset = (address - start) as u64;
        if !Arc::ptr_eq(&mapped.buffers, buffers) || offset + memory.len() as u64 > mapped.range.len {
            return None;
        }
        let offset = mapped.range.start + offset;
        let is_mapped = match memory.pages() {
            Pages::Replaceable => shows(buffers.bytes(offset, 1)?, memory.data()),
            // SAFETY: the memory is lent, and has bytes (see `find_or_map`).
            Pages::Shared => matches!(unsafe { kind_of_page(memory.data()) }, Some(Kind::File)),
            Pages::Fixed => false,
        };
        is_mapped.then_some(offset)
    }

    /// Those that begin before `end` and end after `start`.
    fn overlapping(&self, start: usize, end: usize) -> Vec<usize> {
        let before_end = self.buffers.range(..end).rev();
        before_end
            .take_while(|(at, mapped)| (**at as u64) + mapped.range.len > start as u64)
            .map(|(at, _)| *at)
            .collect()
    }

    /// Takes what is not mapped any more out of the table, and lets its range be used again.
    fn sweep(&mut self) {
        let Ok(mappings) = mappings_of("inplace-exchange-buffers") else {
            return;
        };
        // What buffers hold of each memory, by its inode and where that begins. The memory itself is mapped as a whole.
        let parts = mappings.iter().filter(|part| part.end - part.start < BUFFERS_LEN);
        let held: BTreeMap<_, _> = parts.map(|part| ((part.inode, part.start), part.end)).collect();
        let len = &mut self.len;
        let mut is_held = |mapped: &mut Mapped| {
            let Mapped { buffers, range } = mapped;
            let inode = buffers.memory.memory().inode();
            let before_end = held.range((inode, 0)..(inode, range.start + range.len));
            if before_end.last().is_some_and(|(_, end)| *end > range.start) {
                return true;
            }
            buffers.ranges.give_back(*range);
            *len -= range.len;
            false
        };
        self.buffers.retain(|_, mapped| is_held(mapped));
        self.replaced.retain_mut(is_held);
        self.sweep_at = SWEEP_AFTER.max(2 * self.len);
    }
}

/// See [`Table::sweep`].
pub(crate) fn sweep() {
    let mut table = lock();
    if table.len > 0 {
        table.sweep();
    }
}

/// Whether any of these is still mapped, as far as is known.
pub(crate) fn holds(buffers: &Arc<Buffers>) -> bool {
    let table = lock();
    let all = table.buffers.values().chain(&table.replaced);
    all.into_iter().any(|mapped| Arc::ptr_eq(&mapped.buffers, buffers))
}

/// Gives back to the system what no buffer holds of these, and forgets what is mapped: the buffers that it is mapped in
/// keep it, as long as they live. Nothing is lent of these any more.
pub(crate) fn retire(buffers: &Arc<Buffers>) {
    sweep();
    buffers.clear();
    let table = &mut *lock();
    let len = &mut table.len;
    let mut is_other = |mapped: &mut Mapped| {
        let is_other = !Arc::ptr_eq(&mapped.buffers, buffers);
        if !is_other {
            *len -= mapped.range.len;
        }
        is_other
    };
    table.buffers.retain(|_, mapped| is_other(mapped));
    table.replaced.retain_mut(is_other);
}

/// Moves bytes to the library's memory, and maps that in the place of their pages: where they are now.
fn map(buffers: &Arc<Buffers>, memory: &LentMemory<'_>) -> Option<u64> {
    let address = memory.data().addr().get();
    let len = memory.len().checked_next_multiple_of(page_size())?;
    if !address.is_multiple_of(page_size()) {
        return None;
    }
    // SAFETY: the memory is lent, and has bytes (see `find_or_map`).
    let kind = unsafe { kind_of_page(memory.data()) }?;
    let mut table = lock();
    if table.len >= table.sweep_at {
        table.sweep();
    }
    // A file's pages that are not ours are somebody else's means of communication.
    if kind == Kind::File && table.overlapping(address, address + len).is_empty() {
        return None;
    }
    drop(table);
    let range = buffers.ranges.take(len as u64)?;
    // SAFETY: the pages are replaceable, as whoever lends the memory has promised, and hold nothing but it.
    if unsafe { replace_pages(memory.data(), len, kind, buffers, range) }.is_none() {
        buffers.ranges.give_back(range);
        return None;
    }
    let mut table = lock();
    for start in table.overlapping(address, address + len) {
        let replaced = table.buffers.remove(&start);
        table.replaced.extend(replaced);
    }
    let buffers = Arc::clone(buffers);
    table.buffers.insert(address, Mapped { buffers, range });
    table.len += range.len;
    Some(range.start)
}

/// `None`, and nothing has changed, if the system refuses.
///
/// # Safety
/// The `len` bytes of whole pages, which are of that kind, are the caller's alone, and other pages may be put in their
/// place. The range is as long, and nobody else's.
unsafe fn replace_pages(data: NonNull<u8>, len: usize, kind: Kind, buffers: &Buffers, range: Range) -> Option<()> {
    let (access, flags) = (
        ProtFlags::READ | ProtFlags::WRITE,
        MapFlags::SHARED | MapFlags::NORESERVE,
    );
    // SAFETY: a new mapping, at an address that the system chooses.
    let new = unsafe {
        mmap(
            ptr::null_mut(),
            len,
            access,
            flags,
            buffers.memory.memory(),
            range.start,
        )
    }
    .ok()?;
    let new: *mut u8 = new.cast();
    let page = page_size();
    // Memory that nobody has touched is zero, and is not touched here. That cannot be told of a file's, nor if the system
    // keeps it to itself.
    let pages = match kind {
        Kind::Private => pages_at(data.addr().get(), len / page).ok(),
        Kind::File => None,
    };
    for index in 0..len / page {
        let has_bytes = pages.as_ref().is_none_or(|pages| pages[index].has_bytes());
        let (from, to) = (data.as_ptr().wrapping_add(index * page), new.wrapping_add(index * page));
        if has_bytes {
            // SAFETY: a page within each mapping, which are apart; they may be read and written, and no reference covers them.
            unsafe { to.copy_from_nonoverlapping(from, page) };
        } else if !range.is_zero {
            // SAFETY: as above.
            unsafe { to.write_bytes(0, page) };
        }
    }
    // SAFETY: `new` is this function's own; what is at `data` may be replaced (its contract). The mapping keeps the bytes.
    let moved = unsafe { mremap_fixed(new.cast(), len, len, MremapFlags::MAYMOVE, data.as_ptr().cast()) };
    if moved.is_err() {
        // SAFETY: still this function's own.
        let _ = unsafe { munmap(new.cast(), len) };
    }
    moved.ok().map(drop)
}

/// Whether a byte of lent memory is one of the library's memory: whether what is written there shows here. Nobody else writes
/// to either, except a library that still writes after its answer; it can be deceived, or lose a byte, by its own doing.
fn shows(there: NonNull<u8>, here: NonNull<u8>) -> bool {
    // SAFETY: in the library's memory, which is mapped for reading and writing; no reference covers it.
    let there = unsafe { AtomicU8::from_ptr(there.as_ptr()) };
    // SAFETY: lent, so it may be read and written, and no reference covers it.
    let here = unsafe { AtomicU8::from_ptr(here.as_ptr()) };
    // SeqCst, as the addresses differ: the accesses stay in this order.
    let before = there.load(Ordering::SeqCst);
    if here.load(Ordering::SeqCst) != before {
        return false;
    }
    there.store(!before, Ordering::SeqCst);
    let shows = here.load(Ordering::SeqCst) == !before;
    there.store(before, Ordering::SeqCst);
    shows
}

fn lock() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}
