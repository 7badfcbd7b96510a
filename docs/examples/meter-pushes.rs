//! A meter that pushes: it calls back from a thread of its own, until it is told to stop.
use inplace_exchange_sdk::{Error, Sink, library};

fn measure(mut each: impl FnMut(u32) -> bool + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| (1..).take_while(|value| each(*value)).for_each(drop));
    });
}

fn stream(sink: &mut Sink) -> Result<(), Error> {
    let mut result = Ok(());
    measure(|value| {
        let Some(mut message) = sink.next() else { return false };
        result = message.write(0, &value).and_then(|()| message.send(size_of::<u32>()));
        result.is_ok()
    });
    result
}

library! { stream: stream }
