//! The app's side of one program, from its start to its end.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use inplace_exchange_host::{Caller, ProcessEnd, Progress};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::end::{end_of, ended_early};
use crate::lane::{self, Side};
use crate::lanes::Lanes;
use crate::lender::Lender;
use crate::protocol::{Answer, CONFINE, CONTROL_LEN, Lane};
use crate::shared_memory::SharedMemory;
use crate::socket;

/// Why a call has no result.
pub(crate) type Failed = lane::Failed<ProcessEnd>;

/// A program that has loaded its library.
///
/// A thread waits for its end, so that it leaves no zombie. The end is noticed by the death of the process itself, not
/// by its socket: a library can close that, or give it to another process.
pub(crate) struct Process {
    control: SharedMemory,
    /// Whose memory the program has been given.
    lender: Arc<Lender>,
    socket: UnixStream,
    pid: Pid,
    lanes: Lanes<ProcessEnd>,
}

impl Process {
    /// Starts the program, and waits until it has loaded the library or refused to; at the latest until the deadline.
    pub(crate) fn start(
        program: &Path,
        library: &Path,
        confine: bool,
        lender: &Arc<Lender>,
        deadline: Option<Instant>,
    ) -> io::Result<(Arc<Self>, Answer)> {
        let process = Self::spawn(program, library, confine, Arc::clone(lender))?;
        let answer = socket::send_memories(&process.socket, &process.control, &lender.buffers().memory)
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
    fn spawn(program: &Path, library: &Path, confine: bool, lender: Arc<Lender>) -> io::Result<Arc<Self>> {
        let control = SharedMemory::new(c"inplace-exchange-control", CONTROL_LEN)?;
        let (socket, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        command
            .arg(library)
            .args(confine.then_some(CONFINE))
            .stdin(OwnedFd::from(theirs));
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
                lender,
                socket,
                pid: Pid::from_child(&child),
                lanes: Lanes::new(),
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
        // Set before others can have its number, so that nobody sends a signal to another process.
        self.lanes.set_end(|| child.wait().map_or(ProcessEnd::Unknown, end_of));
        // Whoever waits for the answer at the start is not to wait for another process that has the socket.
        let _ = self.socket.shutdown(Shutdown::Both);
        lane::mark_dead(
            &self.lanes,
            self.control.mapping().control().lanes.iter().map(|lane| &lane.state),
        );
    }

    /// How it has ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<ProcessEnd> {
        self.lanes.end()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Ends it, if it runs.
    pub(crate) fn kill(&self) {
        self.lanes.unless_ended(|| {
            let _ = kill_process(self.pid, Signal::KILL); // fails if it has ended, and the watcher is about to see it
        });
    }

    fn kill_and_wait(&self) -> ProcessEnd {
        self.kill();
        self.lanes.wait_for_end()
    }

    /// What lends memory to its calls.
    pub(crate) fn lender(&self) -> &Lender {
        &self.lender
    }

    /// Asks the calls that run to return.
    pub(crate) fn cancel(&self) {
        lane::cancel(&self.control.mapping().control().cancels);
    }

    /// Makes a call, and takes what it has to read from its lane. `None` if too many threads are in calls.
    pub(crate) fn call<T>(
        &self,
        request: &Request,
        deadline: Option<Instant>,
        caller: Option<&dyn Caller>,
        read: impl FnOnce(&Lane, i64) -> T,
    ) -> Option<Result<T, Failed>> {
        let mut claim = self.lanes.claim()?;
        if claim.is_new && socket::send_lane(&self.socket, claim.number).is_err() {
            self.kill(); // the program has hung up: a call in the lane waits for its end
        }
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
            lane.done.store(0, Ordering::Relaxed);
            lane.total.store(0, Ordering::Relaxed);
            lane.clear_message();
            let cancels = self.control.mapping().control().cancels.load(Ordering::Relaxed);
            lane.cancels.store(cancels, Ordering::Relaxed);
        };
        let relay = caller.map(|caller| || relay(lane, caller));
        let watch = relay.as_ref().map(|relay| relay as &dyn Fn());
        let side = Side {
            state: &lane.state,
            here: &lane.app_core,
            there: &lane.program_core,
        };
        let read = || read(lane, lane.result.load(Ordering::Relaxed));
        let kill = || self.kill();
        Some(lane::call(side, &mut claim, deadline, kill, watch, write, read))
    }
}

/// Tells the library what its caller wants, and the caller how far the library is.
fn relay(lane: &Lane, caller: &dyn Caller) {
    if caller.is_cancelled() {
        lane.cancelled.store(1, Ordering::Relaxed);
    }
    caller.set_progress(Progress {
        done: lane.done.load(Ordering::Relaxed),
        total: lane.total.load(Ordering::Relaxed),
    });
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
