//! The app's side of one program, from its start to its end.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use inplace_exchange_host::ProcessEnd;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::buffers::Buffers;
use crate::end::{end_of, ended_early};
use crate::futex;
use crate::protocol::{Answer, CONTROL_LEN, Lane, MAX_LANES, State};
use crate::shared_memory::SharedMemory;
use crate::socket;

/// How often a thread looks for an answer before it sleeps.
const SPINS: u32 = 200;

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The program has ended, or has been ended since it broke the protocol.
    Ended(ProcessEnd),
    /// The deadline has passed, and the program was ended.
    TimedOut,
}

/// A program that has loaded its library.
///
/// A thread waits for its end, so that it leaves no zombie. The end is noticed by the death of the process itself, not
/// by its socket: a library can close that, or give it to another process.
pub(crate) struct Process {
    control: SharedMemory,
    /// Which the program has been given.
    buffers: Arc<Buffers>,
    socket: UnixStream,
    pid: Pid,
    /// Set before the process is reaped, so that nobody sends a signal to another one of the same number.
    end: Mutex<Option<ProcessEnd>>,
    ended: Condvar,
    lanes: Mutex<[Slot; MAX_LANES]>,
}

/// A lane, as the app's threads use it.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The thread that had it last: it gets the same one again, and so the same thread of the program. Many libraries
    /// belong to a thread.
    thread: Option<ThreadId>,
    in_use: bool,
}

/// A lane, while one thread has it.
struct LaneGuard<'a> {
    process: &'a Process,
    number: usize,
}

impl Process {
    /// Starts the program, and waits until it has loaded the library or refused to; at the latest until the deadline.
    pub(crate) fn start(
        program: &Path,
        library: &Path,
        buffers: &Arc<Buffers>,
        deadline: Option<Instant>,
    ) -> io::Result<(Arc<Self>, Answer)> {
        let process = Self::spawn(program, library, Arc::clone(buffers))?;
        let answer = socket::send_memories(&process.socket, &process.control, buffers.memory())
            .and_then(|()| socket::receive_answer(&process.socket, deadline));
        match answer {
            Ok(answer) => Ok((process, answer)),
            Err(error) if socket::has_hung_up(&error) => Err(ended_early(process.kill_and_wait())),
            Err(error) => {
                process.kill();
                Err(error)
            }
        }
    }

