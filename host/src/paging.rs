//! The pages of lent memory: advice to the system, and pages that are made before anybody needs them.
//!
//! New memory has no pages. The system makes each at the first access, and filling new memory is mostly that. It makes
//! fewer if they may be huge, and none if they are there already. No byte changes by what is done here.

#[cfg(any(target_os = "linux", test))]
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::lent_memory::LentMemory;

/// From this length on, in bytes, an exchange asks for huge pages: two of them are whole in it, wherever it begins.
const HUGE_FROM: usize = 4 << 20;

/// The size of a huge page, or a part of it. Pages are made so many bytes at a time, as meanwhile no thread of the process
/// can map memory.
const STEP: usize = 2 << 20;

impl LentMemory<'_> {
    /// Asks the system to make huge pages when the memory is first written, if it is large and new. Linux only; without
    /// effect where the system has no huge pages for those who ask.
    #[inline]
    pub(crate) fn prefer_huge_pages(&self) {
        if self.is_huge() {
            prefer_huge_pages(&self.again()); // whose address is taken: this one stays in registers
        }
    }

    /// Whether it is so large that [huge pages](Self::prefer_huge_pages) are preferred.
    #[inline]
    pub(crate) fn is_huge(&self) -> bool {
        self.len() >= HUGE_FROM
    }

    /// Has the pages made that memory does not have yet. Stops between two steps if that is asked for.
    pub(crate) fn populate(&self, is_cancelled: impl Fn() -> bool) {
        let page = page_size();
        let (mut at, end) = whole_pages(self, page);
        let mut can_populate = true;
        while at < end && !is_cancelled() {
            let next = (at / STEP * STEP + STEP).min(end);
            can_populate = can_populate && populate(self, at, next);
            if !can_populate {
                touch(self, at, next, page);
            }
            at = next;
        }
    }
}

/// The address of the first whole page, and that of the end of the last one. Other objects may be in the pages outside.
fn whole_pages(memory: &LentMemory<'_>, page: usize) -> (usize, usize) {
    let start = memory.data().addr().get();
    (start.next_multiple_of(page), (start + memory.len()) / page * page)
}

/// Touches each page by an access that counts as a write, and writes what is there: atomically, as other threads may have
/// the memory.
fn touch(memory: &LentMemory<'_>, from: usize, to: usize, page: usize) {
    for address in (from..to).step_by(page) {
        let byte = memory.data().as_ptr().with_addr(address);
        // SAFETY: lent memory may be read and written (`LentMemory::new`), no reference covers it, and the address is in it
        // (`whole_pages`).
        let byte = unsafe { AtomicU8::from_ptr(byte) };
        byte.fetch_or(black_box(0), Ordering::Relaxed); // unknown to the compiler, or it would only read
    }
}

#[cfg(target_os = "linux")]
#[cold]
fn prefer_huge_pages(memory: &LentMemory<'_>) {
    // The system takes a microsecond to answer, which is much for a library that uses little of the memory.
    if was_lent(memory) && begins_with_bytes(memory) {
        return;
    }
    let page = page_size();
    let (start, end) = whole_pages(memory, page);
    // One that is there shows that the memory was filled before. The middle one: a short request is at the start.
    let middle = memory
        .data()
        .as_ptr()
        .with_addr(start + (end - start) / 2 / page * page);
    let mut is_there = 0_u8;
    // SAFETY: a whole page of the memory, which is mapped, and room for the one answer.
    let status = unsafe { libc::mincore(middle.cast(), page, &raw mut is_there) };
    if status != 0 || is_there & 1 != 0 {
        return;
    }
    let first = memory.data().as_ptr().with_addr(start);
    // SAFETY: whole pages of lent memory. The advice changes no byte, and a system that does not take it says so.
    unsafe { libc::madvise(first.cast(), end - start, libc::MADV_HUGEPAGE) };
}

/// Whether memory of this address and length is among the last that this thread has lent. It may be new nevertheless, if that
/// was freed.
#[cfg(target_os = "linux")]
fn was_lent(memory: &LentMemory<'_>) -> bool {
    thread_local! {
        static LAST: Cell<[(usize, usize); 4]> = const { Cell::new([(0, 0); 4]) };
    }

    let lent = (memory.data().addr().get(), memory.len());
    let mut last = LAST.get();
    if last.contains(&lent) {
        return true;
    }
    last.rotate_right(1);
    last[0] = lent;
    LAST.set(last);
    false
}

