//! A library that the broker has for the app: its program, and who uses that.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use inplace_exchange_host::ProcessEnd;

use crate::message;
use crate::process::EndedEarly;
use crate::protocol::sharing::{self, END_LIMIT, JOINED, Reply, Wish};
use crate::protocol::{CONFINE, SHARED};
use crate::restarts::{Restarts, Stopped};
use crate::spawn::spawn;
use crate::system::{Program, socket};

/// Of the broker's threads, which do little.
pub(super) const STACK_SIZE: usize = 128 << 10;

/// How long one that was ended by a signal may take for that, which is longer if it has much memory.
const KILL_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Hosted {
    pub(super) library: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Arc<Running>>,
    restarts: Restarts,
}

/// One program, from its start to its end.
pub(super) struct Running {
    program: Program,
    confine: bool,
    members: Mutex<Members>,
    ended: Condvar,
}

#[derive(Default)]
struct Members {
    connections: Vec<Arc<UnixStream>>,
    /// It is about to end, as nobody used it any more.
    is_left: bool,
    /// It is about to end, as one of them has ended it.
    is_killed: bool,
    end: Option<ProcessEnd>,
}

impl Hosted {
    pub(super) fn new(library: PathBuf) -> Self {
        Self {
            library,
            state: Mutex::default(),
        }
    }

    /// Lets the process behind a connection use the program, which is started if it does not run, and tells it so.
    pub(super) fn join(
        &self,
        program: &Path,
        wish: &Wish,
        connection: &Arc<UnixStream>,
    ) -> Result<Arc<Running>, Reply> {
        // Held while a program that nobody uses any more ends: the device of a library is then free for the next one.
        let mut state = lock(&self.state);
        let mut is_new = false;
        loop {
            if let Some(running) = &state.running {
                let running = Arc::clone(running);
                if running.join(connection, wish.confine, state.restarts.ages(), is_new)? {
                    return Ok(running);
                }
                let (end, was_left) = running.wait_for_end()?;
                if !was_left {
                    state.restarts.note_end();
                }
                state.running = None;
                if is_new {
                    return Err(Reply::Unavailable(EndedEarly(end).to_string()));
                }
            }
            if socket::has_hung_up(connection) {
                return Err(Reply::Unavailable("nobody waits for it".to_owned()));
            }
            is_new = true;
            let counted = state.restarts.count_start(wish.restarts);
            counted.map_err(|Stopped(rest)| Reply::Stopped(rest))?;
            state.running = Some(Running::start(program, &self.library, wish.confine).map_err(failed)?);
        }
    }
}

impl Running {
    /// Starts the program, in a new thread that then waits for its end: Linux ends the program with the thread that has
    /// started it.
    fn start(program: &Path, library: &Path, confine: bool) -> io::Result<Arc<Self>> {
        let (started, start) = mpsc::sync_channel(1);
        let (program, library) = (program.to_owned(), library.to_owned());
        spawn("library-watcher", STACK_SIZE, move || {
            let options = [Some(SHARED), confine.then_some(CONFINE)];
            let options: Vec<_> = options.into_iter().flatten().collect();
            let program = match Program::start(&program, &library, &options) {
                Ok(program) => program,
                Err(error) => return drop(started.send(Err(error))),
            };
            let running = Arc::new(Self {
                program,
                confine,
                members: Mutex::default(),
                ended: Condvar::new(),
            });
            let _ = started.send(Ok(Arc::clone(&running))); // the receiver waits for it
            running.watch();
        })?;
        start.recv().map_err(io::Error::other)?
    }

    fn watch(&self) {
        self.program.wait();
        let mut members = lock(&self.members);
        // Set before others can have its number, so that nobody sends a signal to another process.
        let end = self.program.end();
        members.end = Some(end);
        let connections = std::mem::take(&mut members.connections);
        drop(members);
        self.ended.notify_all();
        let Ok(said) = sharing::end_to_bytes(end) else { return };
        for connection in connections {
            let _ = socket::send(&connection, &said, &[]); // one that has hung up need not hear of it
        }
    }

    /// Connects a process with the program, and tells it so, and whether it `is_new`. False if it is too late for that; fails if
    /// the process does not listen, or others have agreed on something else.
    fn join(
        &self,
        connection: &Arc<UnixStream>,
        confine: bool,
        restarts: Vec<Duration>,
        is_new: bool,
    ) -> Result<bool, Reply> {
        // Held, so that nobody is told of the end before the begin.
        let mut members = lock(&self.members);
        if members.end.is_some() || members.is_left || members.is_killed {
            return Ok(false);
        }
        // Those that have gone are gone before this one comes, even if their threads are yet to see it: else it would be
        // given a program that is stuck, which they have left.
        members.connections.retain(|member| !socket::has_hung_up(member));
        if !is_new && members.connections.is_empty() {
            self.end_if_left(members);
            return Ok(false);
        }
        if self.confine != confine {
            let with = if self.confine { "with" } else { "without" };
            return Err(Reply::Unavailable(format!(
                "another window has opened it {with} confine"
            )));
        }
        let connected = self.connect(connection, restarts, is_new);
        match connected {
            Ok(true) => members.connections.push(Arc::clone(connection)),
            Ok(false) => self.end_now(&mut members),
            Err(_) => self.end_if_left(members),
        }
        connected.map_err(failed)
    }

