//! A library in a process of its own, as the app sees it: started when first needed, and again after its end.

mod remote;
mod ring;

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use inplace_exchange_host::{ABI_VERSION, Caller, Error, LentMemory};

use crate::broker;
use crate::current::Current;
use crate::lender::Lender;
use crate::options::Options;
use crate::process::{EndedEarly, Failed, Process, Request, Watch};
use crate::protocol::{Answer, CONFINE, Description, Lane, Operation, VERSION};
use crate::restarts::Stopped;
use crate::system::Program;

/// How long the last close may take of a library that several processes use: whoever uses it next waits for that. A device may
/// need a moment.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// How long a program that says that a call waits may be silent, before the time is the call's.
const SILENCE: Duration = Duration::from_secs(1);

/// How often a process joins a program that has ended before it could be used.
const JOINS: usize = 3;

/// The least time for a process to load its library, if calls are limited: that may take longer than a call.
const START_LIMIT: Duration = Duration::from_secs(10);

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
    /// Held while the process is started, so that it is started once. Taken before the other lock.
    starting: Mutex<()>,
    current: Mutex<Current>,
    /// What the library has said of itself in its first process. Its callers go by that.
    first: OnceLock<Description>,
}

impl Client {
    /// No process is started yet. `library` is a real path.
    pub fn new(program: PathBuf, library: PathBuf, options: Options) -> Self {
        Self {
            program,
            library,
            options,
            starting: Mutex::new(()),
            current: Mutex::new(Current::default()),
            first: OnceLock::new(),
        }
    }

    /// Starts the process, unless it runs: what the library says of itself.
    pub fn start(&self) -> Result<Arc<Description>, Box<Error>> {
        self.running().map(|(_, description)| description)
    }

    /// The number of the process that runs.
    pub fn pid(&self) -> Option<i32> {
        self.lock().process().map(|(process, _)| process.pid())
    }

    /// Maps memory that other threads get afterwards, so that it is lent without a copy from then on. Where it cannot be
    /// mapped, it is copied.
    pub fn map(&self, memory: &LentMemory<'_>) -> Result<(), Box<Error>> {
        let (process, _) = self.running()?;
        process.lender().map_now(memory);
        Ok(())
    }

    /// Whether all memory is copied, also where it can be mapped.
    pub fn isolates(&self) -> bool {
        self.options.isolate
    }

    /// How often the process was started again within the last minute.
    pub fn restarts(&self) -> usize {
        self.lock().restarts.count()
    }

