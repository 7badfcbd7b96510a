//! The arguments of the program.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What to check, and how thoroughly.
pub(crate) struct Options {
    pub(crate) check: String,
    pub(crate) library: PathBuf,
    /// Of random numbers.
    pub(crate) seed: u64,
    /// Calls of the check of endurance.
    pub(crate) calls: u32,
    /// The time of a check.
    pub(crate) budget: Duration,
    /// After this time a call is cancelled.
    pub(crate) patience: Duration,
    /// A real request.
    pub(crate) input: Option<Vec<u8>>,
}

impl Options {
    /// CHECK LIBRARY, then names and values.
    pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        const USAGE: &str = "type: npx inplace-exchange validate LIBRARY";
        let check = args.next().and_then(|arg| arg.into_string().ok()).ok_or(USAGE)?;
        let library = PathBuf::from(args.next().ok_or(USAGE)?);
        let mut options = Self {
            check,
            library,
            seed: 1,
            calls: 100_000,
            budget: Duration::from_secs(3),
            patience: Duration::from_millis(250),
            input: None,
        };
        while let (Some(name), Some(value)) = (args.next(), args.next()) {
            let number = || value.to_str().and_then(|text| text.parse::<u32>().ok()).ok_or(USAGE);
            match name.to_str() {
                Some("--seed") => options.seed = number()?.into(),
                Some("--calls") => options.calls = number()?,
                Some("--budget") => options.budget = Duration::from_millis(number()?.into()),
                Some("--patience") => options.patience = Duration::from_millis(number()?.into()),
                Some("--input") => {
                    let bytes = fs::read(&value).map_err(|error| format!("{}: {error}", value.display()))?;
                    options.input = Some(bytes);
                }
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }
}
