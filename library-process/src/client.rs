//! A library in a process of its own, as the app sees it: started when first needed, and again after its end.

use std::collections::VecDeque;
use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inplace_exchange_host::LentMemory;

use crate::process::{End, Failed, Process, Request};
use crate::protocol::{Answer, Description, Lane, Operation, VERSION};

/// Restarts are counted over this time.
const MINUTE: Duration = Duration::from_secs(60);

/// How a library's process is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a call may take before its process is ended.
    pub timeout: Option<Duration>,
    /// How often in a minute the process is started again.
    pub restarts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: None,
            restarts: 3,
        }
    }
}

/// A call that was not made, or that has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The program cannot be started, or is not this program.
    Unavailable {
        /// Its file.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The library cannot be loaded: the error in the program.
    Refused {
        /// Its code.
        code: String,
        /// Its message.
        message: String,
    },
    /// The library refuses to be opened again, after its process was started again.
    Reopening {
        /// What `exchange_open` returned.
        status: i64,
    },
    /// The process has ended during the call, or before it and since the last one.
    Crashed(End),
    /// The call took too long, and its process was ended.
    TimedOut(Duration),
    /// The process has ended too often; it can be started again after this time.
    Stopped(Duration),
    /// There is no room for the memory, or too many threads are in calls.
    Exhausted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { program, .. } => write!(f, "{} cannot be started", program.display()),
            Self::Refused { message, .. } => f.write_str(message),
            Self::Reopening { status } => write!(f, "the library refuses to be opened again: status {status}"),
            Self::Crashed(End::Exited(code)) => write!(f, "the library's process has exited with {code}"),
            Self::Crashed(End::Killed(signal)) => write!(f, "the library's process was ended by signal {signal}"),
            Self::Crashed(End::Unknown) => f.write_str("the library's process has ended"),
            Self::TimedOut(limit) => write!(f, "the call took longer than {limit:?}"),
            Self::Stopped(left) => write!(f, "the library's process has ended too often, and rests for {left:?}"),
            Self::Exhausted => f.write_str("too much memory is lent, or too many threads are in calls"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unavailable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A library in a process of its own.
///
/// Its process is started by the first call, and again by the first call after it has ended; then it is opened as often
/// as it was open. All functions can be called on any thread; a thread's calls are made on one and the same thread of
/// the process. Which calls may run at a time is the caller's to see to, as with a library in this process.
pub struct Client {
    program: PathBuf,
    library: PathBuf,
    options: Options,
    /// Held while the process is started, so that it is started once, and not during calls.
    state: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    current: Option<(Arc<Process>, Description)>,
    /// When it was started again within the last minute, oldest first.
    restarts: VecDeque<Instant>,
    /// How often the library is open.
    opens: usize,
}

impl Client {
    /// No process is started yet.
    pub fn new(program: PathBuf, library: PathBuf, options: Options) -> Self {
        Self {
            program,
            library,
            options,
            state: Mutex::new(Current::default()),
        }
    }

    /// Starts the process, unless it runs: what the library says of itself.
    pub fn description(&self) -> Result<Description, Error> {
        self.running().map(|(_, description)| description)
    }

    /// The number of the process that runs.
    pub fn pid(&self) -> Option<i32> {
        let state = self.lock();
        let (process, _) = state.current.as_ref()?;
        process.end().is_none().then(|| process.pid())
    }

    /// Opens the library: the status, if that is negative.
    pub fn open(&self) -> Result<Result<(), i64>, Error> {
        let (process, _) = self.running()?;
        let status = self.call(&process, Operation::OPEN, 0, |_, status| status)?;
        if status < 0 {
            return Ok(Err(status));
        }
        self.lock().opens += 1;
        Ok(Ok(()))
    }

    /// Closes it. An error tells that there is nothing to close any more.
    pub fn close(&self) -> Result<(), Error> {
        let mut state = self.lock();
        state.opens = state.opens.saturating_sub(1);
        let current = state.current.clone();
        drop(state);
        match current {
            Some((process, _)) => self.call(&process, Operation::CLOSE, 0, |_, _| ()),
            None => Ok(()),
        }
    }

    /// Asks the calls that run to return early.
    pub fn cancel(&self) {
        let current = self.lock().current.clone();
        if let Some((process, _)) = current {
            process.cancel();
        }
    }

    /// What the library says of a negative status.
    pub fn error_message(&self, status: i64) -> Result<Option<String>, Error> {
        let (process, _) = self.running()?;
        let status = u64::from_ne_bytes(status.to_ne_bytes());
        let read = |lane: &Lane, has_message: i64| (has_message == 1).then(|| lane.message());
        self.call(&process, Operation::MESSAGE, status, read)
    }

    /// Has the library fill the memory, by way of a copy: what `exchange_inplace` returned, unchecked. The memory is as it
    /// was if this fails.
    pub fn exchange(&self, memory: &LentMemory<'_>) -> Result<i64, Error> {
        let (process, _) = self.running()?;
        let (arena, ranges) = process.arena();
        let len = memory.len() as u64;
        let offset = ranges.take(len).ok_or(Error::Exhausted)?;
        let outcome = match arena.bytes(offset, len) {
            Some(shared) => {
                // SAFETY: `shared` is `len` bytes of the arena, which nobody else in this process uses now.
                unsafe { memory.copy_to(shared) };
                let request = Request {
                    operation: Operation::EXCHANGE,
                    offset,
                    len,
                };
                let result = self.outcome(process.call(&request, self.deadline(), |_, result| result));
                if result.is_ok() {
                    // SAFETY: as above.
                    unsafe { memory.copy_from(shared) };
                }
                result
            }
            None => Err(Error::Exhausted),
        };
        ranges.give_back(offset, len);
        outcome
    }

    fn call<T>(
        &self,
        process: &Process,
        operation: u32,
        offset: u64,
        read: impl FnOnce(&Lane, i64) -> T,
    ) -> Result<T, Error> {
        let request = Request {
            operation,
            offset,
            len: 0,
        };
        self.outcome(process.call(&request, self.deadline(), read))
    }

    fn deadline(&self) -> Option<Instant> {
        self.options
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout))
    }

    fn outcome<T>(&self, outcome: Option<Result<T, Failed>>) -> Result<T, Error> {
        match outcome {
            None => Err(Error::Exhausted),
            Some(Ok(value)) => Ok(value),
            Some(Err(Failed::Ended(end))) => Err(Error::Crashed(end)),
            Some(Err(Failed::TimedOut)) => Err(Error::TimedOut(self.options.timeout.unwrap_or_default())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process, which is started if it does not run.
    fn running(&self) -> Result<(Arc<Process>, Description), Error> {
        let mut state = self.lock();
        if let Some((process, description)) = &state.current {
            if process.end().is_none() {
                return Ok((Arc::clone(process), description.clone()));
            }
            self.count_restart(&mut state)?;
            state.current = None;
        }
        let unavailable = |source| Error::Unavailable {
            program: self.program.clone(),
            source,
        };
        let (process, answer) = Process::start(&self.program, &self.library).map_err(unavailable)?;
        let description = match answer {
            Answer::Loaded(description) if description.protocol == VERSION => description,
            Answer::Loaded(_) => {
                process.kill();
                return Err(unavailable(io::Error::other("it is of another version")));
            }
            Answer::Refused { code, message } => {
                process.kill();
                return Err(Error::Refused { code, message });
            }
        };
        for _ in 0..state.opens {
            let status = self.call(&process, Operation::OPEN, 0, |_, status| status)?;
            if status < 0 {
                process.kill();
                return Err(Error::Reopening { status });
            }
        }
        state.current = Some((Arc::clone(&process), description.clone()));
        Ok((process, description))
    }

    fn count_restart(&self, state: &mut Current) -> Result<(), Error> {
        let now = Instant::now();
        let restarts = &mut state.restarts;
        while restarts
            .front()
            .is_some_and(|first| now.duration_since(*first) >= MINUTE)
        {
            restarts.pop_front();
        }
        if restarts.len() >= self.options.restarts {
            let rest = restarts
                .front()
                .map_or(MINUTE, |first| MINUTE - now.duration_since(*first));
            return Err(Error::Stopped(rest));
        }
        restarts.push_back(now);
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some((process, _)) = self.lock().current.take() {
            process.kill();
        }
    }
}
