//! How long calls take. It passes, whatever the figures are.

use std::time::{Duration, Instant};

use inplace_exchange_host::Waiting;

use crate::budget::Budget;
use crate::cases::Case;
use crate::events;
use crate::memory::{Block, Placement};
use crate::subject::Subject;

const SIZES: [usize; 5] = [64, 4096, 65_536, 1 << 20, 8 << 20];
const ROUNDS: usize = 9;
/// Parts of the time of a check.
const PARTS: u32 = 400;

pub(super) fn speed(subject: &Subject) {
    subject.in_session(|| {
        let mut measured = 0;
        let mut budget = Budget::new(subject);
        for size in SIZES.into_iter().take_while(|_| budget.goes_on()) {
            let found = subject.cases(&[size]).find_map(|case| {
                let answer = subject.run(&case, Placement::End, 0).answer;
                let len = usize::try_from(answer.value).ok()?;
                (!answer.was_cut_short() && len <= size).then_some((case, len, answer.took))
            });
            let Some((case, len, took)) = found else { continue };
            let block = Subject::prepare(&case, Placement::Start, 0);
            events::step(&format!("measuring {case}"));
            // Of the bytes that the message has, as that is what the library writes.
            let round = subject.options.budget / PARTS;
            let memset = median(round, ROUNDS, || block.fill(size - len, 0x5a));
            let fit = subject.options.budget.as_secs_f64() / 5.0 / took.as_secs_f64();
            let rounds = (1..ROUNDS).find(|rounds| *rounds as f64 >= fit).unwrap_or(ROUNDS);
            let call = median(round, rounds, || call(subject, &case, &block));
            events::speed(&case.to_string(), len, call, memset);
            measured += 1;
        }
        events::summary("medians, below");
        if measured == 0 {
            events::skip("no call succeeds; --input gives a request that does");
        }
    });
}

fn call(subject: &Subject, case: &Case, block: &Block) {
    // As much of the input as the call may have overwritten and reads first.
    block.write(0, &case.input[..case.input.len().min(64)]);
    let caller = Waiting::default();
    std::hint::black_box(
        subject
            .symbols
            .call(block.lend(), &subject.request(case, false), &caller),
    );
}

/// Nanoseconds for each.
fn median(round: Duration, rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            let mut count = 0.0;
            while count == 0.0 || begun.elapsed() < round {
                for _once in 0..if count > 16.0 { 16 } else { 1 } {
                    work();
                    count += 1.0;
                }
            }
            begun.elapsed().as_secs_f64() * 1e9 / count
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