    /// Starts the program, in a new thread that then waits for its end: the system ends the program with the thread that
    /// has started it, so that one has to live as long.
    fn spawn(program: &Path, library: &Path, buffers: Arc<Buffers>) -> io::Result<Arc<Self>> {
        let control = SharedMemory::new(c"inplace-exchange-control", CONTROL_LEN)?;
        let (socket, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        command.arg(library).stdin(OwnedFd::from(theirs));
        command.process_group(0); // the terminal's Ctrl-C is for the app
        let (started, start) = mpsc::sync_channel(1);
        let watcher = thread::Builder::new().name("library-watcher".to_owned());
        watcher.spawn(move || {
            let spawned = command.spawn();
            drop(command); // with the program's end of the socket, which hangs up only when nobody has it
            let child = match spawned {
                Ok(child) => child,
                Err(error) => return drop(started.send(Err(error))),
            };
            let process = Arc::new(Self {
                control,
                buffers,
                socket,
                pid: Pid::from_child(&child),
                end: Mutex::new(None),
                ended: Condvar::new(),
                lanes: Mutex::new([Slot::default(); MAX_LANES]),
            });
            let _ = started.send(Ok(Arc::clone(&process))); // the receiver waits for it
            process.watch(child);
        })?;
        start.recv().map_err(io::Error::other)?
    }

    /// Waits for the end of the process, and tells all who wait for an answer.
    fn watch(&self, mut child: Child) {
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(self.pid), exited), Err(rustix::io::Errno::INTR)) {}
        let mut end = self.lock_end();
        *end = Some(child.wait().map_or(ProcessEnd::Unknown, end_of));
        drop(end);
        self.ended.notify_all();
        // Whoever waits for the answer at the start is not to wait for another process that has the socket.
        let _ = self.socket.shutdown(Shutdown::Both);
        loop {
            for lane in &self.control.mapping().control().lanes {
                lane.state.store(State::DEAD, Ordering::Release);
                futex::wake(&lane.state);
            }
            // Again, until all have noticed: another process that has the memory can overwrite it.
            if self.lock_lanes().iter().all(|slot| !slot.in_use) {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn lock_end(&self) -> MutexGuard<'_, Option<ProcessEnd>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it has ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<ProcessEnd> {
        *self.lock_end()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Ends it, if it runs.
    pub(crate) fn kill(&self) {
        let end = self.lock_end();
        if end.is_none() {
            let _ = kill_process(self.pid, Signal::KILL); // fails if it has ended, and the watcher is about to see it
        }
    }

    fn kill_and_wait(&self) -> ProcessEnd {
        self.kill();
        let mut end = self.lock_end();
        loop {
            match *end {
                Some(end) => return end,
                None => end = self.ended.wait(end).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The memory that its calls use.
    pub(crate) fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
    }

    /// Asks the calls that run to return.
    pub(crate) fn cancel(&self) {
        let cancels = &self.control.mapping().control().cancels;
        cancels.fetch_add(1, Ordering::Release);
        futex::wake(cancels);
    }

    /// Makes a call, and takes what it has to read from its lane. `None` if too many threads are in calls.
    pub(crate) fn call<T>(
        &self,
        request: &Request,
        deadline: Option<Instant>,
        read: impl FnOnce(&Lane, i64) -> T,
    ) -> Option<Result<T, Failed>> {
        let guard = self.claim_lane()?;
        // Now that the lane is in use, so that the watcher wakes this thread if the process ends later.
        if let Some(end) = self.end() {
            return Some(Err(Failed::Ended(end)));
        }
        let lane = &self.control.mapping().control().lanes[guard.number];
        lane.operation.store(request.operation, Ordering::Relaxed);
        lane.offset.store(request.offset, Ordering::Relaxed);
        lane.len.store(request.len, Ordering::Relaxed);
        lane.input_len.store(request.len, Ordering::Relaxed);
        let handed_over =
            lane.state
                .compare_exchange(State::IDLE, State::REQUESTED, Ordering::Release, Ordering::Relaxed);
        if handed_over.is_err() {
            return Some(Err(Failed::Ended(self.kill_and_wait())));
        }
        futex::wake(&lane.state);
        let outcome = self.wait(lane, deadline).map(|result| read(lane, result));
        // Unless it is DEAD by now: then it stays so.
        let _ = lane
            .state
            .compare_exchange(State::ANSWERED, State::IDLE, Ordering::Relaxed, Ordering::Relaxed);
        Some(outcome)
    }

    /// Waits for the answer to a request.
    fn wait(&self, lane: &Lane, deadline: Option<Instant>) -> Result<i64, Failed> {
        let mut spins = 0;
        loop {
            match lane.state.load(Ordering::Acquire) {
                State::ANSWERED => return Ok(lane.result.load(Ordering::Relaxed)),
                State::REQUESTED | State::RUNNING if spins < SPINS => {
                    spins += 1;
                    std::hint::spin_loop();
                }
                now @ (State::REQUESTED | State::RUNNING) => {
                    if let Some(end) = self.end() {
                        return Err(Failed::Ended(end)); // whatever another process that has the memory writes
                    }
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        self.kill_and_wait();
                        return Err(Failed::TimedOut);
                    }
                    futex::wait(&lane.state, now, deadline);
                }
                // DEAD, or a state that does not follow.
                _ => return Err(Failed::Ended(self.kill_and_wait())),
            }
        }
    }

    fn lock_lanes(&self) -> MutexGuard<'_, [Slot; MAX_LANES]> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane for this thread.
    fn claim_lane(&self) -> Option<LaneGuard<'_>> {
        let thread = Some(thread::current().id());
        let mut slots = self.lock_lanes();
        let free = |slot: &Slot| !slot.in_use;
        let number = slots
            .iter()
            .position(|slot| free(slot) && slot.thread == thread)
            .or_else(|| slots.iter().position(|slot| free(slot) && slot.thread.is_none()))
            .or_else(|| slots.iter().position(free))?;
        let is_new = slots[number].thread.is_none();
        slots[number] = Slot { thread, in_use: true };
        drop(slots);
        if is_new && let Ok(lane) = u8::try_from(number) {
            // If it fails, the program has hung up. A call in the lane then waits for its end.
            if socket::send_lane(&self.socket, lane).is_err() {
                self.kill();
            }
        }
        Some(LaneGuard { process: self, number })
    }
}

/// What a call asks for: the fields of a [`Lane`] that the app writes.
pub(crate) struct Request {
    pub(crate) operation: u32,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Drop for LaneGuard<'_> {
    fn drop(&mut self) {
        self.process.lock_lanes()[self.number].in_use = false;
    }
}

impl Request {
    /// One without bytes.
    pub(crate) fn of(operation: u32, offset: u64) -> Self {
        Self {
            operation,
            offset,
            len: 0,
        }
    }
}
