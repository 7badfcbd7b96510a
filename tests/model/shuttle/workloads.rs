//! Scenarios of many threads and calls, too large to go through one by one.

use crate::checker::{Thread, choose, start, yield_now};
use crate::environment::{Environment, Model};
use crate::record::Behaviour::{Listens, Returns};
use crate::scenarios::Scenario;
use crate::sync::after_turns;
use std::sync::Arc;

pub(crate) const WORKLOADS: &[Scenario] = &[
    Scenario {
        name: "random_calls_of_a_serial_library",
        run: || Model::serial(random_calls),
    },
    Scenario {
        name: "random_calls_of_a_concurrent_library",
        run: || Model::concurrent(random_calls),
    },
    Scenario {
        name: "random_calls_of_a_library_that_refuses",
        run: || {
            Model::serial(|model| {
                model.record.set_refuses();
                random_calls(model);
            });
        },
    },
];

/// Fairness shows in the number of calls only if threads are switched nowhere but where they yield or wait.
pub(crate) const WITHOUT_PREEMPTION: &[Scenario] = &[
    Scenario {
        name: "synchronous_caller_gets_in",
        run: synchronous_caller_gets_in,
    },
    Scenario {
        name: "asynchronous_call_gets_in",
        run: asynchronous_call_gets_in,
    },
];

/// Four environments, each on a thread of its own, that do random things in a random order.
fn random_calls(model: &Model) {
    let threads: Vec<Thread> = (0..4)
        .map(|_| {
            let environment = model.environment();
            start("environment", move || act(&environment))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn act(environment: &Environment) {
    let mut calls = Vec::new();
    for _ in 0..3 + choose(8) {
        match choose(9) {
            0..=2 => calls.push(environment.submit(Returns)),
            3..=4 => calls.push(environment.submit(Listens)),
            5 => {
                if let Some(call) = pick(&calls) {
                    environment.cancel(call);
                }
            }
            6 => {
                environment.exchange();
            }
            7 => environment.close((choose(2) == 0).then(|| after_turns(choose(3)))),
            _ => environment.drain(),
        }
    }
    if choose(2) == 0 {
        for call in &calls {
            environment.cancel(call);
        }
        environment.run_event_loop();
    }
    environment.end();
}

fn pick<T>(items: &[Arc<T>]) -> Option<&Arc<T>> {
    if items.is_empty() {
        return None;
    }
    items.get(choose(u32::try_from(items.len()).unwrap()) as usize)
}

/// A synchronous call that was refused gets in before the queue is empty.
fn synchronous_caller_gets_in() {
    const QUEUED: usize = 16;
    /// One between opening the library for the caller and its exchange, and one that the thread had taken by then.
    const MAX_BEFORE: usize = 2;

    Model::serial(|model| {
        let (queue, caller) = (model.environment(), model.environment());
        let record = model.record;
        let thread = start("caller", move || {
            for _ in 0..2 {
                if !caller.exchange() {
                    let begun = record.begun();
                    caller.exchange_until_made();
                    let before = record.begun() - begun - 1;
                    assert!(before <= MAX_BEFORE, "{before} calls before one that was refused");
                }
                yield_now();
            }
            caller.end();
        });
        for _ in 0..QUEUED {
            queue.submit(Returns);
        }
        queue.run_event_loop();
        queue.end();
        thread.join().unwrap();
    });
}

/// An asynchronous call is made although a synchronous caller never pauses.
fn asynchronous_call_gets_in() {
    const CALLS: usize = 40;
    /// Some are made before the library's thread is first scheduled.
    const MAX_BEFORE: usize = 16;

    Model::serial(|model| {
        let (queue, caller) = (model.environment(), model.environment());
        let thread = start("caller", move || {
            for _ in 0..CALLS {
                if !caller.exchange() {
                    yield_now();
                }
            }
            caller.end();
        });
        let call = queue.submit(Returns);
        queue.run_event_loop();
        let before = model.record.begun_before(call.id);
        assert!(before <= MAX_BEFORE, "{before} calls before one that was queued");
        queue.end();
        thread.join().unwrap();
    });
}
