//! Calls a library as the host does, in `cargo test`, without Electron.
//!
//! ```
//! use inplace_exchange_sdk::testing::{Answer, Host, Request};
//! use inplace_exchange_sdk::{Call, Error, library};
//!
//! fn halve(call: &mut Call) -> Result<usize, Error> {
//!     let half = call.input().len() / 2;
//!     for at in 0..half {
//!         call.check()?;
//!         call.progress(at as u64, half as u64);
//!         call.output()[at] = call.input()[2 * at];
//!     }
//!     Ok(half)
//! }
//!
//! library! { operations: { "halve" => halve } }
//!
//! let host = Host::of(&LIBRARY);
//! let mut memory = *b"aabbcc..";
//! let halve = Request { operation: Some("halve"), input: Some(6), ..Request::default() };
//! let outcome = host.perform(&mut memory, halve);
//! assert_eq!(outcome.result, Ok(3));
//! assert_eq!(&memory[..3], b"abc");
//! assert_eq!(outcome.progress, [(0, 3), (1, 3), (2, 3)]);
//!
//! let outcome = host.perform(&mut memory, Request { cancel_after: Some(1), ..halve });
//! assert_eq!(outcome.result, Err(Answer::Failed(-2)));
//! assert_eq!(outcome.words.as_deref(), Some("the call was cancelled"));
//! ```
//!
//! The calls go through functions with the C ABI and the struct of `exchange.h`: the same code as behind the exported
//! functions, with a state apart from theirs. So a library may even test itself in an app that has loaded it.

mod host;
mod stream;

pub use host::{Answer, Host, Outcome, Request};
pub use stream::{StreamOutcome, StreamRequest};
