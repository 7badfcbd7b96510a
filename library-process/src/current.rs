//! The process that a client has now, and what is to be remembered for the next one.

use std::io;
use std::sync::Arc;

use inplace_exchange_host::LentMemory;

use crate::lender::Lender;
use crate::process::Process;
use crate::protocol::Description;
use crate::restarts::Restarts;

/// What a client's lock protects. The lock is held for moments only: not while a process is started, nor during calls.
#[derive(Default)]
pub(crate) struct Current {
    process: Option<(Arc<Process>, Arc<Description>)>,
    /// For all processes until the last close.
    lender: Option<Arc<Lender>>,
    pub(crate) restarts: Restarts,
    /// How often the library is open.
    pub(crate) opens: usize,
    /// How many threads are about to open it: a close is not the last one then.
    pub(crate) opening: usize,
}

impl Current {
    /// The process that runs. One that has ended is dropped, and so is its memory.
    pub(crate) fn process(&mut self) -> Option<&(Arc<Process>, Arc<Description>)> {
        if self
            .process
            .as_ref()
            .is_some_and(|(process, _)| process.end().is_some())
        {
            self.process = None;
            self.restarts.note_end();
        }
        self.process.as_ref()
    }

    /// Whether this is the process.
    pub(crate) fn is(&self, process: &Arc<Process>) -> bool {
        self.process.as_ref().is_some_and(|(now, _)| Arc::ptr_eq(now, process))
    }

    pub(crate) fn set(&mut self, process: Arc<Process>, description: Arc<Description>) {
        self.process = Some((process, description));
    }

    /// What lends memory to its process. If not `maps`, all is copied.
    pub(crate) fn lender(&mut self, maps: bool) -> io::Result<Arc<Lender>> {
        let lender = match self.lender.take() {
            Some(lender) => lender,
            None => Arc::new(Lender::new(maps)?),
        };
        Ok(Arc::clone(self.lender.insert(lender)))
    }

    /// Whether the process has this memory, and not only a copy of it.
    pub(crate) fn reach(&self, memory: &LentMemory<'_>) -> bool {
        self.lender.as_ref().is_some_and(|lender| lender.find(memory).is_some())
    }

    /// For who ends it: the process, if it runs, and the lender.
    pub(crate) fn take(&mut self) -> (Option<Arc<Process>>, Option<Arc<Lender>>) {
        let process = self.process.take().map(|(process, _)| process);
        (process, self.lender.take())
    }
}
