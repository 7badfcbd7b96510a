//! The program's side: loads the library, and makes the calls that the app asks for.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;

use inplace_exchange_host::{Caller, Error, LentMemory, Library, Progress, Report, Request, Symbols};

use crate::answer;
use crate::confine::confine;
use crate::lane::{self, Side};
use crate::protocol::{Answer, CONFINE, Description, Lane, MAX_LANES, Operation, REFUSED, VERSION};
use crate::running::Running;
use crate::shared_memory::Mapping;
use crate::spin::Spin;
use crate::system::{App, Bell, Given, Memory, end_now};

/// The stack of a thread that calls the library, in bytes: as the app's own threads for libraries have.
const STACK_SIZE: usize = 8 << 20;

/// Serves until the app hangs up, and then ends the process, whatever the library does. `options` are the program's
/// arguments after the library.
pub fn serve(library: OsString, options: &[OsString]) -> io::Result<()> {
    let app = Arc::new(App::take(options)?);
    let confined = options.iter().any(|option| option == CONFINE);
    let Given {
        control,
        buffers,
        cancels,
    } = app.receive_memories()?;
    let map_and_close = |memory: Memory| Mapping::of(&memory).map(Arc::new);
    let (control, buffers) = (map_and_close(control)?, map_and_close(buffers)?);
    let loading = Arc::clone(&control);
    let answering = Arc::clone(&app);
    // In a thread of its own, so that this one notices the end of the app also while an initialiser runs.
    spawn("library", move || {
        load(&PathBuf::from(library), confined, &loading, cancels, &answering)
    })?;
    while let Ok((lane, bell)) = app.receive_lane() {
        let (control, buffers) = (Arc::clone(&control), Arc::clone(&buffers));
        if lane < MAX_LANES {
            let serving = spawn("exchange", move || serve_lane(&control, &buffers, lane, &bell));
            if let Err(error) = serving {
                eprintln!("inplace-exchange-library: no thread for a call: {error}");
                end_now(3);
            }
        }
    }
    end_now(0)
}

/// Set once, before the app is told that it may ask for lanes.
static SYMBOLS: OnceLock<&'static Symbols> = OnceLock::new();

static RUNNING: LazyLock<Running> = LazyLock::new(Running::default);

fn load(path: &Path, confined: bool, control: &Arc<Mapping>, cancels: Bell, app: &App) {
    let loaded = Library::load(path).map(|library| (library, library.symbols()));
    let answer = match loaded {
        Ok((library, Some(symbols))) => {
            let symbols = SYMBOLS.get_or_init(|| symbols);
            let control = Arc::clone(control);
            // Otherwise nobody waits for it, and it is closed.
            if let Some(cancels) = symbols.can_cancel().then_some(cancels)
                && spawn("cancel", move || cancel_when_asked(&control, &cancels, symbols)).is_err()
            {
                end_now(0);
            }
            let description = Description {
                protocol: VERSION,
                path: library.path().as_os_str().as_encoded_bytes().to_vec(),
                name: library.name().to_owned(),
                abi_version: library.abi_version(),
                serial: library.is_serial(),
                performs: library.performs(),
                operations: library.operations().to_vec(),
                can_cancel: symbols.can_cancel(),
                confined,
            };
            // Last: what the library and this program have done so far may need what is given up.
            match if confined { confine() } else { Ok(()) } {
                Ok(()) => Answer::Loaded(description),
                Err(error) => Answer::Unconfined(error.to_string()),
            }
        }
        Ok((_, None)) => end_now(0), // a library that is loaded is in this process
        Err(error) => match *error {
            Error::LibrarySymbol { .. } => Answer::NoSymbol,
            Error::LibraryAbi { library, .. } => Answer::OtherAbi(library),
            error => Answer::Refused {
                code: error.code().to_owned(),
                message: error.to_string(),
            },
        },
    };
    if answer::send(app, &answer).is_err() {
        end_now(0);
    }
}

fn cancel_when_asked(control: &Mapping, bell: &Bell, symbols: &Symbols) {
    let cancels = &control.control().cancels;
    let mut seen = 0;
    loop {
        lane::wait_for_cancel(cancels, bell, &mut seen);
        RUNNING.cancel(seen, || symbols.cancel());
    }
}

/// Makes one thread's calls, one after another.
fn serve_lane(control: &Mapping, buffers: &Mapping, number: usize, bell: &Bell) {
    let lane = &control.control().lanes[number];
    let side = Side {
        state: &lane.state,
        bell,
        here: &lane.program_core,
        there: &lane.app_core,
    };
    let mut spin = Spin::default();
    loop {
        lane::serve(side, &mut spin, || {
            let result = SYMBOLS.get().map_or(REFUSED, |symbols| answer(buffers, lane, symbols));
            lane.result.store(result, Ordering::Relaxed);
        });
    }
}

/// Does what a lane asks for.
fn answer(buffers: &Mapping, lane: &Lane, symbols: &Symbols) -> i64 {
    let offset = lane.offset.load(Ordering::Relaxed);
    match lane.operation.load(Ordering::Relaxed) {
        Operation::EXCHANGE => {
            let len = lane.len.load(Ordering::Relaxed);
            let (Some(data), Ok(len)) = (buffers.bytes(offset, len), usize::try_from(len)) else {
                return REFUSED;
            };
            let request = Request {
                operation: lane.library_operation.load(Ordering::Relaxed),
                input: usize::try_from(lane.input_len.load(Ordering::Relaxed)).ok(),
                shared: lane.shared.load(Ordering::Relaxed) != 0,
            };
            // SAFETY: the range is within the memory, which stays mapped for the life of the process. No Rust reference
            // covers it, and no code here relies on what it holds: the app may write to it at any time.
            let memory = unsafe { LentMemory::new(data, len) };
            let caller = Asked {
                lane,
                report: Report::default(),
            };
            let cancels = lane.cancels.load(Ordering::Relaxed);
            let result = RUNNING.run(cancels, || symbols.call(memory, &request, &caller));
            if let Some(text) = caller.take_message() {
                lane.set_message(&text);
            }
            result
        }
        Operation::OPEN => symbols.open().err().unwrap_or(0),
        Operation::CLOSE => {
            symbols.close();
            0
        }
        Operation::MESSAGE => match symbols.error_message(offset.cast_signed()) {
            Some(text) => {
                lane.set_message(&text);
                1
            }
            None => 0,
        },
        _ => REFUSED,
    }
}

/// Who has asked, through a lane.
struct Asked<'a> {
    lane: &'a Lane,
    /// The library may speak on several threads, and the lane has room for one.
    report: Report,
}

impl Caller for Asked<'_> {
    fn is_cancelled(&self) -> bool {
        self.lane.cancelled.load(Ordering::Relaxed) != 0
    }

    fn set_progress(&self, Progress { done, total }: Progress) {
        self.lane.done.store(done, Ordering::Relaxed);
        self.lane.total.store(total, Ordering::Relaxed);
    }

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_SIZE);
    thread.spawn(body).map(drop)
}
