//! Small scenarios, each about one guarantee of the dispatcher.

use std::sync::Arc;

use crate::call::Call;
use crate::checker::{start, yield_now};
use crate::environment::Model;
use crate::record::Behaviour::{Listens, Returns};
use crate::sync::{after_turns, never, refuse_threads};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        pub(crate) const SCENARIOS: &[Scenario] =
            &[$(Scenario { name: stringify!($name), run: $name }),*];
    };
}

scenarios! {
    queued_and_running_calls_are_cancelled
    call_is_cancelled_early
    two_environments
    synchronous_beside_asynchronous
    two_synchronous_beside_asynchronous
    synchronous_beside_cancelled
    close_in_flight
    close_of_a_call_that_runs
    close_while_another_environment_calls
    close_before_a_call_begins
    close_with_a_deadline
    close_that_is_waited_for
    concurrent_calls_are_cancelled
    one_of_two_concurrent_calls_is_cancelled
    concurrent_calls_do_not_wait_for_each_other
    concurrent_close_in_flight
    environment_ends_while_a_call_runs
    library_opens_slowly
    memory_of_a_call_that_has_ended
    waiter_on_another_thread
    no_thread
}

fn queued_and_running_calls_are_cancelled() {
    Model::serial(|model| {
        let environment = model.environment();
        let first = environment.submit(Returns);
        let second = environment.submit(Returns);
        environment.cancel(&second);
        environment.cancel(&first);
        environment.run_event_loop();
        environment.end();
    });
}

/// The call may not have got far enough to notice.
fn call_is_cancelled_early() {
    Model::serial(|model| {
        let environment = model.environment();
        let call = environment.submit(Listens);
        environment.cancel(&call);
        environment.run_event_loop();
        environment.end();
    });
}

fn two_environments() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        let thread = start("environment", move || {
            let call = other.submit(Returns);
            other.cancel(&call);
            other.run_event_loop();
            other.end();
        });
        one.submit(Returns);
        one.run_event_loop();
        one.end();
        thread.join().unwrap();
    });
}

fn synchronous_beside_asynchronous() {
    Model::serial(|model| {
        let environment = model.environment();
        environment.submit(Returns);
        environment.exchange();
        environment.run_event_loop();
        environment.exchange_until_made();
        environment.end();
    });
}

fn two_synchronous_beside_asynchronous() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        let thread = start("environment", move || {
            other.exchange();
            other.end();
        });
        one.submit(Returns);
        one.exchange();
        one.run_event_loop();
        one.end();
        thread.join().unwrap();
    });
}

fn synchronous_beside_cancelled() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        let thread = start("environment", move || {
            other.exchange();
            other.end();
        });
        let call = one.submit(Returns);
        one.cancel(&call);
        one.run_event_loop();
        one.end();
        thread.join().unwrap();
    });
}

fn close_in_flight() {
    Model::serial(|model| {
        let environment = model.environment();
        environment.submit(Returns);
        environment.close(None);
        environment.submit(Returns);
        environment.close(None);
        environment.run_event_loop();
        environment.end();
    });
}

fn close_while_another_environment_calls() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        other.exchange_until_made();
        one.submit(Returns);
        other.end();
        one.run_event_loop();
        one.end();
    });
}

/// A close that was requested while a call ran has been made when the call has ended.
fn close_of_a_call_that_runs() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        other.exchange_until_made();
        let call = one.submit(Listens);
        let runs = model.record.is_inside(call.id);
        one.close(None);
        other.close(None);
        one.cancel(&call);
        assert!(call.wait(None));
        assert!(!runs || model.record.is_closed(), "not closed when the call has ended");
        one.run_event_loop();
        one.end();
        other.end();
    });
}

/// A close holds for calls that were submitted before it: the library is closed after them.
fn close_before_a_call_begins() {
    Model::serial(|model| {
        let environment = model.environment();
        let call = environment.submit(Returns);
        environment.close(None);
        assert!(call.wait(None));
        while !model.record.is_closed() {
            yield_now();
        }
        environment.run_event_loop();
        environment.end();
    });
}

fn close_with_a_deadline() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        other.exchange_until_made();
        let thread = start("environment", move || {
            other.close(Some(after_turns(1)));
            other.end();
        });
        one.submit(Returns);
        one.run_event_loop();
        one.close(Some(after_turns(1)));
        one.end();
        thread.join().unwrap();
    });
}

fn close_that_is_waited_for() {
    Model::serial(|model| {
        let (one, other) = (model.environment(), model.environment());
        one.submit(Returns);
        one.run_event_loop();
        let thread = start("environment", move || {
            other.exchange();
            other.end();
        });
        one.close(Some(never()));
        one.end();
        thread.join().unwrap();
    });
}

fn concurrent_calls_are_cancelled() {
    Model::concurrent(|model| {
        let environment = model.environment();
        let first = environment.submit(Listens);
        let second = environment.submit(Listens);
        environment.cancel(&first);
        environment.cancel(&second);
        environment.run_event_loop();
        environment.end();
    });
}

fn one_of_two_concurrent_calls_is_cancelled() {
    Model::concurrent(|model| {
        let environment = model.environment();
        let first = environment.submit(Listens);
        environment.submit(Returns);
        environment.cancel(&first);
        environment.run_event_loop();
        environment.end();
    });
}

fn concurrent_calls_do_not_wait_for_each_other() {
    Model::concurrent(|model| {
        let environment = model.environment();
        environment.submit(Returns);
        environment.run_event_loop();
        let endless = environment.submit(Listens);
        let other = environment.submit(Returns);
        assert!(other.wait(None));
        environment.cancel(&endless);
        environment.run_event_loop();
        environment.end();
    });
}

fn concurrent_close_in_flight() {
    Model::concurrent(|model| {
        let environment = model.environment();
        environment.submit(Returns);
        environment.close(None);
        environment.run_event_loop();
        environment.end();
    });
}

fn environment_ends_while_a_call_runs() {
    Model::serial(|model| {
        let environment = model.environment();
        environment.submit(Listens);
        environment.submit(Returns);
        environment.end();
    });
}

fn library_opens_slowly() {
    Model::serial(|model| {
        let environment = model.environment();
        let call = environment.submit(Returns);
        environment.cancel(&call);
        environment.close(Some(after_turns(1)));
        environment.run_event_loop();
        environment.end();
    });
}

fn memory_of_a_call_that_has_ended() {
    Model::serial(|model| {
        let environment = model.environment();
        let call = environment.submit(Returns);
        while !call.has_ended() {
            yield_now();
        }
        model.record.reuse_memory(call.id);
        environment.run_event_loop();
        environment.end();
    });
}

fn waiter_on_another_thread() {
    Model::serial(|model| {
        let environment = model.environment();
        let call = environment.submit(Returns);
        let waiter = {
            let call = Arc::clone(&call);
            start("waiter", move || assert!(call.wait(None)))
        };
        environment.cancel(&call);
        waiter.join().unwrap();
        environment.run_event_loop();
        environment.end();
    });
}

fn no_thread() {
    Model::serial(|model| {
        let environment = model.environment();
        refuse_threads(true);
        assert!(environment.try_submit(Returns).is_err());
        environment.exchange_until_made();
        environment.close(None);
        refuse_threads(false);
        environment.submit(Returns);
        environment.run_event_loop();
        environment.end();
    });
}
