//! Scenarios that are run in several variants.

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// It is run for each number below this.
    pub(crate) variants: u32,
    pub(crate) run: fn(u32),
}

macro_rules! scenarios {
    ($list:ident: $($name:ident $variants:expr;)*) => {
        pub(crate) const $list: &[crate::scenario::Scenario] =
            &[$(crate::scenario::Scenario { name: stringify!($name), variants: $variants, run: $name }),*];
    };
}
pub(crate) use scenarios;
