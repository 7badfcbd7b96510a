//! The library that is checked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use inplace_exchange_host::{Caller, Error, Library, Request, Symbols};

use crate::events;
use crate::inputs::{Input, inputs};
use crate::memory::Block;
use crate::options::Options;
use crate::texts::Texts;
use crate::watcher::{self, Running};

/// How many calls of an operation may be so long that they are cancelled, before the operation is left out.
const LONG_CALLS: u32 = 2;

/// When a call has to have returned after it was cancelled.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// A library that is loaded.
pub(crate) struct Subject {
    pub(crate) library: &'static Library,
    pub(crate) symbols: &'static Symbols,
    pub(crate) texts: Texts,
    pub(crate) options: Options,
    pub(crate) inputs: Vec<Input>,
    pub(crate) sizes_of_request: OnceLock<Vec<usize>>,
    long: Mutex<Long>,
}

/// Calls that were cancelled because they went on for too long.
#[derive(Default)]
struct Long {
    /// How many, of each operation.
    calls: BTreeMap<u32, u32>,
    time: Duration,
}

/// How a call has ended.
pub(crate) struct Answer {
    pub(crate) value: i64,
    /// Why it failed, as the call said.
    pub(crate) words: Option<String>,
    pub(crate) took: Duration,
    /// How long it went on after it was cancelled.
    pub(crate) late: Option<Duration>,
    pub(crate) was_asked: bool,
}

impl Answer {
    /// Whether it may have ended because it was cancelled: otherwise it would have gone on.
    pub(crate) fn was_cut_short(&self) -> bool {
        self.late.is_some() && self.value < 0
    }
}

impl Subject {
    /// Why it is refused, by the name and in words.
    pub(crate) fn load(options: Options) -> Result<Self, (&'static str, String)> {
        events::step("loading");
        let library = Library::load(&options.library).map_err(|error| match *error {
            Error::LibrarySymbol { .. } => ("load-symbol", error.to_string()),
            Error::LibraryAbi { .. } => ("load-version", error.to_string()),
            _ => ("load", error.to_string()),
        })?;
        let symbols = library
            .symbols()
            .ok_or_else(|| ("load", "it is in another process".to_owned()))?;
        let texts = Texts::of(library.path()).map_err(|error| ("load", error.to_string()))?;
        watcher::watch(symbols);
        Ok(Self {
            library,
            symbols,
            texts,
            inputs: inputs(options.input.as_deref(), options.seed),
            options,
            sizes_of_request: OnceLock::new(),
            long: Mutex::default(),
        })
    }

    /// Makes a call, which is cancelled when the patience is over.
    pub(crate) fn call(&self, block: &Block, request: &Request) -> Answer {
        self.call_with(block, request, self.options.patience)
    }

    pub(crate) fn call_with(&self, block: &Block, request: &Request, patience: Duration) -> Answer {
        let running = Running::begin(patience);
        let value = self.symbols.call(block.lend(), request, &*running);
        let took = running.begun.elapsed();
        running.end();
        let answer = Answer {
            value,
            words: running.take_message(),
            took,
            late: running.cancelled_after().map(|after| took.saturating_sub(after)),
            was_asked: running.was_asked(),
        };
        if answer.was_cut_short() {
            self.count_long_call(request.operation, &answer);
        }
        answer
    }

    fn count_long_call(&self, operation: u32, answer: &Answer) {
        let mut long = self.long();
        let calls = long.calls.entry(operation).or_default();
        // One that goes on all the same is enough: another may take all the time that the check has.
        *calls += if answer.late > Some(SOON) { LONG_CALLS } else { 1 };
        if *calls >= LONG_CALLS {
            let what = self
                .name_of(operation)
                .map_or("calls".into(), |name| format!("calls of {name}"));
            events::note(
                "long-calls",
                &format!("{what} go on until they are cancelled, and were left out then"),
            );
        }
        long.time += answer.took;
    }

    /// Whether calls of this operation are so long that more of them would take all the time.
    pub(crate) fn is_long(&self, operation: u32) -> bool {
        self.long()
            .calls
            .get(&operation)
            .is_some_and(|calls| *calls >= LONG_CALLS)
    }

    pub(crate) fn time_in_long_calls(&self) -> Duration {
        self.long().time
    }

    fn long(&self) -> MutexGuard<'_, Long> {
        self.long.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 0, and the numbers of those that have names.
    pub(crate) fn operations(&self) -> Vec<u32> {
        let named = (1..)
            .zip(self.library.operations())
            .filter(|(_, name)| !name.is_empty());
        [0].into_iter().chain(named.map(|(number, _)| number)).collect()
    }

    pub(crate) fn name_of(&self, operation: u32) -> Option<&str> {
        let index = usize::try_from(operation).ok()?.checked_sub(1)?;
        self.library.operations().get(index).map(String::as_str)
    }

    /// What the library says of a status that no call has words for.
    pub(crate) fn words_for(&self, status: i64) -> Option<String> {
        self.symbols.error_message(status)
    }
}
