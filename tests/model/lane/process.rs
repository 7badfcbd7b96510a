//! A program with its threads and the watcher of its end, as `process.rs` and `serve.rs` have them, without processes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::checker::{AtomicBool, Thread, start, yield_now};
use crate::data::Data;
use crate::lane::{self, Failed, Side, State};
use crate::lanes::Lanes;
use crate::protocol::MAX_LANES;
use crate::running::Running;
use crate::spin::Spin;
use crate::sync::{
    self, AtomicU32, Bell, Condvar, Deadline, Killed, Mutex, Ordering, Owner, Word, forget_deadlines, lock, wait_for,
};

/// How the program has ended.
const END: u32 = 9;

/// The number of a call that no cancel is meant for.
pub(crate) const LATER: u32 = 1000;

pub(crate) struct Process {
    lanes: Lanes<u32>,
    memory: Vec<Memory>,
    cancels: Arc<Word>,
    /// Set by who kills the program, or by the program itself when it crashes.
    killed: Arc<AtomicBool>,
    /// Its number can be that of another process.
    reaped: AtomicBool,
    running: Running,
    /// The numbers of the calls that the library is in.
    in_library: Mutex<Vec<u32>>,
    /// How many threads that serve lanes have returned by themselves.
    returned: Mutex<usize>,
    return_noted: Condvar,
    /// The last cancel that the program has dealt with.
    cancelled: Mutex<u32>,
    cancel_noted: Condvar,
}

/// What both processes have of a lane.
struct Memory {
    state: Arc<Word>,
    request: Data,
    /// What the count of cancels was before it.
    cancels: Data,
    result: Data,
}

/// What the library makes of a request.
fn answer_to(request: u32) -> u32 {
    request * 2 + 1
}

/// What runs in the program besides the threads of its lanes.
pub(crate) type Library = fn(&Process, &Owner);

impl Process {
    /// Runs a scenario beside a program, which is killed when the scenario is over, if it has not ended.
    ///
    /// `library` runs on a thread of its own, as a hostile library's may.
    pub(crate) fn run(library: Option<Library>, scenario: impl FnOnce(&Arc<Self>)) {
        forget_deadlines();
        let process = Arc::new(Self {
            lanes: Lanes::new(),
            memory: (0..MAX_LANES)
                .map(|_| Memory {
                    state: Word::new(),
                    request: Data::new(),
                    cancels: Data::new(),
                    result: Data::new(),
                })
                .collect(),
            cancels: Word::new(),
            killed: Arc::new(AtomicBool::new(false)),
            reaped: AtomicBool::new(false),
            running: Running::default(),
            in_library: Mutex::new(Vec::new()),
            returned: Mutex::new(0),
            return_noted: Condvar::new(),
            cancelled: Mutex::new(0),
            cancel_noted: Condvar::new(),
        });
        let of_program = Owner::Program(Arc::clone(&process.killed));
        let mut threads: Vec<Thread> = (0..MAX_LANES)
            .map(|number| process.program_thread(&of_program, move |process, owner| process.serve(owner, number)))
            .collect();
        threads.extend(library.map(|library| process.program_thread(&of_program, library)));
        let watched = Arc::clone(&process);
        let watcher = start("watcher", move || {
            for thread in threads {
                thread.join().unwrap(); // when waitid returns, no thread of the program runs
            }
            watched.lanes.set_end(|| {
                watched.reaped.store(true, Ordering::Relaxed);
                END
            });
            let states: Vec<_> = watched
                .memory
                .iter()
                .map(|lane| lane.state.handle(&Owner::App))
                .collect();
            lane::mark_dead(&watched.lanes, states.iter().map(|state| (state, Some(&Bell))));
        });
        scenario(&process);
        process.kill();
        watcher.join().unwrap();
        assert_eq!(process.lanes.end(), Some(END));
    }

    /// Until it is killed, which may be at any operation on a word.
    fn program_thread(self: &Arc<Self>, owner: &Owner, run: impl Fn(&Self, &Owner) + Send + 'static) -> Thread {
        let (process, owner) = (Arc::clone(self), owner.clone());
        start("program", move || {
            if let Err(reason) = catch_unwind(AssertUnwindSafe(|| run(&process, &owner)))
                && !reason.is::<Killed>()
            {
                resume_unwind(reason);
            }
        })
    }

    fn serve(&self, owner: &Owner, number: usize) {
        let memory = &self.memory[number];
        let (state, hint) = (memory.state.handle(owner), AtomicU32::hint());
        let side = Side {
            state: &state,
            bell: &Bell,
            here: &hint,
            there: &hint,
        };
        let mut spin = Spin::default();
        loop {
            let answered = lane::serve(side, &mut spin, || {
                let request = memory.request.get();
                self.running.run(0, memory.cancels.get(), || {
                    lock(&self.in_library).push(request);
                    state.end_if_killed();
                    lock(&self.in_library).retain(|other| *other != request);
                });
                state.end_if_killed();
                memory.result.put(answer_to(request));
            });
            if !answered {
                *lock(&self.returned) += 1;
                self.return_noted.notify_all();
                return;
            }
        }
    }

