//! The app's side of one program, from its start to its end.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::ProcessEnd;

use crate::answer;
use crate::lane::{self, Side, State};
use crate::lanes::Lanes;
use crate::lender::Lender;
use crate::protocol::{Answer, CONTROL_LEN, Lane};
use crate::shared_memory::SharedMemory;
use crate::system::Program;

/// Why a call has no result.
pub(crate) type Failed = lane::Failed<ProcessEnd>;

/// What is done every few milliseconds while a call runs: it may put the deadline off.
pub(crate) type Watch<'a> = &'a dyn Fn(&Lane, &mut Option<Instant>);

/// A program that has loaded its library.
///
/// A thread waits for its end, so that it leaves no zombie. The end is noticed by the death of the process itself, not
/// by its connection: a library can close that, or give it to another process.
pub(crate) struct Process {
    control: SharedMemory,
    /// Whose memory the program has been given.
    lender: Arc<Lender>,
    program: Program,
    lanes: Lanes<ProcessEnd>,
}

impl Process {
    /// Starts the program, or joins those that use it already, and waits until it has loaded the library or refused to; at
    /// the latest until the deadline.
    pub(crate) fn start(
        begin: impl FnOnce() -> io::Result<Program> + Send + 'static,
        lender: &Arc<Lender>,
        deadline: Option<Instant>,
    ) -> io::Result<(Arc<Self>, Answer)> {
        let process = Self::spawn(begin, Arc::clone(lender))?;
        let memories = (process.control.memory(), lender.buffers().memory.memory());
        let sent = process.program.send_memories(memories.0, memories.1);
        let answer = sent.and_then(|()| answer::receive(&process.program, deadline));
        match answer {
            Ok(answer) => Ok((process, answer)),
            Err(error) if answer::has_hung_up(&error) => Err(io::Error::other(EndedEarly(process.wait_or_leave()))),
            Err(error) => {
                process.leave();
                Err(error)
            }
        }
    }

    /// Begins in a new thread that then waits for the program's end: Linux ends the program with the thread that has
    /// started it, so that one has to live as long.
    fn spawn(
        begin: impl FnOnce() -> io::Result<Program> + Send + 'static,
        lender: Arc<Lender>,
    ) -> io::Result<Arc<Self>> {
        let control = SharedMemory::new("control", CONTROL_LEN)?;
        let (started, start) = mpsc::sync_channel(1);
        let watcher = thread::Builder::new().name("library-watcher".to_owned());
        watcher.spawn(move || {
            let program = match begin() {
                Ok(program) => program,
                Err(error) => return drop(started.send(Err(error))),
            };
            let process = Arc::new(Self {
                control,
                lender,
                program,
                lanes: Lanes::new(),
            });
            let _ = started.send(Ok(Arc::clone(&process))); // the receiver waits for it
            process.watch();
        })?;
        start.recv().map_err(io::Error::other)?
    }

    /// Waits for the end of the process, and tells all who wait for an answer.
    fn watch(&self) {
        self.program.wait();
        // Set before others can have its number, so that nobody sends a signal to another process.
        self.lanes.set_end(|| self.program.end());
        // Whoever waits for the answer at the start is not to wait for another process that has the connection.
        self.program.hang_up();
        let lanes = self.control.mapping().control().lanes.iter().enumerate();
        lane::mark_dead(
            &self.lanes,
            lanes.map(|(number, lane)| (&lane.state, self.program.bell(number))),
        );
    }