    fn request<T>(
        &self,
        process: &Process,
        request: &Request,
        watch: Option<Watch<'_>>,
        read: impl FnOnce(&Lane, i64) -> T,
    ) -> Result<T, Box<Error>> {
        // The time in which it waits for calls of other processes is not its own, as long as the program says so.
        let said = Cell::new((0, None::<Instant>));
        let renew = |lane: &Lane, until: &mut Option<Instant>| {
            let waiting = lane.waiting.load(Ordering::Relaxed);
            if waiting != said.get().0 {
                said.set((waiting, Some(Instant::now())));
            }
            if waiting != 0 && said.get().1.is_some_and(|when| when.elapsed() < SILENCE) {
                *until = deadline(self.options.timeout);
            }
            if let Some(watch) = watch {
                watch(lane, until);
            }
        };
        let watch = if self.options.shared {
            Some(&renew as Watch<'_>)
        } else {
            watch
        };
        let limit = match self.options.timeout {
            limit if request.leaves => Some(limit.map_or(CLOSE_LIMIT, |limit| limit.min(CLOSE_LIMIT))),
            limit => limit,
        };
        match process.call(request, deadline(limit), watch, read) {
            Some(Ok(value)) => Ok(value),
            Some(Err(Failed::Ended(end))) => {
                let mut current = self.lock();
                let _ = current.process(); // frees the memory of one that has ended
                let restarts = current.restarts.count();
                let path = self.library.clone();
                Err(Box::new(Error::LibraryCrashed { path, end, restarts }))
            }
            Some(Err(Failed::TimedOut)) => {
                let _ = self.lock().process(); // as above
                let limit = self.options.timeout.unwrap_or_default();
                let path = self.library.clone();
                Err(Box::new(Error::LibraryTimeout { path, limit }))
            }
            None => Err(self.impossible("too many threads are in calls")),
        }
    }

    fn stopped(&self, rest: Option<Duration>) -> Box<Error> {
        let path = self.library.clone();
        Box::new(Error::LibraryStopped { path, rest })
    }

    fn unavailable(&self, source: io::Error) -> Box<Error> {
        Box::new(Error::ProcessUnavailable {
            path: self.library.clone(),
            program: self.program.clone(),
            source,
        })
    }

    fn impossible(&self, why: &str) -> Box<Error> {
        self.unavailable(io::Error::other(why))
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process, which is started if it does not run.
    fn running(&self) -> Result<(Arc<Process>, Arc<Description>), Box<Error>> {
        if let Some(running) = self.lock().process() {
            return Ok(running.clone());
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = self.lock();
        if let Some(running) = current.process() {
            return Ok(running.clone()); // another thread has started it
        }
        if !self.options.shared {
            let counted = current.restarts.count_start(self.options.restarts);
            counted.map_err(|Stopped(rest)| self.stopped(rest))?;
        }
        let lender = current
            .lender(!self.options.isolate)
            .map_err(|source| self.unavailable(source))?;
        drop(current);
        let (process, answer) =
            self.begin(&lender)
                .map_err(|source| match source.get_ref().and_then(|inner| inner.downcast_ref()) {
                    Some(Stopped(rest)) => self.stopped(*rest),
                    None => self.unavailable(source),
                })?;
        let description = self
            .check(answer)
            .and_then(|description| self.publish(&process, description))
            .inspect_err(|_| {
                if process.end().is_some() {
                    self.lock().restarts.note_end(); // one that crashes in `exchange_open` is not started for ever
                }
                process.leave();
            })?;
        Ok((process, description))
    }

    /// Starts the process, or joins one that others use as well.
    fn begin(&self, lender: &Arc<Lender>) -> io::Result<(Arc<Process>, Answer)> {
        let limit = self.options.timeout.map(|timeout| timeout.max(START_LIMIT));
        let deadline = deadline(limit);
        let (library, confine) = (self.library.clone(), self.options.confine);
        if !self.options.shared {
            let program = self.program.clone();
            let begin = move || Program::start(&program, &library, confine.then_some(CONFINE).as_slice());
            return Process::start(begin, lender, deadline);
        }
        let mut again = 1..JOINS;
        loop {
            let joined = broker::join(&library, confine, self.options.restarts, deadline)?;
            self.lock().restarts.set_ages(&joined.restarts);
            match Process::start(move || Ok(joined.program), lender, deadline) {
                // By what another one of them has done: that is not an error of this one's start.
                Err(error) if !joined.is_new && EndedEarly::is_in(&error) && again.next().is_some() => {}
                started => return started,
            }
        }
    }

    /// Opens the library in a new process as often as it is open, which may change meanwhile, and lets all use it.
    fn publish(&self, process: &Arc<Process>, description: Description) -> Result<Arc<Description>, Box<Error>> {
        let description = Arc::new(description);
        let mut opened = 0;
        loop {
            let mut current = self.lock();
            let opens = current.opens;
            if opened == opens {
                current.set(Arc::clone(process), Arc::clone(&description));
                return Ok(description);
            }
            drop(current);
            if opened < opens {
                let status = self.request(process, &Request::of(Operation::OPEN, 0), None, |_, status| status)?;
                if status < 0 {
                    let (path, message) = (self.library.clone(), None);
                    return Err(Box::new(Error::LibraryFailed { path, status, message }));
                }
                opened += 1;
            } else {
                self.request(process, &Request::of(Operation::CLOSE, 0), None, |_, _| ())?;
                opened -= 1;
            }
        }
    }

    fn check(&self, answer: Answer) -> Result<Description, Box<Error>> {
        let path = self.library.clone();
        match answer {
            // One that does not confine itself when it is told to is of another version, too.
            Answer::Loaded(found) if found.protocol != VERSION || found.confined != self.options.confine => {
                Err(self.impossible("it is of another version"))
            }
            Answer::Unconfined(why) => Err(self.impossible(&format!("it cannot be confined ({why})"))),
            Answer::Loaded(description) if !self.first.get_or_init(|| description.clone()).is_alike(&description) => {
                Err(Box::new(Error::LibraryChanged { path }))
            }
            Answer::Loaded(description) => Ok(description),
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
}

/// The number that a library has returned, after its words, if it has failed, were passed on.
fn words(lane: &Lane, number: i64, caller: &dyn Caller) -> i64 {
    if number < 0 {
        caller.set_message(Some(lane.message()).filter(|words| !words.is_empty()));
    }
    number
}

fn deadline(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

impl Drop for Client {
    fn drop(&mut self) {
        if let (Some(process), _) = self.lock().take() {
            process.leave();
        }
    }
}