    /// Calls the library's function when the app asks, which it does before the call with the number [`LATER`].
    pub(crate) fn cancel_when_asked(&self, owner: &Owner) {
        let (cancels, mut seen) = (self.cancels.handle(owner), 0);
        loop {
            lane::wait_for_cancel(&cancels, &Bell, &mut seen);
            self.running.cancel(0, seen, || {
                let in_library = lock(&self.in_library);
                assert!(!in_library.contains(&LATER), "a cancel reaches a call that began later");
            });
            *lock(&self.cancelled) = seen;
            self.cancel_noted.notify_all();
        }
    }

    /// Makes a call with a number that no other call has. `None` if all lanes are in use.
    pub(crate) fn call(&self, number: u32, deadline: Option<Deadline>) -> Option<Result<(), Failed<u32>>> {
        self.call_and(number, deadline, |result| {
            assert_eq!(result, answer_to(number), "the result of another call")
        })
    }

    /// Makes a call to a program whose answers mean nothing.
    pub(crate) fn call_hostile(&self, deadline: Option<Deadline>) -> Option<Result<(), Failed<u32>>> {
        let mut claim = self.lanes.claim()?;
        let (state, hint) = (self.memory[claim.number].state.handle(&Owner::App), AtomicU32::hint());
        let side = Side {
            state: &state,
            bell: &Bell,
            here: &hint,
            there: &hint,
        };
        let answered = (State::REQUESTED, State::ANSWERED);
        let read = || assert_eq!(state.history(), answered, "read without an answer");
        Some(lane::call(
            side,
            &mut claim,
            deadline,
            || self.kill(),
            Some(&|_| yield_now()),
            || (),
            read,
        ))
    }

    fn call_and(
        &self,
        number: u32,
        deadline: Option<Deadline>,
        check: impl FnOnce(u32),
    ) -> Option<Result<(), Failed<u32>>> {
        let mut claim = self.lanes.claim()?;
        let memory = &self.memory[claim.number];
        let (state, hint) = (memory.state.handle(&Owner::App), AtomicU32::hint());
        let side = Side {
            state: &state,
            bell: &Bell,
            here: &hint,
            there: &hint,
        };
        let write = || {
            memory.request.put(number);
            memory
                .cancels
                .put(self.cancels.handle(&Owner::App).load(Ordering::Relaxed));
        };
        let read = || check(memory.result.get());
        let outcome = lane::call(side, &mut claim, deadline, || self.kill(), None, write, read);
        // The bytes are the app's again, whatever the outcome.
        memory.request.put(0);
        memory.cancels.put(0);
        memory.result.put(0);
        Some(outcome)
    }

    /// On a thread of the program, when the app's process has ended: until all that serve it have returned.
    pub(crate) fn end_serving(&self, owner: &Owner) {
        while *lock(&self.returned) < MAX_LANES {
            for memory in &self.memory {
                lane::end(&memory.state.handle(owner), &Bell);
            }
            yield_now();
        }
    }

    /// The last that the app's process does: nobody waits for the answer.
    pub(crate) fn ask_and_end(&self) {
        let memory = &self.memory[0];
        memory.request.put(1);
        memory.cancels.put(0);
        let state = memory.state.handle(&Owner::App);
        let asked = state.compare_exchange(State::IDLE, State::REQUESTED, Ordering::Release, Ordering::Relaxed);
        if asked.is_ok() {
            sync::wake(&state, &Bell);
        }
    }

    pub(crate) fn wait_for_return(&self) {
        let mut returned = lock(&self.returned);
        while *returned < MAX_LANES {
            returned = wait_for(&self.return_noted, returned);
        }
    }

    /// Ends the program: its threads stop at their next operations.
    pub(crate) fn kill(&self) {
        self.lanes.unless_ended(|| {
            assert!(!self.reaped.load(Ordering::Relaxed), "another process is killed");
            self.killed.store(true, Ordering::Relaxed);
            for word in self.memory.iter().map(|lane| &lane.state).chain([&self.cancels]) {
                word.notify_killed();
            }
        });
    }

    pub(crate) fn wait_for_end(&self) {
        self.lanes.wait_for_end();
    }

    pub(crate) fn cancel(&self) {
        lane::cancel(&self.cancels.handle(&Owner::App), &Bell);
    }

    /// Waits until the library has been asked to cancel for so many times, or for the last of them.
    pub(crate) fn wait_for_cancels(&self, count: u32) {
        let mut cancelled = lock(&self.cancelled);
        while *cancelled < count {
            cancelled = wait_for(&self.cancel_noted, cancelled);
        }
    }

    /// The state of a lane, for who has the memory.
    pub(crate) fn state(&self, number: usize, owner: &Owner) -> AtomicU32 {
        self.memory[number].state.handle(owner)
    }
}