    /// How it has ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<ProcessEnd> {
        self.lanes.end()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.program.pid()
    }

    /// Ends it, if it runs.
    pub(crate) fn kill(&self) {
        self.lanes.unless_ended(|| {
            self.program.kill(); // if it has ended, the watcher is about to see it
        });
    }

    /// Ends it, if it runs and no other process of the app uses it.
    pub(crate) fn leave(&self) {
        self.lanes.unless_ended(|| self.program.leave());
    }

    /// Of a program that has hung up: its end, which is about to be seen. One that goes on for others has no room for this
    /// process.
    fn wait_or_leave(&self) -> ProcessEnd {
        let since = Instant::now();
        while self.end().is_none() && since.elapsed() < END_LIMIT {
            thread::sleep(Duration::from_millis(1));
        }
        self.leave();
        self.lanes.wait_for_end()
    }

    /// What lends memory to its calls.
    pub(crate) fn lender(&self) -> &Lender {
        &self.lender
    }

    /// Asks the calls that run to return.
    pub(crate) fn cancel(&self) {
        lane::cancel(&self.control.mapping().control().cancels, self.program.cancels());
    }

    /// Makes a call, and takes what it has to read from its lane. `None` if too many threads are in calls.
    pub(crate) fn call<T>(
        &self,
        request: &Request,
        deadline: Option<Instant>,
        watch: Option<Watch<'_>>,
        read: impl FnOnce(&Lane, i64) -> T,
    ) -> Option<Result<T, Failed>> {
        let mut claim = self.lanes.claim()?;
        let is_served = !claim.is_new || self.program.add_lane(claim.number).is_ok();
        let Some(bell) = self.program.bell(claim.number).filter(|_| is_served) else {
            return Some(Err(Failed::Ended(self.wait_or_leave()))); // the program has hung up
        };
        let lane = &self.control.mapping().control().lanes[claim.number];
        let write = || {
            lane.operation.store(request.operation, Ordering::Relaxed);
            lane.offset.store(request.offset, Ordering::Relaxed);
            lane.len.store(request.len, Ordering::Relaxed);
            lane.input_len.store(request.input_len, Ordering::Relaxed);
            lane.library_operation
                .store(request.library_operation, Ordering::Relaxed);
            lane.shared.store(request.shared.into(), Ordering::Relaxed);
            lane.cancelled.store(0, Ordering::Relaxed);
            lane.waiting.store(0, Ordering::Relaxed);
            lane.done.store(0, Ordering::Relaxed);
            lane.total.store(0, Ordering::Relaxed);
            lane.clear_message();
            if let Some(ring) = &request.ring {
                lane.slots.store(ring.slots, Ordering::Relaxed);
                lane.slot_len.store(ring.slot_len, Ordering::Relaxed);
                lane.policy.store(ring.policy, Ordering::Relaxed);
                lane.input.store(ring.input, Ordering::Relaxed);
                lane.clock.store(ring.clock.to_bits(), Ordering::Relaxed);
            }
            let cancels = self.control.mapping().control().cancels.load(Ordering::Relaxed);
            lane.cancels.store(cancels, Ordering::Relaxed);
        };
        let watch = watch.map(|watch| |deadline: &mut Option<Instant>| watch(lane, deadline));
        let watch = watch.as_ref().map(|watch| watch as lane::Watch<'_>);
        let side = Side {
            state: &lane.state,
            bell,
            here: &lane.app_core,
            there: &lane.program_core,
        };
        let read = || read(lane, lane.result.load(Ordering::Relaxed));
        let kill = || {
            // One that others use has said that it serves the lane no more.
            if request.leaves || lane.state.load(Ordering::Relaxed) == State::DEAD {
                self.leave();
            } else {
                self.kill();
            }
        };
        Some(lane::call(side, &mut claim, deadline, kill, watch, write, read))
    }
}

/// How long the end of a program that has hung up is waited for.
const END_LIMIT: Duration = Duration::from_millis(500);

/// A program that others may use as well, which this process may use from now on.
pub(crate) struct Joined {
    pub(crate) program: Program,
    /// How long ago it was started again, each time within the last minute.
    pub(crate) restarts: Vec<Duration>,
    /// Whether it was started for this process.
    pub(crate) is_new: bool,
}

/// The error of a start.
#[derive(Debug)]
pub(crate) struct EndedEarly(pub(crate) ProcessEnd);

impl std::error::Error for EndedEarly {}

impl EndedEarly {
    /// Whether an error says that the program has ended.
    pub(crate) fn is_in(error: &io::Error) -> bool {
        let ended = error.get_ref().and_then(|inner| inner.downcast_ref());
        ended.is_some_and(|Self(end)| *end != ProcessEnd::Unknown)
    }
}

impl fmt::Display for EndedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it {} before it had loaded the library", self.0)
    }
}

/// What a call asks for: the fields of a [`Lane`] that the app writes.
#[derive(Default)]
pub(crate) struct Request {
    pub(crate) operation: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) input_len: u64,
    pub(crate) library_operation: u32,
    pub(crate) shared: bool,
    /// A program that others use is left, and not ended, if the call takes too long.
    pub(crate) leaves: bool,
    /// Of a stream.
    pub(crate) ring: Option<Ring>,
}

/// What a stream asks for besides.
pub(crate) struct Ring {
    pub(crate) slots: u32,
    pub(crate) slot_len: u32,
    pub(crate) policy: u32,
    pub(crate) input: u64,
    pub(crate) clock: f64,
}

impl Request {
    /// One without bytes.
    pub(crate) fn of(operation: u32, offset: u64) -> Self {
        Self {
            operation,
            offset,
            ..Self::default()
        }
    }
}
