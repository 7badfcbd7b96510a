//! Scenarios of calls to a program in a process of its own, each about one guarantee of a lane.

use std::sync::Arc;

use crate::checker::{Thread, choose, start, yield_now};
use crate::lane::{Failed, State};
use crate::process::{LATER, Library, Process};
use crate::sync::{Bell, Ordering, Owner, after_turns, wake};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

macro_rules! scenarios {
    ($list:ident: $($name:ident)*) => {
        pub(crate) const $list: &[Scenario] =
            &[$(Scenario { name: stringify!($name), run: $name }),*];
    };
}

scenarios! {
    SCENARIOS:
    a_lane_is_used_again
    two_threads_call
    the_program_ends_at_any_moment
    the_program_ends_beside_two_callers
    a_call_has_a_deadline
    a_library_writes_idle
    a_library_writes_requested
    a_library_writes_running
    a_library_writes_answered
    a_library_writes_dead
    a_library_writes_no_state
    another_process_writes_after_the_end
    another_process_answers_after_the_end
    a_cancel_is_seen
    a_cancel_reaches_no_later_call
    the_app_ends
}

scenarios! {
    WORKLOADS:
    many_calls
    many_calls_and_ends
    a_library_writes_all_the_time
    many_cancels
    many_calls_beside_a_cancel
}

/// Runs this on a thread of the app.
fn caller(process: &Arc<Process>, run: impl FnOnce(&Process) + Send + 'static) -> Thread {
    let process = Arc::clone(process);
    start("caller", move || run(&process))
}

fn a_lane_is_used_again() {
    Process::run(None, |process| {
        assert_eq!(process.call(1, None), Some(Ok(())));
        assert_eq!(process.call(2, None), Some(Ok(())));
    });
}

/// At the same time, if there are lanes enough, and otherwise in the same lane one after the other.
fn two_threads_call() {
    Process::run(None, |process| {
        let other = caller(process, |process| {
            assert!(!matches!(process.call(2, None), Some(Err(_))))
        });
        assert!(!matches!(process.call(1, None), Some(Err(_))));
        other.join().unwrap();
    });
}

/// Of a program that other processes use as well.
fn the_app_ends() {
    Process::run(Some(Process::end_serving), |process| {
        process.ask_and_end();
        process.wait_for_return();
    });
}

fn the_program_ends_at_any_moment() {
    Process::run(None, |process| {
        let killer = caller(process, Process::kill);
        let outcome = process.call(1, None).unwrap();
        let next = process.call(2, None).unwrap();
        assert!(outcome.is_ok() || next.is_err(), "a call after the end of the program");
        assert!(!matches!(outcome, Err(Failed::TimedOut)));
        killer.join().unwrap();
    });
}

fn the_program_ends_beside_two_callers() {
    Process::run(None, |process| {
        let other = caller(process, |process| {
            process.call(2, None);
            process.kill();
        });
        process.call(1, None);
        other.join().unwrap();
    });
}

fn a_call_has_a_deadline() {
    Process::run(None, |process| {
        let in_time = process.call(1, Some(after_turns(1))).unwrap();
        assert!(!matches!(in_time, Err(Failed::Ended(_))));
        assert_eq!(process.call(2, None).unwrap().is_ok(), in_time.is_ok());
    });
}

/// Runs a call beside a library that writes a state at any moment, after which the process ends.
fn beside_writer(writer: Library) {
    Process::run(Some(writer), |process| {
        process.call_hostile(None);
    });
}

fn a_library_writes_idle() {
    beside_writer(|process, owner| write_and_end(process, owner, State::IDLE));
}

fn a_library_writes_requested() {
    beside_writer(|process, owner| write_and_end(process, owner, State::REQUESTED));
}

fn a_library_writes_running() {
    beside_writer(|process, owner| write_and_end(process, owner, State::RUNNING));
}

fn a_library_writes_answered() {
    beside_writer(|process, owner| write_and_end(process, owner, State::ANSWERED));
}

