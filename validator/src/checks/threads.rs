//! Calls from several threads, and memory to which another thread writes.

use std::array;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::cases::{Case, Outcome, Reply, judge};
use crate::events;
use crate::inputs::Random;
use crate::memory::{Block, Placement};
use crate::subject::Subject;

const SIZES: [usize; 6] = [100, 4096, 1000, 64, 5000, 65_536];
/// As many as the host has at most.
const THREADS: usize = 4;

/// Cases with the answers that they have on one thread: those that are the same each time.
fn known_answers(subject: &Subject) -> Vec<(Case, Option<Reply>)> {
    let mut budget = Budget::part(subject, 4);
    let mut known = Vec::new();
    for case in subject.cases(&SIZES) {
        if !budget.goes_on() {
            break;
        }
        let [first, second] = [0, 0].map(|stale| subject.run(&case, Placement::End, stale));
        if let (Some(first), Some(second)) = (finished(&first), finished(&second)) {
            known.push((case, (first == second).then_some(first)));
        }
    }
    known
}

/// What a call has answered that came to its end by itself.
fn finished(outcome: &Outcome) -> Option<Reply> {
    (!outcome.answer.was_cut_short()).then(|| outcome.reply())
}

pub(super) fn threads(subject: &Subject) {
    subject.in_session(|| {
        let known = known_answers(subject);
        if known.is_empty() {
            events::skip("no call ends by itself");
        } else if subject.library.is_serial() {
            one_at_a_time(subject, &known);
        } else {
            at_once(subject, &known);
        }
    });
}

fn one_at_a_time(subject: &Subject, known: &[(Case, Option<Reply>)]) {
    let mut budget = Budget::part(subject, 2);
    for (case, expected) in known.iter().cycle().take(known.len().max(200)) {
        if !budget.goes_on() {
            break;
        }
        events::step(&format!("on a thread of its own, {case}"));
        let call = || finished(&subject.run_quietly(case, Placement::End, 0));
        let reply = thread::scope(|scope| scope.spawn(call).join()).ok();
        if let (Some(expected), Some(Some(reply))) = (expected, reply)
            && *expected != reply
        {
            let what = difference(case, expected, &reply);
            if expected.value == reply.value {
                events::warning("thread-differs", &what); // it may tell which thread it was
            } else {
                events::problem("thread-differs", &what);
            }
        }
    }
    events::summary(&format!("{} threads, one call at a time", budget.calls()));
}

fn difference(case: &Case, expected: &Reply, reply: &Reply) -> String {
    if expected.value == reply.value {
        return format!("{case}: the message is another one");
    }
    format!("{case}: returned {}, and not {}", reply.value, expected.value)
}

fn at_once(subject: &Subject, known: &[(Case, Option<Reply>)]) {
    let end = Instant::now() + subject.options.budget / 2;
    let calls = AtomicU32::new(0);
    events::step(&format!("{THREADS} threads at once"));
    let work = &|turn: usize| {
        for (case, expected) in known.iter().cycle().skip(turn * known.len() / THREADS) {
            if Instant::now() >= end {
                break;
            }
            calls.fetch_add(1, Ordering::Relaxed);
            let reply = finished(&subject.run_quietly(case, Placement::End, 0));
            if let (Some(expected), Some(reply)) = (expected, reply)
                && *expected != reply
            {
                events::problem("concurrent-differs", &difference(case, expected, &reply));
            }
        }
    };
    thread::scope(|scope| {
        let started = array::from_fn::<_, THREADS, _>(|turn| scope.spawn(move || work(turn)));
        // Each by pthread_join: ThreadSanitizer does not see how a scope waits for the others.
        for thread in started {
            let _ = thread.join();
        }
    });
    let calls = calls.load(Ordering::Relaxed);
    events::summary(&format!("{calls} calls on {THREADS} threads at once"));
}

/// Memory of a SharedArrayBuffer, to which another thread writes while calls run.
pub(super) fn shared(subject: &Subject) {
    subject.in_session(|| {
        let mut budget = Budget::new(subject);
        let mut random = Random::new(subject.options.seed);
        for case in subject.cases(&SIZES).cycle_for(&subject.options.budget) {
            if !budget.goes_on() {
                break;
            }
            events::step(&format!("memory that another thread writes to, {case}"));
            let block = Subject::prepare(&case, Placement::End, 0);
            let seed = random.next();
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| scribble(&block, &case, seed, &stop));
                let end = Instant::now() + Duration::from_millis(15);
                while Instant::now() < end {
                    let answer = subject.call(&block, &subject.request(&case, true));
                    judge(&case, &block, &answer);
                }
                stop.store(true, Ordering::SeqCst);
            });
        }
        events::summary(&format!("{} inputs, each for 15 ms", budget.calls()));
    });
}

/// As often as it takes to fill the time.
trait CycleFor: Iterator<Item = Case> + Sized {
    fn cycle_for(self, time: &Duration) -> impl Iterator<Item = Case> {
        let end = Instant::now() + *time;
        let cases: Vec<Case> = self.collect();
        let count = cases.len();
        (0..)
            .map(move |index: usize| cases.get(index % count.max(1)).cloned())
            .take_while(move |case| case.is_some() && Instant::now() < end)
            .flatten()
    }
}

impl<I: Iterator<Item = Case>> CycleFor for I {}

/// Changes numbers that the library may decide on, and puts back what was there.
fn scribble(block: &Block, case: &Case, seed: u64, stop: &AtomicBool) {
    let mut random = Random::new(seed);
    let len = block.len();
    while !stop.load(Ordering::Relaxed) {
        let near = if random.below(4) == 0 { len } else { len.min(32) };
        let offset = random.below(near) & !3;
        let small = u32::try_from(random.below(len)).unwrap_or(0);
        let number = [0, 1, small, u32::MAX, 0x7fff_ffff, small << 16][random.below(6)];
        block.write(offset, &number.to_le_bytes());
        if random.below(2) == 0 {
            let end = case.input.len().min(64);
            block.write(0, &case.input[..end]);
        }
    }
}
