//! All that an asynchronous call is made with.

use std::sync::Arc;

use inplace_exchange_host::{Call, CompletionSink, NativeCall, Request, Session, Stream, StreamOptions};

use crate::js::abort_listener::Subscription;
use crate::js::lent_buffer::{LentBuffer, Loan};

pub(crate) struct Submission {
    pub(crate) id: u64,
    pub(crate) session: Arc<Session>,
    pub(crate) buffer: LentBuffer,
    pub(crate) request: Request,
    /// If it is a stream, for which the buffer has room.
    pub(crate) stream: Option<StreamOptions>,
    pub(crate) subscription: Option<Subscription>,
}

impl Submission {
    /// The call, which has not begun, with the buffer that it is lent.
    pub(crate) fn into_loan(self, completions: Arc<dyn CompletionSink>) -> (Loan, Option<Subscription>) {
        let Self {
            id, session, request, ..
        } = self;
        let create = |memory| -> Arc<dyn Call> {
            match self.stream {
                None => NativeCall::new(id, session, completions, memory, request),
                Some(options) => Stream::new(id, session, completions, &memory, request.operation, options),
            }
        };
        (Loan::new(self.buffer, create), self.subscription)
    }
}
