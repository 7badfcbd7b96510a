//! A library in a process of its own, as the app sees it: started when first needed, and again after its end.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inplace_exchange_host::{ABI_VERSION, Error, LentMemory, ProcessEnd, Remote};

use crate::process::{Failed, Process, Request};
use crate::protocol::{Answer, Description, Lane, Operation, VERSION};

/// Restarts are counted over this time.
const MINUTE: Duration = Duration::from_secs(60);

/// How a library's process is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a call may take before its process is ended.
    pub timeout: Option<Duration>,
    /// How often in a minute the process is started again after it has ended by itself.
    pub restarts: usize,
}

/// A library in a process of its own.
///
/// Its process is started by the first call, and again by the first call after it has ended; then the library is opened
/// as often as it was open. The last close ends the process. All functions can be called on any thread; a thread's calls
/// are made on one and the same thread of the process. Which calls may run at a time is the caller's to see to, as with
/// a library in this process.
pub struct Client {
    program: PathBuf,
    library: PathBuf,
    options: Options,
    /// Held while the process is started, so that it is started once, and not during calls.
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    process: Option<(Arc<Process>, Description)>,
    /// When it was started again within the last minute, oldest first.
    restarts: VecDeque<Instant>,
    /// How often the library is open.
    opens: usize,
}

impl Client {
    /// No process is started yet. `library` is a real path.
    pub fn new(program: PathBuf, library: PathBuf, options: Options) -> Self {
        Self {
            program,
            library,
            options,
            current: Mutex::new(Current::default()),
        }
    }

    /// Starts the process, unless it runs: what the library says of itself.
    pub fn start(&self) -> Result<Description, Box<Error>> {
        self.running().map(|(_, description)| description)
    }

    /// The number of the process that runs.
    pub fn pid(&self) -> Option<i32> {
        let current = self.lock();
        let (process, _) = current.process.as_ref()?;
        process.end().is_none().then(|| process.pid())
    }

    /// How often the process was started again within the last minute.
    pub fn restarts(&self) -> usize {
        let mut current = self.lock();
        current.forget_old_restarts(Instant::now());
        current.restarts.len()
    }

    fn request<T>(
        &self,
        process: &Process,
        request: &Request,
        read: impl FnOnce(&Lane, i64) -> T,
    ) -> Result<T, Box<Error>> {
        let deadline = self
            .options
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let path = self.library.clone();
        match process.call(request, deadline, read) {
            Some(Ok(value)) => Ok(value),
            Some(Err(Failed::Ended(end))) => Err(self.crashed(end)),
            Some(Err(Failed::TimedOut)) => Err(Box::new(Error::LibraryTimeout {
                path,
                limit: self.options.timeout.unwrap_or_default(),
            })),
            None => Err(self.unavailable(io::Error::other("too many threads are in calls"))),
        }
    }

    fn crashed(&self, end: ProcessEnd) -> Box<Error> {
        Box::new(Error::LibraryCrashed {
            path: self.library.clone(),
            end,
            restarts: self.restarts(),
        })
    }

