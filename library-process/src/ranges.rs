//! Which parts of the memory for buffers are in use.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::system::page_size;

/// The free ranges: the start and the end of each, apart from each other. Whole pages, so that each can be mapped by itself.
///
/// The lowest that fits is taken: what is used again has its pages already.
pub struct Ranges(Mutex<Free>);

struct Free {
    ranges: BTreeMap<u64, u64>,
    /// What is free from here on has never been used, or has been cleared since.
    zero_from: u64,
    use_: Use,
}

/// Since [`Ranges::clear_unused`] has last looked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Used,
    Unused,
    /// And what is free was cleared.
    Cleared,
}

/// A range that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: u64,
    /// In bytes: whole pages.
    pub len: u64,
    /// Whether it is known to hold zeros only.
    pub is_zero: bool,
}

impl Ranges {
    /// All of `0..end` is free, and zero.
    pub fn new(end: u64) -> Self {
        Self(Mutex::new(Free {
            ranges: BTreeMap::from([(0, end)]),
            zero_from: 0,
            use_: Use::Cleared,
        }))
    }

    /// Takes a range of at least `len` bytes. `None` if there is none.
    pub fn take(&self, len: u64) -> Option<Range> {
        let len = whole_pages(len)?;
        let mut free = self.lock();
        let (start, end) = free
            .ranges
            .iter()
            .map(|(start, end)| (*start, *end))
            .find(|(start, end)| end - start >= len)?;
        free.ranges.remove(&start);
        if start + len < end {
            free.ranges.insert(start + len, end);
        }
        let is_zero = start >= free.zero_from;
        free.zero_from = free.zero_from.max(start + len);
        free.use_ = Use::Used;
        Some(Range { start, len, is_zero })
    }

    /// Gives a range back.
    pub fn give_back(&self, Range { start, len, .. }: Range) {
        let mut free = self.lock();
        let mut end = start + len;
        if let Some(after) = free.ranges.remove(&end) {
            end = after;
        }
        match free.ranges.range_mut(..start).next_back() {
            Some((_, before)) if *before == start => *before = end,
            _ => drop(free.ranges.insert(start, end)),
        }
        free.use_ = Use::Used;
    }

    /// Has the free ranges cleared (their start and length; whether that was done), if none was taken or given back since this was last called.
    pub fn clear_unused(&self, clear: impl Fn(u64, u64) -> bool) {
        let mut free = self.lock();
        match free.use_ {
            Use::Used => free.use_ = Use::Unused,
            Use::Unused => free.clear(clear),
            Use::Cleared => {}
        }
    }

    /// As [`clear_unused`](Self::clear_unused), in any case.
    pub fn clear(&self, clear: impl Fn(u64, u64) -> bool) {
        self.lock().clear(clear);
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    fn clear(&mut self, clear: impl Fn(u64, u64) -> bool) {
        let used = |(start, end): (&u64, &u64)| (*start, self.zero_from.min(*end));
        let mut used = self.ranges.iter().map(used).filter(|(start, end)| start < end);
        if !used.all(|(start, end)| clear(start, end - start)) {
            return;
        }
        // What was taken is not zero; what comes after the last of it is.
        if let Some((start, end)) = self.ranges.last_key_value()
            && *end >= self.zero_from
        {
            self.zero_from = self.zero_from.min(*start);
        }
        self.use_ = Use::Cleared;
    }
}

/// At least one page.
fn whole_pages(len: u64) -> Option<u64> {
    len.max(1).checked_next_multiple_of(page_size() as u64)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    const PAGES: usize = 80;

    fn pages(count: usize) -> u64 {
        (count * page_size()) as u64
    }

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let ranges = Ranges::new(pages(PAGES));
        assert_eq!(ranges.take(pages(PAGES) + 1), None);
        assert_eq!(ranges.take(u64::MAX), None);
        let all = Range {
            start: 0,
            len: pages(PAGES),
            is_zero: true,
        };
        assert_eq!(ranges.take(pages(PAGES)), Some(all));
        assert_eq!(
            ranges.take(0),
            None,
            "no bytes take a page, so that each range has a start of its own"
        );
    }

    #[test]
    fn what_is_not_used_for_a_while_is_cleared() {
        let ranges = Ranges::new(pages(PAGES));
        let range = ranges.take(pages(2)).unwrap();
        ranges.give_back(range);
        let cleared = RefCell::new(Vec::new());
        let clear = |start, len| {
            cleared.borrow_mut().push((start, len));
            true
        };
        ranges.clear_unused(clear);
        assert_eq!(*cleared.borrow(), [], "it was used just now");
        ranges.clear_unused(|_, _| false);
        assert!(!ranges.take(1).unwrap().is_zero, "it could not be cleared");
        ranges.clear(clear);
        assert_eq!(
            *cleared.borrow(),
            [(pages(1), pages(1))],
            "all that is free, and was in use"
        );
        assert!(ranges.take(1).unwrap().is_zero);
        ranges.clear_unused(clear);
        ranges.clear_unused(clear);
        assert_eq!(cleared.borrow().len(), 1, "nothing that is free was in use since");
    }

    proptest! {
        /// Whatever the order, ranges never overlap, what is called zero is zero, and in the end all is free in one piece.
        #[test]
        fn ranges_are_apart(steps in prop::collection::vec((0..3, 0..pages(20)), 1..200)) {
            let ranges = Ranges::new(pages(PAGES));
            let used = RefCell::new(vec![false; PAGES]);
            let number = |at: u64| usize::try_from(at / pages(1)).unwrap();
            let numbers = |start: u64, len: u64| number(start)..number(start + len);
            let mut taken: Vec<Range> = Vec::new();
            for (what, number) in steps {
                if what == 0 {
                    if let Some(range) = ranges.take(number) {
                        let end = range.start + range.len;
                        prop_assert!(range.len >= number && end <= pages(PAGES) && range.start.is_multiple_of(pages(1)));
                        for other in &taken {
                            prop_assert!(end <= other.start || range.start >= other.start + other.len);
                        }
                        let pages = &mut used.borrow_mut()[numbers(range.start, range.len)];
                        prop_assert!(!range.is_zero || !pages.contains(&true));
                        pages.fill(true);
                        taken.push(range);
                    }
                } else if what == 1 {
                    ranges.clear(|start, len| {
                        used.borrow_mut()[numbers(start, len)].fill(false);
                        true
                    });
                } else if !taken.is_empty() {
                    let index = usize::try_from(number).unwrap() % taken.len();
                    ranges.give_back(taken.swap_remove(index));
                }
            }
            for range in taken {
                ranges.give_back(range);
            }
            prop_assert_eq!(ranges.take(pages(PAGES)).map(|range| range.start), Some(0));
        }
    }
}