    /// False if the program listens to nobody any more.
    fn connect(&self, connection: &UnixStream, restarts: Vec<Duration>, is_new: bool) -> io::Result<bool> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, WouldBlock};

        let (theirs, programs) = socket::pair()?;
        match self.program.add_connection(&programs) {
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | WouldBlock) => return Ok(false),
            added => added?,
        }
        let pid = self.program.pid();
        let reply = message::to_bytes(&Reply::Joined { pid, restarts, is_new })?;
        socket::send(connection, &[&[JOINED], &reply[..]].concat(), &[theirs.as_fd()])?;
        Ok(true)
    }

    /// The process behind a connection uses it no more.
    pub(super) fn leave(&self, connection: &Arc<UnixStream>) {
        let mut members = lock(&self.members);
        members.connections.retain(|other| !Arc::ptr_eq(other, connection));
        self.end_if_left(members);
    }

    /// Has it end, if nobody uses it any more, and waits for that.
    fn end_if_left(&self, mut members: MutexGuard<'_, Members>) {
        if !members.connections.is_empty() || members.end.is_some() {
            return;
        }
        members.is_left = true;
        self.program.hang_up(); // so that it closes what those have open that have crashed
        let runs = |members: &mut Members| members.end.is_none();
        let waited = self.ended.wait_timeout_while(members, END_LIMIT, runs);
        let (mut members, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.end_now(&mut members);
    }

    /// Ends it, if it runs. None joins from then on: it may take a while, if its memory is written to a file.
    pub(super) fn kill(&self) {
        self.end_now(&mut lock(&self.members));
    }

    fn end_now(&self, members: &mut Members) {
        if members.end.is_none() {
            members.is_killed = true;
            self.program.kill();
        }
    }

    /// Waits for that: how it has ended, and whether because nobody used it. Fails if it does not: a signal does not end a
    /// program that is inside a driver.
    fn wait_for_end(&self) -> Result<(ProcessEnd, bool), Reply> {
        let runs = |members: &mut Members| members.end.is_none();
        let waited = self.ended.wait_timeout_while(lock(&self.members), KILL_LIMIT, runs);
        let (members, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let end = members.end.ok_or_else(|| {
            let pid = self.program.pid();
            Reply::Unavailable(format!("its process before, {pid}, was ended, and still runs"))
        })?;
        Ok((end, members.is_left))
    }
}

fn failed(error: io::Error) -> Reply {
    Reply::Unavailable(error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;
    use crate::protocol::VERSION;

    /// Nobody but the test has the connections, so that nobody else sees them hang up.
    #[test]
    fn who_has_hung_up_is_gone_before_another_one_comes() {
        let program = Path::new("grep"); // that of `grep -q shared`: reads on until it is hung up on, and serves nobody
        let hosted = Hosted::new("-q".into());
        let wish = Wish {
            version: VERSION,
            library: Vec::new(),
            confine: false,
            restarts: 0,
        };
        let join = || {
            let (window, connection) = UnixStream::pair().unwrap();
            let connection = Arc::new(connection);
            let running = hosted
                .join(program, &wish, &connection)
                .unwrap_or_else(|_| panic!("it may join"));
            (window, connection, running)
        };
        // As a process of the app does: a program that is being started meanwhile may have a copy of the socket for a moment.
        let hang_up = |window: &UnixStream| window.shutdown(Shutdown::Both).unwrap();
        let (one, one_connection, first) = join();
        let (other, _other_connection, same) = join();
        assert!(Arc::ptr_eq(&first, &same), "one for both");
        hang_up(&one);
        let (another, _another_connection, same) = join();
        assert!(Arc::ptr_eq(&first, &same), "the other one uses it");
        hang_up(&other);
        hang_up(&another);
        let (last, last_connection, second) = join();
        assert!(!Arc::ptr_eq(&first, &second), "nobody used it any more");
        first.leave(&one_connection); // as is noticed late
        assert!(lock(&first.members).end.is_some() && lock(&second.members).end.is_none());
        hang_up(&last);
        second.leave(&last_connection);
    }
}
