use super::*;
use proptest::prelude::*;

struct Words {
    writer: WriterLine,
    slots: Vec<SlotLine>,
}

impl Lines for &Words {
    fn writer(&self) -> &WriterLine {
        &self.writer
    }

    fn slot(&self, index: usize) -> &SlotLine {
        &self.slots[index]
    }

    fn slots(&self) -> usize {
        self.slots.len()
    }
}

fn words(slots: usize, first: u32) -> Words {
    let line = || SlotLine {
        state: AtomicU32::new(State::FREE),
        sequence: AtomicU32::new(0),
        length: AtomicU32::new(0),
        dropped: AtomicU32::new(0),
        timestamp: AtomicU64::new(0),
    };
    Words {
        writer: WriterLine {
            published: AtomicU32::new(first),
            phase: AtomicU32::new(0),
            dropped: AtomicU32::new(0),
            position: AtomicU32::new(0),
        },
        slots: (0..slots).map(|_| line()).collect(),
    }
}

/// A reader's: 3 in the lowest bits, and an epoch.
const READING: u32 = 3 | 7 << 2;

/// As a reader does: takes the message that is `order` smallest of those that are ready.
fn take(words: &Words, order: impl Fn(u32) -> u32) -> Option<(usize, u32)> {
    let ready =
        (0..words.slots.len()).filter(|index| words.slots[*index].state.load(Ordering::Acquire) == State::READY);
    let index = ready.min_by_key(|index| order(words.slots[*index].sequence.load(Ordering::Relaxed)))?;
    words.slots[index].state.store(READING, Ordering::Relaxed);
    Some((index, words.slots[index].sequence.load(Ordering::Relaxed)))
}

/// The slots in a state.
fn in_state(words: &Words, state: u32) -> Vec<usize> {
    (0..words.slots.len())
        .filter(|index| words.slots[*index].state.load(Ordering::Relaxed) == state)
        .collect()
}

/// How many messages were handed over before that in a slot.
fn number(words: &Words, index: usize, first: u32) -> u32 {
    words.slots[index].sequence.load(Ordering::Relaxed).wrapping_sub(first)
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Write,
    Fail,
    Take,
    /// Gives back the one that was taken so long ago.
    Release(usize),
    /// Another writer goes on.
    Resume,
    /// Somebody writes this to a state.
    Spoil(usize, u32),
    /// Somebody writes these to the counts, before another writer goes on.
    SpoilCounts([u32; 3]),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Write),
        1 => Just(Step::Fail),
        3 => Just(Step::Take),
        2 => (0usize..4).prop_map(Step::Release),
        1 => Just(Step::Resume),
    ];
    prop::collection::vec(step, 0..200)
}

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Wait), Just(Policy::DropOldest), Just(Policy::DropNewest)]
}

