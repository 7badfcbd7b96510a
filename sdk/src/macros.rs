//! The macro that exports a library.

/// Exports a library: a function, or some settings in any order.
///
/// A crate has one library. Its `Cargo.toml` says `crate-type = ["cdylib"]`, or `["cdylib", "rlib"]` if tests in
/// `tests/` use it. The macro exports all functions of `exchange.h` that are needed, and defines `LIBRARY` for
/// [`testing`](crate::testing).
///
/// ```
/// use inplace_exchange_sdk::{Call, Error, library};
///
/// fn uppercase(call: &mut Call) -> Result<usize, Error> {
///     let len = call.input().len();
///     call.output()[..len].make_ascii_uppercase();
///     Ok(len)
/// }
///
/// library!(uppercase);
/// ```
///
/// | setting | what it says |
/// | --- | --- |
/// | `name: "…"` | the library's name, for display; that of its file if left out |
/// | `operations: { "…" => function, … }` | the functions that callers choose by name |
/// | `call: function` | the function of a call without an operation; without one, such a call fails and lists the names |
/// | `stream: function` | the function that makes the messages of a stream by itself: see [`Sink`](crate::Sink) |
/// | `state: Type` | functions have a first argument, the state; methods fit. `Type::open() -> Result<Type, Error>` makes it |
/// | `concurrent` | up to four calls run at the same time, and the state is `&Type` in place of `&mut Type` |
///
/// # State
///
/// The first call makes the state, and the last page or worker that closes the library drops it. Calls come from
/// several threads, so that the type is `Send`; it is `Sync` if they are concurrent, or the library does not compile.
///
/// ```
/// use inplace_exchange_sdk::{Call, Error, library};
///
/// struct Counter {
///     total: u64,
/// }
///
/// impl Counter {
///     fn open() -> Result<Self, Error> {
///         Ok(Self { total: 0 })
///     }
///
///     fn add(&mut self, call: &mut Call) -> Result<usize, Error> {
///         self.total += call.input().len() as u64;
///         self.total(call)
///     }
///
///     fn total(&mut self, call: &mut Call) -> Result<usize, Error> {
///         call.reply(self.total.to_string())
///     }
/// }
///
/// library! {
///     name: "counter",
///     state: Counter,
///     operations: { "add" => Counter::add, "total" => Counter::total },
/// }
/// ```
///
/// # Panics
///
/// A panic fails its call, with its words and the status -3. The state of a library that takes one call at a time is
/// dropped then, because it may be half changed; the next call opens a new one. Poisoning it instead would leave every
/// page of the app without the library until the app is restarted. The state of a concurrent library stays, as other
/// calls may be using it: a `Mutex` in it has its own poison. With `panic = "abort"` in the profile a panic ends the
/// process.
///
/// # What the compiler refuses
///
/// A concurrent state that is not `Sync`:
///
/// ```compile_fail,E0277
/// # use inplace_exchange_sdk::{Call, Error, library};
/// struct Counter(std::cell::Cell<u64>);
///
/// impl Counter {
/// #   fn open() -> Result<Self, Error> { Ok(Self(0.into())) }
///     fn next(&self, call: &mut Call) -> Result<usize, Error> {
///         call.reply(self.0.replace(self.0.get() + 1).to_string())
///     }
/// }
///
/// library! { concurrent, state: Counter, call: Counter::next }
/// ```
///
/// A method that needs the state to itself in a concurrent library, and a state that cannot move to another thread:
///
/// ```compile_fail,E0308
/// # use inplace_exchange_sdk::{Call, Error, library};
/// # struct Counter;
/// # impl Counter {
/// #     fn open() -> Result<Self, Error> { Ok(Self) }
/// fn next(&mut self, call: &mut Call) -> Result<usize, Error> { call.reply("1") }
/// # }
/// library! { concurrent, state: Counter, call: Counter::next }
/// ```
///
/// ```compile_fail,E0277
/// # use inplace_exchange_sdk::{Call, Error, library};
/// # struct Counter(std::rc::Rc<u8>);
/// # impl Counter {
/// #     fn open() -> Result<Self, Error> { Ok(Self(0.into())) }
/// #     fn next(&mut self, call: &mut Call) -> Result<usize, Error> { call.reply("1") }
/// # }
/// library! { state: Counter, call: Counter::next }
/// ```
///
/// Two operations of one name, a name of two lines, a setting that there is not, and a library that does nothing:
///
/// ```compile_fail,E0080
/// # use inplace_exchange_sdk::{Call, Error, library};
/// # fn f(call: &mut Call) -> Result<usize, Error> { call.reply("1") }
/// library! { operations: { "upper" => f, "lower" => f, "upper" => f } }
/// ```
///
/// ```compile_fail,E0080
/// # use inplace_exchange_sdk::{Call, Error, library};
/// # fn f(call: &mut Call) -> Result<usize, Error> { call.reply("1") }
/// library! { operations: { "upper\nlower" => f } }
/// ```
///
/// ```compile_fail
/// # use inplace_exchange_sdk::{Call, Error, library};
/// # fn f(call: &mut Call) -> Result<usize, Error> { call.reply("1") }
/// library! { call: f, parallel }
/// ```
///
/// ```compile_fail
/// # use inplace_exchange_sdk::library;
/// library! { name: "nothing" }
/// ```
#[macro_export]
macro_rules! library {
    // Collects the settings, in any order: name, concurrent, state, call, operations, stream.
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt] name: $name:expr $(, $($rest:tt)*)?) => {
        $crate::library! { @collect [[$name] $m $s $c $o $t] $($($rest)*)? }
    };
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt] concurrent $(, $($rest:tt)*)?) => {
        $crate::library! { @collect [$n concurrent $s $c $o $t] $($($rest)*)? }
    };
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt] state: $state:ty $(, $($rest:tt)*)?) => {
        $crate::library! { @collect [$n $m [$state] $c $o $t] $($($rest)*)? }
    };
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt] call: $call:expr $(, $($rest:tt)*)?) => {
        $crate::library! { @collect [$n $m $s [$call] $o $t] $($($rest)*)? }
    };
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt] operations: { $($operations:tt)* } $(, $($rest:tt)*)?) => {
        $crate::library! { @collect [$n $m $s $c [$($operations)*] $t] $($($rest)*)? }
    };
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt] stream: $stream:expr $(, $($rest:tt)*)?) => {
        $crate::library! { @collect [$n $m $s $c $o [$stream]] $($($rest)*)? }
    };
    (@collect [$n:tt $m:tt $s:tt [] [] []]) => {
        ::core::compile_error!("a library has a function, `call`, some `operations`, or a `stream`");
    };
    (@collect [$n:tt $m:tt $s:tt $c:tt $o:tt $t:tt]) => {
        $crate::library! { @export $n $m $s $c $o $t }
    };
    (@collect $collected:tt $($unknown:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "not a setting of a library: `", ::core::stringify!($($unknown)+),
            "`; they are: name, operations, call, stream, state, concurrent"
        ));
    };

    (@state []) => { () };
    (@state [$state:ty]) => { $state };
    (@define serial [] $names:ident $operations:expr) => {
        $crate::export::Definition::stateless(false, $names, $operations)
    };
    (@define concurrent [] $names:ident $operations:expr) => {
        $crate::export::Definition::stateless(true, $names, $operations)
    };
    (@define serial [$state:ty] $names:ident $operations:expr) => {
        $crate::export::Definition::exclusive(<$state>::open, $names, $operations)
    };
    (@define concurrent [$state:ty] $names:ident $operations:expr) => {
        $crate::export::Definition::shared(<$state>::open, $names, $operations)
    };
    (@option) => { ::core::option::Option::None };
    (@option $value:expr) => { ::core::option::Option::Some($value) };
    (@text) => { ::core::ptr::null() };
    (@text $($text:expr),+) => {{
        const TEXT: &::core::ffi::CStr =
            match ::core::ffi::CStr::from_bytes_with_nul(::core::concat!($($text,)+ "\0").as_bytes()) {
                ::core::result::Result::Ok(text) => text,
                ::core::result::Result::Err(_) => ::core::panic!("a name contains a NUL"),
            };
        TEXT.as_ptr()
    }};

    // The functions that have to do with the state, of one definition.
    (@stream [] $($definition:tt)*) => {};
    (@stream [$stream:expr] $definition:ident $(#[$export:meta])?) => {
        $(#[$export])?
        unsafe extern "C" fn exchange_stream(sink: *const $crate::export::RawSink) -> i64 {
            // SAFETY: the host keeps the contract of exchange.h, which `stream` repeats.
            unsafe { $definition.stream(sink) }
        }
    };
    (@exported []) => { ::core::option::Option::None };
    (@exported [$stream:expr]) => { ::core::option::Option::Some(exchange_stream) };
    (@functions $definition:ident $stream:tt $(#[$export:meta])?) => {
        $crate::library! { @stream $stream $definition $(#[$export])? }

        $(#[$export])?
        unsafe extern "C" fn exchange_perform(call: *const $crate::export::RawCall) -> i64 {
            // SAFETY: the host keeps the contract of exchange.h, which `perform` repeats.
            unsafe { $definition.perform(call) }
        }

        $(#[$export])?
        extern "C" fn exchange_open() -> i64 {
            $definition.open()
        }

        $(#[$export])?
        unsafe extern "C" fn exchange_close() {
            // SAFETY: the host keeps the contract of exchange.h, which `close` repeats.
            unsafe { $definition.close() }
        }
    };

    (@export [$($name:expr)?] $mode:tt $state:tt [$($call:expr)?] [$($operation:literal => $function:expr),* $(,)?] [$($stream:expr)?]) => {
        /// This library, for `inplace_exchange_sdk::testing`.
        #[allow(dead_code)]
        pub static LIBRARY: $crate::Library = {
            type Definition = $crate::export::Definition<$crate::library!(@state $state)>;

            const NAMES: &[&::core::primitive::str] = &[$($operation),*];
            const _: () = $crate::export::check_names(NAMES);

            const fn define() -> Definition {
                $crate::library!(@define $mode $state NAMES $crate::export::Operations {
                    call: $crate::library!(@option $($call)?),
                    named: &[$($function),*],
                    stream: $crate::library!(@option $($stream)?),
                })
            }

            // What a host calls, and what tests call: each has a state of its own.
            static EXPORTED: Definition = define();
            static TESTED: Definition = define();

            const _: () = {
                $crate::library! { @functions EXPORTED [$($stream)?] #[unsafe(no_mangle)] }

                #[unsafe(no_mangle)]
                extern "C" fn exchange_abi_version() -> u32 {
                    $crate::export::VERSION
                }
            };

            #[unsafe(no_mangle)]
            extern "C" fn exchange_operations() -> *const ::core::ffi::c_char {
                $crate::library!(@text $($operation, "\n"),*)
            }

            #[unsafe(no_mangle)]
            extern "C" fn exchange_flags() -> u32 {
                EXPORTED.flags()
            }

            #[unsafe(no_mangle)]
            extern "C" fn exchange_library_name() -> *const ::core::ffi::c_char {
                $crate::library!(@text $($name)?)
            }

            $crate::library! { @functions TESTED [$($stream)?] }

            // SAFETY: those above, of one library; nothing else calls those of `TESTED`.
            unsafe {
                $crate::Library::new($crate::export::Functions {
                    perform: exchange_perform,
                    stream: $crate::library!(@exported [$($stream)?]),
                    operations: exchange_operations,
                    flags: exchange_flags,
                    library_name: exchange_library_name,
                    open: exchange_open,
                    close: exchange_close,
                })
            }
        };
    };

    (@export $($other:tt)*) => {
        ::core::compile_error!("operations are given as: operations: { \"name\" => function, … }")
    };

    ($function:path) => {
        $crate::library! { call: $function }
    };
    ($($settings:tt)+) => {
        $crate::library! { @collect [[] serial [] [] [] []] $($settings)+ }
    };
}
