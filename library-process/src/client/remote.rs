//! The calls that the host makes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use inplace_exchange_host::{self as host, Caller, Error, LentMemory, Progress, Remote, RingRequest};

use super::{Client, ring, words};
use crate::process::{Request, Watch};
use crate::protocol::{BUSY, Lane, Operation};

impl Remote for Client {
    fn call(&self, memory: &LentMemory<'_>, request: &host::Request, caller: &dyn Caller) -> Result<i64, Box<Error>> {
        let (process, description) = self.running()?;
        let loan = process.lender().lend(memory);
        let loan = loan.ok_or_else(|| self.impossible("too much memory is in calls"))?;
        let asked = Request {
            operation: Operation::EXCHANGE,
            offset: loan.offset,
            len: memory.len() as u64,
            input_len: request.input.unwrap_or(memory.len()) as u64,
            library_operation: request.operation,
            shared: request.shared && loan.is_mapped(),
            ..Request::default()
        };
        let caller = description.performs.then_some(caller); // only then is there something to tell
        let watch = caller.map(|caller| move |lane: &Lane, _: &mut _| relay(lane, caller));
        let watch = watch.as_ref().map(|watch| watch as Watch<'_>);
        let read = |lane: &Lane, result| caller.map_or(result, |caller| words(lane, result, caller));
        let result = self.request(&process, &asked, watch, read)?;
        if self.options.shared && result == BUSY {
            let path = self.library.clone();
            return Err(Box::new(Error::LibraryBusy { path }));
        }
        loan.take_back();
        Ok(result)
    }

    fn fill(
        &self,
        memory: &LentMemory<'_>,
        ring: &RingRequest<'_>,
        caller: &dyn Caller,
    ) -> Result<Option<i64>, Box<Error>> {
        ring::fill(self, memory, ring, caller)
    }

    /// A process that several have makes the messages for all of them, on a thread of its own.
    fn fills_aside(&self) -> bool {
        self.options.shared
    }

    fn reaches(&self, memory: &LentMemory<'_>) -> bool {
        self.lock().reach(memory)
    }

    fn open(&self) -> Result<Result<(), i64>, Box<Error>> {
        self.lock().opening += 1;
        let opened = loop {
            let opened = self.running().and_then(|(process, _)| {
                let status = self.request(&process, &Request::of(Operation::OPEN, 0), None, |_, status| status)?;
                Ok((process, status))
            });
            let mut current = self.lock();
            match opened {
                Ok((process, 0..)) if current.process().is_some() && !current.is(&process) => continue, // restarted meanwhile
                Ok((_, 0..)) => {
                    current.opens += 1;
                    break Ok(Ok(()));
                }
                Ok((_, status)) => break Ok(Err(status)),
                Err(error) => break Err(error),
            }
        };
        self.lock().opening -= 1;
        opened
    }

    fn close(&self) {
        let mut current = self.lock();
        current.opens = current.opens.saturating_sub(1);
        let is_last = current.opens == 0 && current.opening == 0;
        let process = current.process().map(|(process, _)| Arc::clone(process));
        let lender = if is_last { current.take().1 } else { None };
        drop(current);
        if let Some(process) = process {
            let mut request = Request::of(Operation::CLOSE, 0);
            // Whoever closes it last does not wait for ever, whatever the library does: the broker ends the program then.
            request.leaves = is_last && self.options.shared;
            let _ = self.request(&process, &request, None, |_, _| ());
            if is_last {
                process.leave();
            }
        }
        drop(lender); // without the lock: if the process has ended, this asks the system what is still mapped
    }

    fn can_cancel(&self) -> bool {
        // While a call starts the process it may be cancelled already, and the library is asked again later.
        self.lock()
            .process()
            .is_none_or(|(_, description)| description.can_cancel)
    }

    fn cancel(&self) {
        if let Some((process, _)) = self.lock().process() {
            process.cancel();
        }
    }

    fn error_message(&self, status: i64) -> Option<String> {
        let (process, _) = self.lock().process().cloned()?;
        let request = Request::of(Operation::MESSAGE, u64::from_ne_bytes(status.to_ne_bytes()));
        let read = |lane: &Lane, has_message: i64| (has_message == 1).then(|| lane.message());
        self.request(&process, &request, None, read).ok()?
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