/// Whether one of the first bytes is not zero. In new memory all are, until somebody writes to it.
#[cfg(target_os = "linux")]
fn begins_with_bytes(memory: &LentMemory<'_>) -> bool {
    (0..memory.len().min(16)).any(|index| {
        // SAFETY: lent memory may be read, no reference covers it, and the index is within it.
        let byte = unsafe { AtomicU8::from_ptr(memory.data().as_ptr().wrapping_add(index)) };
        byte.load(Ordering::Relaxed) != 0
    })
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages(_memory: &LentMemory<'_>) {}

/// Has the system make whole pages. False if it cannot, as Linux before 5.14.
#[cfg(target_os = "linux")]
fn populate(memory: &LentMemory<'_>, from: usize, to: usize) -> bool {
    let first = memory.data().as_ptr().with_addr(from);
    // SAFETY: whole pages of lent memory, in which this changes no byte.
    let status = unsafe { libc::madvise(first.cast(), to - from, libc::MADV_POPULATE_WRITE) };
    // Of other reasons, such as a lack of memory, touching the pages would be no way out.
    status == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL)
}

#[cfg(not(target_os = "linux"))]
fn populate(_memory: &LentMemory<'_>, _from: usize, _to: usize) -> bool {
    false
}

#[cfg(unix)]
fn page_size() -> usize {
    // SAFETY: has no precondition: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(SMALLEST_PAGE)
}

/// As on Windows.
#[cfg(not(unix))]
fn page_size() -> usize {
    SMALLEST_PAGE
}

/// No system that this runs on has smaller ones; where they are larger, some are touched more than once.
const SMALLEST_PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::ptr::NonNull;

    use proptest::prelude::*;

    use super::*;

    /// Lends a part of memory.
    fn lend(bytes: &mut [u8]) -> LentMemory<'_> {
        let data = NonNull::from(&mut *bytes).cast();
        // SAFETY: the bytes are borrowed for the life of this, and not accessed otherwise meanwhile.
        unsafe { LentMemory::new(data, bytes.len()) }
    }

    proptest! {
        #[test]
        fn whole_pages_are_within_the_memory(offset in 0_usize..9000, len in 0_usize..30_000) {
            let mut bytes = vec![0; 40_000];
            let memory = lend(&mut bytes[offset..offset + len]);
            let start = memory.data().addr().get();
            let (first, end) = whole_pages(&memory, 4096);
            prop_assert!(first >= start && first < start + 4096 && first % 4096 == 0);
            prop_assert!(end <= start + len && end + 4096 > start + len && end % 4096 == 0);
        }

        #[test]
        fn no_byte_changes(offset in 0_usize..5000, len in 0_usize..30_000) {
            let mut bytes: Vec<_> = (0..40_000_u32).map(|index| index.to_le_bytes()[0] ^ index.to_le_bytes()[1]).collect();
            let before = bytes.clone();
            let memory = lend(&mut bytes[offset..offset + len]);
            memory.populate(|| false);
            let (first, end) = whole_pages(&memory, 4096);
            if first < end {
                touch(&memory, first, end, 4096);
            }
            prop_assert_eq!(bytes, before);
        }
    }

    #[test]
    fn populating_stops_between_two_steps() {
        let mut bytes = vec![0; 5 * STEP];
        let asked = Cell::new(0);
        lend(&mut bytes).populate(|| {
            asked.set(asked.get() + 1);
            asked.get() == 3
        });
        assert_eq!(asked.get(), 3);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn populated_memory_is_there() {
        const LEN: usize = (40 << 20) + 1;
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        for by_touching in [false, true] {
            // From the system itself, as an allocator may have written to what it gives.
            // SAFETY: a new mapping, at an address that the system chooses.
            let start = unsafe { libc::mmap(std::ptr::null_mut(), LEN, access, flags, -1, 0) };
            assert_ne!(start, libc::MAP_FAILED);
            // SAFETY: the bytes of the mapping, which nothing else uses until it is removed.
            let memory = unsafe { LentMemory::new(NonNull::new(start.cast()).unwrap(), LEN) };
            assert!(resident(&memory) < 8, "new memory has no pages");
            if by_touching {
                let (first, end) = whole_pages(&memory, page_size());
                touch(&memory, first, end, page_size());
            } else {
                memory.populate(|| false);
            }
            let (first, end) = whole_pages(&memory, page_size());
            assert!(resident(&memory) >= (end - first) / page_size());
            // SAFETY: the mapping of above, of which nothing is lent any more.
            assert_eq!(unsafe { libc::munmap(start, LEN) }, 0);
        }
    }

    #[cfg(target_os = "linux")]
    fn resident(memory: &LentMemory<'_>) -> usize {
        let (first, end) = whole_pages(memory, page_size());
        let mut pages = vec![0_u8; (end - first) / page_size()];
        let first = memory.data().as_ptr().with_addr(first);
        // SAFETY: whole pages of the memory, and room for an answer for each.
        let status = unsafe { libc::mincore(first.cast(), pages.len() * page_size(), pages.as_mut_ptr()) };
        assert_eq!(status, 0);
        pages.iter().filter(|page| **page & 1 == 1).count()
    }
}
