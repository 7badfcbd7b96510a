//! What a panic leaves behind.

use std::any::Any;

/// What a panic says. Frees the payload of an ordinary one; another's destructor may panic as well, and is not run.
#[cold]
pub(crate) fn words_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(words) => *words,
        Err(payload) => match payload.downcast::<&str>() {
            Ok(words) => (*words).to_owned(),
            Err(payload) => {
                std::mem::forget(payload);
                "without words".to_owned()
            }
        },
    }
}
