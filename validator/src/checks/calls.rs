//! Single calls, and the memory that they may access.

use std::thread;
use std::time::Duration;

use crate::budget::Budget;
use crate::events;
use crate::inputs::Random;
use crate::memory::Placement;
use crate::subject::Subject;

/// Around the widths of registers, lines of a cache, and pages.
const SIZES: [usize; 34] = [
    100,
    4096,
    1,
    64,
    65_536,
    2,
    3,
    7,
    8,
    9,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    65,
    127,
    128,
    129,
    255,
    256,
    257,
    1000,
    1023,
    1025,
    4095,
    4097,
    5000,
    8193,
    65_537,
    1_000_003,
    1 << 20,
];

/// Calls whose memory is kept to see whether they access it later.
const EARLIER: u32 = 400;
/// How long a thread of the library has to do so.
const LATER: Duration = Duration::from_millis(300);
const BRIEFLY: Duration = Duration::from_millis(20);

/// Random calls.
const RANDOM: u32 = 20_000;

/// A pointer that is not null, and cannot be dereferenced.
pub(super) fn empty(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        for operation in subject.operations() {
            if !budget.goes_on() {
                break;
            }
            subject.run(&subject.case(operation, "nothing", Vec::new(), 0), Placement::End, 0);
        }
        events::summary(&format!("{} calls", budget.calls()));
    });
}

pub(super) fn alignment(subject: &Subject) {
    placed(subject, &[Placement::Odd]);
}

pub(super) fn guards(subject: &Subject) {
    placed(subject, &[Placement::End, Placement::Start]);
}

fn placed(subject: &Subject, placements: &[Placement]) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        for case in subject.cases(&SIZES) {
            for placement in placements {
                if subject.is_long(case.operation) || !budget.goes_on() {
                    break;
                }
                subject.run(&case, *placement, 0xa5);
            }
        }
        events::summary(&format!("{} calls of 1 byte to 1 MiB", budget.calls()));
    });
}

/// After a call its memory is made inaccessible, while others are made.
pub(super) fn earlier(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        let mut kept = Vec::new();
        for case in subject.cases(&SIZES) {
            if budget.calls() == EARLIER || !budget.goes_on() {
                break;
            }
            let outcome = subject.run(&case, Placement::End, 0);
            if outcome.block.retire().is_err() {
                break; // the system has no more mappings
            }
            kept.push(outcome.block);
            if budget.calls() % 40 == 1 {
                thread::sleep(BRIEFLY);
            }
        }
        events::step("waiting whether a thread of the library accesses memory of a call that has returned");
        thread::sleep(LATER);
        events::summary(&format!("{} calls", budget.calls()));
    });
}

/// Random and damaged inputs of all sizes, for each operation.
pub(super) fn random(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        let mut random = Random::new(subject.options.seed);
        let mut operations = subject.operations();
        while budget.calls() < RANDOM {
            operations.retain(|operation| !subject.is_long(*operation));
            let Some(&operation) = operations.get(random.below(operations.len())) else {
                break;
            };
            if !budget.goes_on() {
                break;
            }
            let limit = [16, 64, 4096, 70_000, 1_000_000][random.below(9).saturating_sub(4)];
            let capacity = match subject.inputs[0].request_len() {
                Some(len) if random.below(2) == 0 => len,
                _ => random.below(limit) + 1,
            };
            let performs = subject.library.performs();
            let len = if performs { random.below(capacity + 1) } else { capacity };
            let input = input(subject, &mut random, len);
            let case = subject.case(operation, "random input", input, capacity);
            let placement = [Placement::End, Placement::Start, Placement::Odd][random.below(3)];
            subject.run(&case, placement, 0xa5);
        }
        events::summary(&format!("{} calls, seed {}", budget.calls(), subject.options.seed));
    });
}

/// Random bytes, or an input of another kind with some bytes changed: numbers in it become wrong, and stay plausible.
fn input(subject: &Subject, random: &mut Random, len: usize) -> Vec<u8> {
    if random.below(3) == 0 {
        return random.bytes(len);
    }
    let mut bytes = subject.inputs[random.below(subject.inputs.len())].bytes(len);
    for _change in 0..=random.below(4) {
        let near = if random.below(2) == 0 { 32.min(len) } else { len };
        if let Some(byte) = bytes.get_mut(random.below(near)) {
            *byte = [0, 1, 0x7f, 0x80, 0xff, random.bytes(1)[0]][random.below(6)];
        }
    }
    bytes
}
