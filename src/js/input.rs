//! What a caller says of the input in its memory.

use napi::bindgen_prelude::ValueType;

use crate::error::Error;
use crate::js::throw::describe;
use crate::js::value::Value;

/// How many bytes of a memory of `len` are the input. `None` if that was left out.
pub(crate) fn input_len(value: Value<'_>, len: usize) -> Result<Option<usize>, Box<Error>> {
    let number = match value.kind() {
        ValueType::Undefined => return Ok(None),
        ValueType::Number => value.to_f64(),
        _ => None,
    };
    let Some(number) = number else {
        let given = describe(value);
        return Err(Box::new(Error::InvalidInput { given }));
    };
    #[expect(clippy::cast_precision_loss, reason = "no memory is that long")]
    let is_within = number >= 0.0 && number <= len as f64 && number.fract() == 0.0;
    if !is_within {
        return Err(Box::new(Error::InputOutOfRange { given: number, len }));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and at most len"
    )]
    let number = number as usize;
    Ok(Some(number))
}