proptest! {
    #[test]
    fn messages_come_in_order_and_none_is_lost_unless_it_is_counted(
        slots in 2usize..6,
        policy in policies(),
        first in prop_oneof![Just(0), Just(u32::MAX - 10), Just((1 << 31) - 10)],
        steps in steps(),
    ) {
        let words = words(slots, first);
        let mut ring = Ring::new(&words, policy);
        let (mut written, mut taken, mut held) = (0u32, Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Write | Step::Fail => {
                    let (has_room, free) = (ring.has_room(), in_state(&words, State::FREE));
                    let waiting = in_state(&words, State::READY);
                    let place = ring.claim();
                    prop_assert_eq!(place.is_some(), has_room);
                    let oldest = waiting.into_iter().min_by_key(|index| number(&words, *index, first));
                    match place {
                        Some(Place::Slot(index)) if !free.is_empty() => prop_assert!(free.contains(&index)),
                        _ if !free.is_empty() => prop_assert!(false, "a slot is free"),
                        Some(Place::Slot(index)) => {
                            prop_assert!(policy == Policy::DropOldest);
                            prop_assert_eq!(Some(index), oldest);
                        }
                        Some(Place::Spare) => prop_assert!(policy == Policy::DropNewest),
                        None => prop_assert!(policy == Policy::Wait || oldest.is_none()),
                    }
                    let Some(place) = place else { continue };
                    if matches!(step, Step::Fail) {
                        ring.abandon(place);
                        continue;
                    }
                    ring.publish(place, written, f64::from(written));
                    written += 1;
                }
                Step::Take => {
                    let Some((index, sequence)) = take(&words, |sequence| sequence.wrapping_sub(first)) else { continue };
                    held.push(index);
                    taken.push(sequence.wrapping_sub(first));
                    let line = &words.slots[index];
                    let length = line.length.load(Ordering::Relaxed);
                    prop_assert_eq!(f64::from_bits(line.timestamp.load(Ordering::Relaxed)), f64::from(length));
                    if policy != Policy::DropNewest {
                        let before = line.dropped.load(Ordering::Relaxed);
                        prop_assert!(before <= length, "each that was dropped came before it");
                    }
                }
                Step::Release(at) => {
                    if at < held.len() {
                        words.slots[held.remove(at)].state.store(State::FREE, Ordering::Release);
                    }
                }
                Step::Resume => {
                    ring = Ring::new(&words, policy);
                    ring.resume();
                }
                Step::Spoil(..) | Step::SpoilCounts(_) => unreachable!(),
            }
        }
        prop_assert!(taken.is_sorted_by(|a, b| a < b), "{taken:?}");
        let left = words.slots.iter().filter(|slot| slot.state.load(Ordering::Relaxed) == State::READY).count();
        let dropped = words.writer.dropped.load(Ordering::Relaxed);
        prop_assert_eq!(taken.len() + left + dropped as usize, written as usize);
        prop_assert!(policy != Policy::Wait || dropped == 0);
        let published = words.writer.published.load(Ordering::Relaxed).wrapping_sub(first);
        prop_assert_eq!(published, if policy == Policy::DropNewest { written - dropped } else { written });
    }

    #[test]
    fn no_state_that_somebody_writes_leads_outside_the_ring(
        policy in policies(),
        steps in prop::collection::vec(
            prop_oneof![
                Just(Step::Write),
                (0usize..4, prop_oneof![0u32..5, any::<u32>()]).prop_map(|(index, state)| Step::Spoil(index, state)),
                any::<[u32; 3]>().prop_map(Step::SpoilCounts),
            ],
            0..100,
        ),
    ) {
        let words = words(4, 0);
        let mut ring = Ring::new(&words, policy);
        for step in steps {
            match step {
                Step::Spoil(index, state) => words.slots[index].state.store(state, Ordering::Relaxed),
                Step::SpoilCounts([published, dropped, position]) => {
                    words.writer.published.store(published, Ordering::Relaxed);
                    words.writer.dropped.store(dropped, Ordering::Relaxed);
                    words.writer.position.store(position, Ordering::Relaxed);
                    words.slots[0].sequence.store(dropped ^ position, Ordering::Relaxed);
                    ring.resume();
                }
                _ => {
                    if let Some(place) = ring.claim() {
                        prop_assert!(matches!(place, Place::Spare | Place::Slot(0..4)));
                        ring.publish(place, 1, 0.0);
                    }
                }
            }
        }
    }

    #[test]
    fn the_parts_of_a_ring_do_not_overlap(slots: u32, slot_len: u32, policy in policies()) {
        let slots = slots % 2000;
        let Some(layout) = Layout::new(slots, slot_len, policy) else {
            prop_assert!(!SLOTS.contains(&slots) || slot_len == 0);
            return Ok(());
        };
        prop_assert!(Layout::line_of(layout.slots - 1) + LINE <= layout.data);
        prop_assert!(layout.stride >= layout.slot_len && layout.stride.is_multiple_of(LINE));
        let last = if policy == Policy::DropNewest { Place::Spare } else { Place::Slot(layout.slots - 1) };
        prop_assert!(layout.bytes_of(last) + layout.slot_len <= layout.len);
    }
}
