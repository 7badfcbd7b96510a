//! Why an asynchronous call does not begin.

use crate::error::Error;
use crate::js::byte_view::ByteView;
use crate::js::scope::Scope;
use crate::js::throw::abort_error;
use crate::js::value::{Thrown, Value};

/// Why an asynchronous call does not begin. Its memory has not been taken.
pub(crate) enum Rejection<'s> {
    Error(Box<Error>),
    /// The signal, which is given here, has been aborted.
    Aborted(Value<'s>),
    /// The caller's own code, in a getter or an EventTarget, has thrown this.
    Thrown(Thrown<'s>),
}

impl From<Box<Error>> for Rejection<'_> {
    fn from(error: Box<Error>) -> Self {
        Self::Error(error)
    }
}

impl<'s> From<Thrown<'s>> for Rejection<'s> {
    fn from(thrown: Thrown<'s>) -> Self {
        Self::Thrown(thrown)
    }
}

impl<'s> Rejection<'s> {
    /// What the promise is rejected with.
    pub(crate) fn into_value(self, scope: Scope<'s>, buffer: Option<Value<'s>>) -> Option<Value<'s>> {
        let error = match self {
            Self::Error(error) => error.create(scope),
            Self::Aborted(signal) => abort_error(scope, Some(signal)),
            Self::Thrown(Thrown(value)) => return value,
        }?;
        // The caller still has the memory, and finds it in the same place as after any other failure.
        if let Some(buffer) = buffer.filter(|&buffer| ByteView::of(buffer).is_ok()) {
            error.define_hidden(c"buffer", Some(buffer));
        }
        Some(error)
    }
}
