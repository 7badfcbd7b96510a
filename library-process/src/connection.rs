//! One process of the app that uses the library, as the program has it: its memories, its lanes, and what is left to do when
//! it has ended.

mod calls;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answer;
use crate::lane::{self, Side};
use crate::loading::{STACK_SIZE, library, loaded};
use crate::opening::Opening;
use crate::protocol::{MAX_LANES, REFUSED};
use crate::running::Running;
use crate::shared_memory::Mapping;
use crate::spawn::spawn;
use crate::spin::Spin;
use crate::sync;
use crate::system::{App, Bell, Given, Memory, end_now};
use crate::turns::Turns;

/// How often a process that has ended is said to have ended to the threads that still serve it.
const REMIND_EVERY: Duration = Duration::from_millis(10);

/// Of all connections.
static RUNNING: LazyLock<Running> = LazyLock::new(Running::default);
static TURNS: LazyLock<Turns> = LazyLock::new(Turns::default);
static OPENING: LazyLock<Opening> = LazyLock::new(Opening::default);

/// How many have ended whose calls have not returned.
static ENDING: AtomicUsize = AtomicUsize::new(0);

struct Connection {
    number: u32,
    /// Whether there are others, and the app's processes have not agreed on the order of their calls.
    is_shared: bool,
    control: Arc<Mapping>,
    buffers: Arc<Mapping>,
    /// The other side has ended.
    has_ended: AtomicBool,
    /// The threads that serve it.
    threads: Mutex<Vec<Waiting>>,
    thread_ended: Condvar,
}

/// What a thread waits for.
struct Waiting {
    /// The number of a lane; `None`: for cancels.
    lane: Option<usize>,
    bell: Arc<Bell>,
}

/// Serves one process of the app until it hangs up. Fails if it does not begin as it should.
pub(crate) fn serve(app: App, is_shared: bool) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Given {
        control,
        buffers,
        cancels,
    } = app.receive_memories()?;
    let map_and_close = |memory: Memory| Mapping::of(&memory).map(Arc::new);
    let connection = Arc::new(Connection {
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        is_shared,
        control: map_and_close(control)?,
        buffers: map_and_close(buffers)?,
        has_ended: AtomicBool::new(false),
        threads: Mutex::default(),
        thread_ended: Condvar::new(),
    });
    let app = Arc::new(app);
    let answering = Arc::clone(&app);
    connection.start("cancel", None, cancels, move |connection, cancels| {
        if answer::send(&answering, &loaded().answer).is_err() && !connection.is_shared {
            end_now(0);
        }
        drop(answering);
        connection.cancel_when_asked(cancels);
    })?;
    while let Ok((number, bell)) = app.receive_lane() {
        if number >= MAX_LANES {
            continue;
        }
        let serving = connection.start("exchange", Some(number), bell, move |connection, bell| {
            connection.serve_lane(number, bell)
        });
        if let Err(error) = serving {
            eprintln!("inplace-exchange-library: no thread for a call: {error}");
            break; // the other side waits for it
        }
    }
    drop(app); // hangs up
    if is_shared {
        connection.end();
    }
    Ok(())
}

impl Connection {
    /// Starts a thread that serves it, and is waited for in the end.
    fn start(
        self: &Arc<Self>,
        name: &str,
        lane: Option<usize>,
        bell: Bell,
        serve: impl FnOnce(&Arc<Self>, &Bell) + Send + 'static,
    ) -> io::Result<()> {
        let (connection, bell) = (Arc::clone(self), Arc::new(bell));
        self.threads().push(Waiting {
            lane,
            bell: Arc::clone(&bell),
        });
        let started = spawn(name, STACK_SIZE, {
            let bell = Arc::clone(&bell);
            move || {
                serve(&connection, &bell);
                connection.forget(&bell);
            }
        });
        if started.is_err() {
            if let Some(number) = lane {
                lane::end(&self.control.control().lanes[number].state, &bell); // a call may wait in it already
            }
            self.forget(&bell);
        }
        started
    }

    fn forget(&self, bell: &Arc<Bell>) {
        self.threads().retain(|other| !Arc::ptr_eq(&other.bell, bell));
        self.thread_ended.notify_all();
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The other side has ended: its calls are cancelled, and when they have returned, what it has opened is closed.
    fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        ENDING.fetch_add(1, Ordering::Relaxed);
        RUNNING.set_ended(self.number, true);
        let control = self.control.control();
        let mut threads = self.threads();
        while !threads.is_empty() {
            // Again, as long as there are any: a call that is answered meanwhile overwrites it.
            control.cancels.fetch_add(1, Ordering::Release);
            for Waiting { lane, bell } in &*threads {
                let Some(lane) = lane.map(|number| &control.lanes[number]) else {
                    sync::wake_here(&control.cancels, bell);
                    continue;
                };
                lane.cancelled.store(1, Ordering::Relaxed);
                lane::end(&lane.state, bell);
            }
            drop(threads);
            if let Some((_, symbols)) = library() {
                RUNNING.cancel_unwanted(|| symbols.cancel());
            }
            let waited = self.thread_ended.wait_timeout(self.threads(), REMIND_EVERY);
            threads = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(threads);
        RUNNING.set_ended(self.number, false);
        ENDING.fetch_sub(1, Ordering::Relaxed);
        if let Some((_, symbols)) = library() {
            OPENING.close_all(self.number, || self.close(symbols));
        }
    }

    fn cancel_when_asked(&self, bell: &Bell) {
        let Some((_, symbols)) = loaded().library.filter(|(_, symbols)| symbols.can_cancel()) else {
            return; // nobody waits for it
        };
        let cancels = &self.control.control().cancels;
        let mut seen = 0;
        while !self.has_ended.load(Ordering::Relaxed) {
            lane::wait_for_cancel(cancels, bell, &mut seen);
            RUNNING.cancel(self.number, seen, || symbols.cancel());
        }
    }

    /// Makes one thread's calls, one after another.
    fn serve_lane(&self, number: usize, bell: &Bell) {
        let lane = &self.control.control().lanes[number];
        let side = Side {
            state: &lane.state,
            bell,
            here: &lane.program_core,
            there: &lane.app_core,
        };
        let answer = || {
            let result = library().map_or(REFUSED, |(library, symbols)| self.answer(number, library, symbols));
            lane.result.store(result, Ordering::Relaxed);
        };
        let mut spin = Spin::default();
        while lane::serve(side, &mut spin, answer) {}
    }
}