    fn unavailable(&self, source: io::Error) -> Box<Error> {
        Box::new(Error::ProcessUnavailable {
            path: self.library.clone(),
            program: self.program.clone(),
            source,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process, which is started if it does not run.
    fn running(&self) -> Result<(Arc<Process>, Description), Box<Error>> {
        let mut current = self.lock();
        if let Some((process, description)) = &current.process {
            if process.end().is_none() {
                return Ok((Arc::clone(process), description.clone()));
            }
            self.count_restart(&mut current)?;
            current.process = None;
        }
        let opens = current.opens;
        let (process, answer) =
            Process::start(&self.program, &self.library).map_err(|source| self.unavailable(source))?;
        let started = self.check(answer).and_then(|description| {
            for _ in 0..opens {
                self.open_again(&process)?;
            }
            Ok(description)
        });
        match started {
            Ok(description) => {
                current.process = Some((Arc::clone(&process), description.clone()));
                Ok((process, description))
            }
            Err(error) => {
                process.kill();
                Err(error)
            }
        }
    }

    fn check(&self, answer: Answer) -> Result<Description, Box<Error>> {
        let path = self.library.clone();
        match answer {
            Answer::Loaded(description) if description.protocol == VERSION => Ok(description),
            Answer::Loaded(_) => Err(self.unavailable(io::Error::other("it is of another version"))),
            Answer::NoSymbol => Err(Box::new(Error::LibrarySymbol {
                path,
                symbol: "exchange_inplace",
            })),
            Answer::OtherAbi(library) => Err(Box::new(Error::LibraryAbi {
                path,
                library,
                host: ABI_VERSION,
            })),
            Answer::Refused { code, message } => {
                const CODES: [&str; 2] = ["ERR_LIBRARY_NOT_FOUND", "ERR_LIBRARY_PATH"];
                let code = CODES
                    .into_iter()
                    .find(|known| *known == code)
                    .unwrap_or("ERR_LIBRARY_LOAD");
                Err(Box::new(Error::LibraryRefused { path, code, message }))
            }
        }
    }

    /// Opens the library in a new process. The lock is held, so a process that ends now is no restart.
    fn open_again(&self, process: &Process) -> Result<(), Box<Error>> {
        let end = match process.call(&Request::of(Operation::OPEN, 0), None, |_, status| status) {
            Some(Ok(0..)) => return Ok(()),
            Some(Ok(status)) => {
                let (path, message) = (self.library.clone(), None);
                return Err(Box::new(Error::LibraryFailed { path, status, message }));
            }
            Some(Err(Failed::Ended(end))) => end,
            Some(Err(Failed::TimedOut)) | None => ProcessEnd::Unknown,
        };
        let (path, restarts) = (self.library.clone(), 0);
        Err(Box::new(Error::LibraryCrashed { path, end, restarts }))
    }

    fn count_restart(&self, current: &mut Current) -> Result<(), Box<Error>> {
        let now = Instant::now();
        current.forget_old_restarts(now);
        let restarts = &mut current.restarts;
        if restarts.len() >= self.options.restarts {
            let rest = restarts
                .front()
                .map_or(MINUTE, |first| MINUTE.saturating_sub(now.duration_since(*first)));
            let path = self.library.clone();
            return Err(Box::new(Error::LibraryStopped { path, rest }));
        }
        restarts.push_back(now);
        Ok(())
    }
}

impl Current {
    fn forget_old_restarts(&mut self, now: Instant) {
        while self
            .restarts
            .front()
            .is_some_and(|first| now.duration_since(*first) >= MINUTE)
        {
            self.restarts.pop_front();
        }
    }
}

impl Remote for Client {
    /// By way of a copy.
    fn exchange(&self, memory: &LentMemory<'_>) -> Result<i64, Box<Error>> {
        let (process, _) = self.running()?;
        let (arena, ranges) = process.arena();
        let len = memory.len() as u64;
        let full = || self.unavailable(io::Error::other("too much memory is in calls"));
        let offset = ranges.take(len).ok_or_else(full)?;
        let outcome = match arena.bytes(offset, len) {
            Some(shared) => {
                // SAFETY: `shared` is `len` bytes of the arena, which nobody else in this process uses now.
                unsafe { memory.copy_to(shared) };
                let request = Request {
                    operation: Operation::EXCHANGE,
                    offset,
                    len,
                };
                let result = self.request(&process, &request, |_, result| result);
                if result.is_ok() {
                    // SAFETY: as above.
                    unsafe { memory.copy_from(shared) };
                }
                result
            }
            None => Err(full()),
        };
        ranges.give_back(offset, len);
        outcome
    }

    fn open(&self) -> Result<Result<(), i64>, Box<Error>> {
        let (process, _) = self.running()?;
        let status = self.request(&process, &Request::of(Operation::OPEN, 0), |_, status| status)?;
        if status < 0 {
            return Ok(Err(status));
        }
        self.lock().opens += 1;
        Ok(Ok(()))
    }

    fn close(&self) {
        let mut current = self.lock();
        current.opens = current.opens.saturating_sub(1);
        let is_last = current.opens == 0;
        let process = match &current.process {
            Some((process, _)) if process.end().is_none() => Arc::clone(process),
            _ => return,
        };
        if is_last {
            current.process = None;
        }
        drop(current);
        let _ = self.request(&process, &Request::of(Operation::CLOSE, 0), |_, _| ());
        if is_last {
            process.kill();
        }
    }

    fn can_cancel(&self) -> bool {
        let current = self.lock();
        current
            .process
            .as_ref()
            .is_some_and(|(_, description)| description.can_cancel)
    }

    /// Not while the process is started: then no call runs. The caller asks again.
    fn cancel(&self) {
        if let Ok(current) = self.current.try_lock()
            && let Some((process, _)) = &current.process
        {
            process.cancel();
        }
    }

    fn error_message(&self, status: i64) -> Option<String> {
        let (process, _) = self.lock().process.clone()?;
        let request = Request::of(Operation::MESSAGE, u64::from_ne_bytes(status.to_ne_bytes()));
        let read = |lane: &Lane, has_message: i64| (has_message == 1).then(|| lane.message());
        self.request(&process, &request, read).ok()?
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some((process, _)) = self.lock().process.take() {
            process.kill();
        }
    }
}
