use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_message_never_reaches_past_the_buffer(number: i64, len: usize) {
        match ReturnValue::of(number, len) {
            ReturnValue::Message(n) => {
                prop_assert_eq!(i64::from(n), number);
                prop_assert!(n as usize <= len);
            }
            ReturnValue::TooSmall(n) => {
                prop_assert_eq!(i64::from(n), number);
                prop_assert!(n as usize > len && n <= i32::MAX as u32);
            }
            ReturnValue::OutOfRange(n) => prop_assert!(n == number && n > i64::from(i32::MAX)),
            ReturnValue::Failed(n) => prop_assert!(n == number && n < 0),
        }
    }

    #[test]
    fn counts_near_the_length_are_told_apart(len in 0usize..=i32::MAX as usize, off in -2i64..=2) {
        let number = len as i64 + off;
        let expected = match u32::try_from(number) {
            Err(_) => ReturnValue::Failed(number),
            Ok(n) if n > i32::MAX as u32 => ReturnValue::OutOfRange(number),
            Ok(n) if off <= 0 => ReturnValue::Message(n),
            Ok(n) => ReturnValue::TooSmall(n),
        };
        prop_assert_eq!(ReturnValue::of(number, len), expected);
    }
}

#[test]
fn the_extremes_keep_their_exact_value() {
    for (number, expected) in [
        (i64::MIN, ReturnValue::Failed(i64::MIN)),
        (-1, ReturnValue::Failed(-1)),
        (0, ReturnValue::Message(0)),
        (i64::from(i32::MAX), ReturnValue::TooSmall(i32::MAX as u32)),
        (
            i64::from(i32::MAX) + 1,
            ReturnValue::OutOfRange(i64::from(i32::MAX) + 1),
        ),
        (1 << 32, ReturnValue::OutOfRange(1 << 32)),
        ((1 << 53) + 1, ReturnValue::OutOfRange((1 << 53) + 1)),
        (i64::MAX, ReturnValue::OutOfRange(i64::MAX)),
    ] {
        assert_eq!(ReturnValue::of(number, 64), expected);
    }
    // A message beyond the limit is refused even where it would fit.
    assert_eq!(ReturnValue::of(1 << 32, usize::MAX), ReturnValue::OutOfRange(1 << 32));
}

#[test]
fn names_are_lines_within_the_limits() {
    let names = |text: &str| names(Some(text.to_owned()));
    assert_eq!(super::names(None), [""; 0]);
    assert_eq!(names(""), [""; 0]);
    assert_eq!(names("\n\n"), [""; 0]);
    assert_eq!(names("decode"), ["decode"]);
    assert_eq!(names("decode\nencode\n"), ["decode", "encode"]);
    assert_eq!(
        names("\ndecode\n\nencode"),
        ["", "decode", "", "encode"],
        "numbers are left out"
    );
    let long = "x".repeat(256);
    assert_eq!(names(&format!("{long}\n{}", &long[1..])), ["", &long[1..]]);
    let many = "x\n".repeat(20_000);
    assert_eq!(names(&many).len(), 16_384, "32 KiB");
}
