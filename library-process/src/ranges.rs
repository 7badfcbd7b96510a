//! Which parts of the arena are in use.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Ranges are whole pages, so that each can be mapped by itself.
const PAGE: u64 = 4096;

/// The free ranges of an arena: the start and the end of each, apart from each other.
///
/// The lowest that fits is taken: what is used again has its pages already.
pub struct Ranges(Mutex<BTreeMap<u64, u64>>);

impl Ranges {
    /// All of `start..end` is free.
    pub fn new(start: u64, end: u64) -> Self {
        Self(Mutex::new(BTreeMap::from([(start, end)])))
    }

    /// Takes a range of at least `len` bytes: where it starts. `None` if there is none.
    pub fn take(&self, len: u64) -> Option<u64> {
        let len = whole_pages(len)?;
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = free
            .iter()
            .map(|(start, end)| (*start, *end))
            .find(|(start, end)| end - start >= len)?;
        free.remove(&start);
        if start + len < end {
            free.insert(start + len, end);
        }
        Some(start)
    }

    /// Gives a range back. `len` as it was taken.
    pub fn give_back(&self, start: u64, len: u64) {
        let Some(len) = whole_pages(len) else { return };
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut end = start + len;
        if let Some(after) = free.remove(&end) {
            end = after;
        }
        match free.range_mut(..start).next_back() {
            Some((_, before)) if *before == start => *before = end,
            _ => drop(free.insert(start, end)),
        }
    }
}

/// At least one page.
fn whole_pages(len: u64) -> Option<u64> {
    len.max(1).checked_next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 16 * PAGE;
    const END: u64 = 80 * PAGE;

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let ranges = Ranges::new(START, END);
        assert_eq!(ranges.take(END - START + 1), None);
        assert_eq!(ranges.take(u64::MAX), None);
        assert_eq!(ranges.take(END - START), Some(START));
        assert_eq!(
            ranges.take(0),
            None,
            "no bytes take a page, so that each range has a start of its own"
        );
    }

    proptest! {
        /// Whatever the order, ranges never overlap, and in the end all is free in one piece.
        #[test]
        fn ranges_are_apart(steps in prop::collection::vec((any::<bool>(), 0..20 * PAGE), 1..200)) {
            let ranges = Ranges::new(START, END);
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (takes, number) in steps {
                if takes {
                    if let Some(start) = ranges.take(number) {
                        let end = start + whole_pages(number).unwrap();
                        prop_assert!(start >= START && end <= END && start.is_multiple_of(PAGE));
                        for (other, len) in &taken {
                            prop_assert!(end <= *other || start >= other + whole_pages(*len).unwrap());
                        }
                        taken.push((start, number));
                    }
                } else if !taken.is_empty() {
                    let index = usize::try_from(number).unwrap() % taken.len();
                    let (start, len) = taken.swap_remove(index);
                    ranges.give_back(start, len);
                }
            }
            for (start, len) in taken {
                ranges.give_back(start, len);
            }
            prop_assert_eq!(ranges.take(END - START), Some(START));
        }
    }
}
