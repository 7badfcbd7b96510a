//! Very many calls: what the process uses stays the same.

use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::cases::{Case, judge};
use crate::events;
use crate::memory::{Block, Placement};
use crate::subject::Subject;
use crate::usage::{Usage, growth};

const SIZES: [usize; 3] = [100, 4096, 1000];
/// Slow calls are made for thrice the time of other checks, and twice that for as many.
const LEAST: u32 = 100;

pub(super) fn endurance(subject: &Subject) {
    subject.in_session(|| {
        // Memory is used again, so that the library's own is all that can grow.
        let calls: Vec<(Case, Block)> = subject
            .cases(&SIZES)
            .map(|case| (case.clone(), Subject::prepare(&case, Placement::End, 0)))
            .collect();
        let mut budget = Budget::new(subject);
        for (case, _) in &calls {
            if !subject.is_long(case.operation) && budget.goes_on() {
                subject.run(case, Placement::End, 0);
            }
        }
        let calls: Vec<_> = calls
            .iter()
            .filter(|(case, _)| !subject.is_long(case.operation))
            .collect();
        if calls.is_empty() {
            events::skip("no call ends by itself");
            return;
        }
        let total = subject.options.calls.max(LEAST);
        events::step(&format!("{total} calls"));
        let begun = Instant::now();
        let mut made = 0;
        let mut rounds = calls.iter().cycle();
        // What is filled once, such as a cache, is filled in the first fifth.
        let mut part = |end: u32, time: Duration| {
            while made < end && begun.elapsed() < if made < LEAST { time * 2 } else { time } {
                let Some((case, block)) = rounds.next() else { break };
                block.write(0, &case.input);
                let answer = subject.call(block, &subject.request(case, false));
                if made % 64 == 0 {
                    judge(case, block, &answer);
                }
                made += 1;
            }
            (Usage::now(), made)
        };
        let time = subject.options.budget * 3;
        let (first, one) = part(total / 5, time / 5);
        let (second, two) = part(total / 5 * 3, time / 5 * 3);
        let (third, three) = part(total, time);
        if two - one < LEAST / 3 || three - two < LEAST / 3 {
            events::note(
                "few-calls",
                &format!("only {three} calls in {} s", begun.elapsed().as_secs()),
            );
        }
        for (id, what) in growth([first, second, third], three - two) {
            events::problem(id, &what);
        }
        events::summary(&format!(
            "{three} calls; {} KiB of memory, {} descriptors, {} threads",
            third.memory, third.descriptors, third.threads
        ));
    });
}
