//! The calls that checks make, and what holds of each of them.

use std::collections::BTreeSet;
use std::fmt;

use inplace_exchange_host::Request;

use crate::events;
use crate::memory::{Block, Placement};
use crate::subject::{Answer, Subject};
use crate::watcher;

/// More operations are called in the checks that have each of them called.
const MAX_OPERATIONS: usize = 16;

/// The largest message that is made room for.
pub(crate) const MAX_ROOM: usize = 64 << 20;

/// One call to make.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) operation: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) capacity: usize,
    /// What the input is, in words.
    pub(crate) kind: &'static str,
    name: Option<String>,
}

/// What a library has answered, so far as the caller gets to see it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) value: i64,
    message: Vec<u8>,
}

/// A call that was made.
pub(crate) struct Outcome {
    pub(crate) block: Block,
    pub(crate) answer: Answer,
}

impl fmt::Display for Case {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(to, "operation {name}, ")?;
        }
        match self.input.len() {
            0 => write!(to, "no input")?,
            1 => write!(to, "1 byte of {}", self.kind)?,
            len => write!(to, "{len} bytes of {}", self.kind)?,
        }
        if self.input.len() == self.capacity {
            Ok(())
        } else {
            write!(to, " in memory of {}", self.capacity)
        }
    }
}

impl Outcome {
    pub(crate) fn reply(&self) -> Reply {
        let len = usize::try_from(self.answer.value).unwrap_or(usize::MAX);
        let fits = len <= self.block.len();
        Reply {
            value: self.answer.value,
            message: self.block.read(if fits { len } else { 0 }),
        }
    }

    /// Whether the call was made to its end, with a message or a size.
    pub(crate) fn is_success(&self) -> bool {
        self.answer.value >= 0
    }
}

impl Subject {
    pub(crate) fn case(&self, operation: u32, kind: &'static str, input: Vec<u8>, capacity: usize) -> Case {
        Case {
            operation,
            capacity: capacity.max(input.len()),
            input,
            kind,
            name: self.name_of(operation).map(str::to_owned),
        }
    }

    /// That of the request that was given, and those that its messages need.
    fn sizes_of_request(&self) -> &[usize] {
        self.sizes_of_request.get_or_init(|| {
            let (Some(len), request) = (self.inputs[0].request_len(), &self.inputs[0]) else {
                return Vec::new();
            };
            let operations = self.operations().into_iter().take(MAX_OPERATIONS);
            let needed = operations.filter_map(|operation| {
                let case = self.case(operation, request.name, request.bytes(len), len);
                let value = self.run(&case, Placement::End, 0).answer.value;
                usize::try_from(value)
                    .ok()
                    .filter(|needed| (len + 1..=MAX_ROOM).contains(needed))
            });
            let sizes: BTreeSet<usize> = [len].into_iter().chain(needed).collect();
            sizes.into_iter().rev().collect()
        })
    }

    /// For each size, each operation with each kind of input. To be called in a session.
    pub(crate) fn cases<'a>(&'a self, sizes: &'a [usize]) -> impl Iterator<Item = Case> + 'a {
        let operations: Vec<u32> = self.operations().into_iter().take(MAX_OPERATIONS).collect();
        let sizes = self.sizes_of_request().iter().chain(sizes);
        sizes.enumerate().flat_map(move |(turn, &size)| {
            operations.clone().into_iter().flat_map(move |operation| {
                // Looked at for each case, as one of the calls before it may have been too long.
                let inputs = self.inputs.iter().enumerate().filter(move |_| !self.is_long(operation));
                inputs.map(move |(index, input)| {
                    let len = match (turn + index) % 3 {
                        _ if !self.library.performs() => size,
                        1 => size / 2,
                        _ => input.natural_len(size),
                    };
                    self.case(operation, input.name, input.bytes(len), size)
                })
            })
        })
    }

    /// Memory with the input in it; what is after that holds `stale` bytes.
    pub(crate) fn prepare(case: &Case, placement: Placement, stale: u8) -> Block {
        let block = Block::new(case.capacity, placement).unwrap_or_else(|error| {
            events::note("no-memory", &format!("{case}: {error}"));
            std::process::exit(2)
        });
        block.write(0, &case.input);
        block.fill(case.input.len(), stale);
        block
    }

    /// Whether the input is the request that was given, from its beginning to its end.
    pub(crate) fn is_whole_request(&self, case: &Case) -> bool {
        let request = &self.inputs[0];
        case.kind == request.name && request.request_len().is_some_and(|len| len <= case.input.len())
    }

    pub(crate) fn request(&self, case: &Case, shared: bool) -> Request {
        Request {
            operation: case.operation,
            input: self.library.performs().then_some(case.input.len()),
            shared,
        }
    }

    /// Says what is about to be done, does it, and judges what must hold of every call.
    pub(crate) fn run(&self, case: &Case, placement: Placement, stale: u8) -> Outcome {
        let place = if placement == Placement::Odd {
            ", at an odd address"
        } else {
            ""
        };
        events::step(&format!("{case}{place}"));
        self.run_quietly(case, placement, stale)
    }

    pub(crate) fn run_quietly(&self, case: &Case, placement: Placement, stale: u8) -> Outcome {
        let block = Self::prepare(case, placement, stale);
        let answer = self.call(&block, &self.request(case, false));
        judge(case, &block, &answer);
        Outcome { block, answer }
    }

    /// Does something in a session of its own, and says so if the library refuses.
    pub(crate) fn in_session(&self, body: impl FnOnce()) {
        events::step("exchange_open");
        match self.symbols.open() {
            Ok(()) => {
                body();
                events::step("exchange_close");
                watcher::finish_cancel();
                self.symbols.close();
            }
            Err(status) => {
                let words = self
                    .words_for(status)
                    .map_or(String::new(), |words| format!(" ({words})"));
                events::skip(&format!("exchange_open refuses with status {status}{words}"));
            }
        }
    }
}

/// What must hold of every call.
pub(crate) fn judge(case: &Case, block: &Block, answer: &Answer) {
    if let Some(offset) = block.written_outside() {
        let place = if offset < 0 { "before" } else { "after" };
        let bytes = if offset < 0 {
            offset.unsigned_abs()
        } else {
            offset.unsigned_abs() + 1
        };
        events::problem(
            "outside",
            &format!("byte {bytes} {place} the memory was written ({case})"),
        );
    }
    let Ok(unsigned) = u64::try_from(answer.value) else {
        return;
    };
    match u32::try_from(unsigned) {
        Ok(low) if i32::try_from(low).is_ok() => {}
        Ok(low) => {
            let int = low.cast_signed();
            let what = format!("returned {unsigned}, which is {int} as a 32-bit int ({case})");
            events::problem("count-int", &what);
        }
        Err(_) => events::problem("count-range", &format!("returned {unsigned} ({case})")),
    }
}
