//! `host/src/lent_memory.rs` and `host/src/stream/memory.rs` for models: the memory of a ring, as the source has it until its
//! `wait_for` returns.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ptr::{NonNull, without_provenance_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checker::Region;
use crate::memory::{Memory as Words, length_of};
use crate::ring::{Layout, Lines, Place, SlotLine, WriterLine};

/// What stands in a place before the library fills it.
pub(crate) const INPUT: u32 = 77;

/// Memory that is lent.
pub(crate) struct Loan {
    words: Arc<Words>,
    region: Region,
    is_over: AtomicBool,
}

impl Loan {
    pub(crate) fn of(words: &Arc<Words>) -> Arc<Self> {
        Arc::new(Self {
            words: Arc::clone(words),
            region: Region::new(),
            is_over: AtomicBool::new(false),
        })
    }

    /// For one access of whom it is lent to.
    pub(crate) fn access(&self) -> &Words {
        let is_over = self.region.shared(|| self.is_over.load(Ordering::Relaxed));
        assert!(!is_over, "memory is used that is not lent any more");
        &self.words
    }

    /// Ends it: no access may overlap this, or come later.
    pub(crate) fn end(&self) {
        self.region.alone(|| self.is_over.store(true, Ordering::Relaxed));
    }
}

thread_local! {
    /// What addresses stand for. The threads of a model are coroutines of one thread.
    static PLACES: RefCell<Vec<(Arc<Loan>, Place)>> = const { RefCell::new(Vec::new()) };
}

/// All of a ring's memory, or a place's.
pub struct LentMemory<'a> {
    loan: Arc<Loan>,
    place: Option<Place>,
    lent: PhantomData<&'a mut [u8]>,
}

impl LentMemory<'_> {
    pub(crate) fn whole(loan: &Arc<Loan>) -> Self {
        Self {
            loan: Arc::clone(loan),
            place: None,
            lent: PhantomData,
        }
    }

    /// For a library that is given an address alone.
    pub(crate) fn data(&self) -> NonNull<u8> {
        let place = (Arc::clone(&self.loan), self.place.unwrap());
        let address = PLACES.with_borrow_mut(|places| {
            places.push(place);
            places.len()
        });
        NonNull::new(without_provenance_mut(address)).unwrap()
    }

    /// What is at an address.
    pub(crate) fn at(address: NonNull<u8>) -> Self {
        let (loan, place) = PLACES.with_borrow(|places| places[address.addr().get() - 1].clone());
        Self {
            loan,
            place: Some(place),
            lent: PhantomData,
        }
    }

    pub(crate) fn get(&self) -> u32 {
        self.loan.access().bytes_of(self.place.unwrap()).get()
    }

    pub(crate) fn put(&self, number: u32) {
        self.loan.access().put(self.place.unwrap(), number);
    }
}

/// At the end of an execution.
pub(crate) fn forget_places() {
    PLACES.take();
}

#[derive(Clone)]
pub(crate) struct Memory {
    loan: Arc<Loan>,
    slot_len: usize,
}

impl Memory {
    pub(crate) fn new(memory: &LentMemory<'_>, layout: Layout) -> Self {
        Self {
            loan: Arc::clone(&memory.loan),
            slot_len: layout.slot_len,
        }
    }

    pub(crate) fn whole(&self) -> LentMemory<'_> {
        LentMemory::whole(&self.loan)
    }

    pub(crate) fn lend(&self, place: Place, input: &[u8]) -> LentMemory<'_> {
        let memory = LentMemory {
            loan: Arc::clone(&self.loan),
            place: Some(place),
            lent: PhantomData,
        };
        if !input.is_empty() {
            memory.put(INPUT);
        }
        memory
    }

    pub(crate) fn copy(&self, from: Place, len: usize, other: &Self, to: Place) {
        assert!(!Arc::ptr_eq(&self.loan, &other.loan));
        let number = self.loan.access().bytes_of(from).get();
        assert_eq!(len, length_of(number) as usize, "the length of another message");
        other.loan.access().put(to, number);
    }

    pub(crate) fn slot_len(&self) -> usize {
        self.slot_len
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.loan.access().reader.stop.load(Ordering::Relaxed) != 0
    }
}

impl Lines for Memory {
    fn writer(&self) -> &WriterLine {
        &self.loan.access().writer
    }

    fn slot(&self, index: usize) -> &SlotLine {
        &self.loan.access().slots[index]
    }

    fn slots(&self) -> usize {
        self.loan.access().slots.len()
    }
}