fn a_library_writes_dead() {
    beside_writer(|process, owner| write_and_end(process, owner, State::DEAD));
}

fn a_library_writes_no_state() {
    beside_writer(|process, owner| write_and_end(process, owner, 77));
}

fn write_and_end(process: &Process, owner: &Owner, state: u32) {
    let lane = process.state(0, owner);
    lane.store(state, Ordering::Relaxed);
    wake(&lane, &Bell);
    process.kill();
}

fn another_process_writes_after_the_end() {
    Process::run(None, |process| {
        let other = caller(process, |process| {
            process.kill();
            process
                .state(0, &Owner::Other)
                .store(State::REQUESTED, Ordering::Relaxed);
        });
        process.call_hostile(None);
        other.join().unwrap();
    });
}

fn another_process_answers_after_the_end() {
    Process::run(None, |process| {
        process.kill();
        process.wait_for_end();
        let other = caller(process, |process| {
            let lane = process.state(0, &Owner::Other);
            lane.store(State::IDLE, Ordering::Relaxed);
            lane.store(State::ANSWERED, Ordering::Relaxed);
        });
        assert!(process.call_hostile(None).unwrap().is_err(), "an answer after the end");
        other.join().unwrap();
    });
}

fn a_cancel_is_seen() {
    Process::run(Some(Process::cancel_when_asked), |process| {
        process.cancel();
        process.wait_for_cancels(1);
        process.cancel();
        process.wait_for_cancels(2);
    });
}

/// The library may be in an earlier call, for which the cancel is, when the later one begins.
fn a_cancel_reaches_no_later_call() {
    Process::run(Some(Process::cancel_when_asked), |process| {
        let earlier = caller(process, |process| {
            process.call(1, None);
        });
        process.cancel();
        process.call(LATER, None);
        earlier.join().unwrap();
    });
}

/// Calls of several threads, more than there are lanes, and what each does besides.
fn callers(process: &Arc<Process>, act: fn(&Process, u32)) {
    let threads: Vec<_> = (0..4u32)
        .map(|thread| {
            caller(process, move |process| {
                for round in 0..1 + choose(4) {
                    act(process, thread * 100 + round + 1);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn many_calls() {
    Process::run(None, |process| {
        callers(process, |process, number| match process.call(number, None) {
            None => yield_now(),
            Some(outcome) => assert_eq!(outcome, Ok(())),
        });
    });
}

fn many_calls_and_ends() {
    Process::run(None, |process| {
        callers(process, |process, number| match choose(12) {
            0 => process.kill(),
            1..4 => {
                process.call(number, Some(after_turns(choose(4))));
            }
            _ => {
                process.call(number, None);
            }
        });
    });
}

fn a_library_writes_all_the_time() {
    let scribble: Library = |process, owner| {
        let lane = process.state(0, owner);
        for _ in 0..choose(40) {
            lane.store(choose(7), Ordering::Relaxed);
            wake(&lane, &Bell);
            yield_now();
        }
        process.kill();
    };
    Process::run(Some(scribble), |process| {
        callers(process, |process, _| {
            process.call_hostile(None);
        });
    });
}

fn many_cancels() {
    Process::run(Some(Process::cancel_when_asked), |process| {
        let others: Vec<_> = (0..3).map(|_| caller(process, Process::cancel)).collect();
        process.wait_for_cancels(3);
        for other in others {
            other.join().unwrap();
        }
    });
}

fn many_calls_beside_a_cancel() {
    Process::run(Some(Process::cancel_when_asked), |process| {
        let earlier: Vec<_> = (1..4u32)
            .map(|number| {
                caller(process, move |process| {
                    process.call(number, None);
                    process.call(10 + number, None);
                })
            })
            .collect();
        process.cancel();
        process.call(LATER, None);
        for thread in earlier {
            thread.join().unwrap();
        }
    });
}
