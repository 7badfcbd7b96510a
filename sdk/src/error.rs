//! Why a call fails.

use std::fmt;

/// The status of an error that was given no other.
const FAILED: i64 = -1;
/// The status of a call that returns because it was cancelled.
const CANCELLED: i64 = -2;
/// The status of a panic.
const PANICKED: i64 = -3;

/// Why a call fails: words and a status, or how much memory it needs.
///
/// `?` makes one of each standard error, of `&str` and of `String`, with the words of the error and of its sources. So
/// that it can, this type is no [`std::error::Error`] itself.
///
/// ```
/// # use inplace_exchange_sdk::Error;
/// fn parse(text: &str) -> Result<u32, Error> {
///     let number: u32 = text.trim().parse()?;
///     if number > 100 {
///         return Err(Error::new(format_args!("{number} is more than 100")).with_status(-7));
///     }
///     Ok(number)
/// }
/// assert_eq!(parse("x").unwrap_err().to_string(), "invalid digit found in string");
/// assert_eq!(parse("200").unwrap_err().to_string(), "200 is more than 100");
/// ```
pub struct Error(Kind);

/// Small, so that a `Result<usize, Error>` is returned in two registers.
enum Kind {
    Failed(Box<Failure>),
    TooSmall(usize),
}

struct Failure {
    status: i64,
    words: String,
}

impl Error {
    /// In words, with the status -1. JavaScript gets `ERR_LIBRARY_FAILED` with both.
    #[cold]
    pub fn new(words: impl fmt::Display) -> Self {
        Self(Kind::Failed(Box::new(Failure {
            status: FAILED,
            words: words.to_string(),
        })))
    }

    /// The message needs `bytes` bytes, more than there are. JavaScript gets `ERR_BUFFER_TOO_SMALL` with this number,
    /// and can call again with more memory: leave the input as it was.
    #[cold]
    pub fn too_small(bytes: usize) -> Self {
        Self(Kind::TooSmall(bytes))
    }

    /// The call returns early because it was cancelled; status -2. See [`Call::check`](crate::Call::check).
    #[cold]
    pub fn cancelled() -> Self {
        Self::new("the call was cancelled").with_status(CANCELLED)
    }

    /// A panic with these words; status -3.
    #[cold]
    pub(crate) fn panicked(words: &str) -> Self {
        Self::new(format_args!("the library panicked: {words}")).with_status(PANICKED)
    }

    /// With another status: a negative number, by which programs tell errors apart. This crate uses -1 to -3. Nothing
    /// changes if this says how much memory is needed.
    ///
    /// # Panics
    /// If the status is not negative.
    #[must_use]
    pub fn with_status(mut self, number: i64) -> Self {
        assert!(number < 0, "{number} is the status of no error: it has to be negative");
        if let Kind::Failed(failure) = &mut self.0 {
            failure.status = number;
        }
        self
    }

    /// What `exchange_perform` returns for it, if the memory has `capacity` bytes.
    pub(crate) fn return_value(&self, capacity: usize) -> i64 {
        match self.0 {
            Kind::Failed(ref failure) => failure.status,
            Kind::TooSmall(bytes) if bytes > capacity => i64::try_from(bytes).unwrap_or(i64::MAX),
            // As a number it would mean a message of so many bytes.
            Kind::TooSmall(_) => FAILED,
        }
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Error {
    #[cold]
    fn from(error: E) -> Self {
        let error = error.into();
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            words.push_str(": ");
            words.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(words)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Failed(failure) => f.write_str(&failure.words),
            Kind::TooSmall(bytes) => write!(f, "the message needs {bytes} bytes"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Failed(failure) => write!(f, "Error({}: {:?})", failure.status, failure.words),
            Kind::TooSmall(bytes) => write!(f, "Error(too small: needs {bytes})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_takes_strings_boxes_and_errors_with_their_sources() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no exposure time")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let words = |run: fn() -> Result<(), Error>| run().unwrap_err().to_string();
        assert_eq!(words(|| Err("a lens cap")?), "a lens cap");
        assert_eq!(words(|| Err(String::from("a lens cap"))?), "a lens cap");
        assert_eq!(
            words(|| Err(Box::<dyn std::error::Error + Send + Sync>::from("boxed"))?),
            "boxed"
        );
        assert_eq!(words(|| Err(Error::new(12))?), "12");
        let nested = || Err(Outer("x".parse::<u8>().unwrap_err()))?;
        assert_eq!(words(nested), "no exposure time: invalid digit found in string");
    }

    #[test]
    fn return_values() {
        assert_eq!(Error::new("x").return_value(8), -1);
        assert_eq!(Error::new("x").with_status(i64::MIN).return_value(8), i64::MIN);
        assert_eq!(Error::cancelled().return_value(8), -2);
        assert_eq!(Error::panicked("x").return_value(8), -3);
        assert_eq!(Error::too_small(9).return_value(8), 9);
        assert_eq!(Error::too_small(9).with_status(-7).return_value(8), 9);
        assert_eq!(Error::too_small(8).return_value(8), -1, "it is not too small");
        assert_eq!(Error::too_small(usize::MAX).return_value(8), i64::MAX);
    }

    #[test]
    fn a_result_is_small() {
        assert_eq!(size_of::<Result<usize, Error>>(), 16);
    }

    #[test]
    fn debug_has_the_status() {
        assert_eq!(format!("{:?}", Error::new("x").with_status(-9)), "Error(-9: \"x\")");
        assert_eq!(format!("{:?}", Error::too_small(9)), "Error(too small: needs 9)");
    }

    #[test]
    #[should_panic(expected = "0 is the status of no error")]
    fn a_status_is_negative() {
        let _ = Error::new("x").with_status(0);
    }
}
