//! When a library is closed, beside calls.

use super::*;

#[test]
fn a_call_that_waits_for_a_synchronous_one_can_be_cancelled_and_a_close_is_made_later() {
    let library = library(exports::<6>(true));
    let seen = &SEEN[6];
    let (session, other) = (session_of(library), session_of(library));
    let environment = Arc::new(Environment::default());
    let mut lent = [0; 64];
    session.open().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(exchange_now(&other, &mut [0; 64]).ok(), Some(64)));
        seen.wait_for_calls(1);
        let call = environment.submit(&session, 0, &mut lent);
        assert!(!call.wait(Some(after(SOON))), "it waits");
        assert_eq!(call.cancel(), Cancelled::Dropped);
        let begun = Instant::now();
        session.close(Some(after(SOON)));
        assert!(begun.elapsed() >= SOON && begun.elapsed() < Duration::from_secs(2));
        assert_eq!(seen.closed.load(Ordering::SeqCst), 0, "not while a call is inside");
        seen.release();
    });
    until(|| seen.closed.load(Ordering::SeqCst) == 1);
    other.close(Some(after(LONG)));
    assert_eq!(seen.opened_and_closed(), [2, 2]);
    assert!(environment.completed().is_empty(), "what was dropped is not told");
    library.dispatcher().stop();
}

unsafe extern "C" fn open_slowly<const N: usize>() -> i64 {
    let seen = &SEEN[N];
    seen.inside.fetch_add(1, Ordering::SeqCst);
    until(|| seen.go.load(Ordering::SeqCst));
    seen.inside.fetch_sub(1, Ordering::SeqCst);
    seen.opened.fetch_add(1, Ordering::SeqCst);
    0
}

#[test]
fn a_library_that_is_closed_while_calls_wait_for_it_to_open_is_closed_after_the_last_of_them() {
    for _round in 0..50 {
        let seen = &SEEN[10];
        seen.go.store(false, Ordering::SeqCst);
        let library = library(Exports {
            open: Some(open_slowly::<10>),
            ..exports::<10>(false)
        });
        let session = session_of(library);
        let environment = Arc::new(Environment::default());
        let mut lent = [[0; 64]; 4];
        let calls: Vec<_> = (0..)
            .zip(&mut lent)
            .map(|(id, memory)| environment.submit(&session, id, memory))
            .collect();
        until(|| calls.iter().all(|call| call.is_running()) && seen.inside.load(Ordering::SeqCst) == 1);
        session.close(Some(after(Duration::from_millis(1))));
        seen.release();
        assert!(calls.iter().all(|call| call.wait(None)));
        let [opened, closed] = seen.opened_and_closed();
        assert!(opened > 0 && opened == closed, "opened {opened} times, closed {closed}");
        library.dispatcher().stop();
    }
}

#[test]
fn a_library_that_opens_slowly_holds_up_no_close_and_is_closed_all_the_same() {
    let seen = &SEEN[7];
    let library = library(Exports {
        open: Some(open_slowly::<7>),
        ..exports::<7>(true)
    });
    let session = session_of(library);
    let environment = Arc::new(Environment::default());
    let mut lent = [0; 64];
    let call = environment.submit(&session, 0, &mut lent);
    seen.wait_for_calls(1);
    assert_eq!(call.cancel(), Cancelled::Requested);
    let begun = Instant::now();
    session.close(Some(after(SOON)));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "it does not wait for the library"
    );
    seen.release();
    call.wait(None);
    until(|| environment.completed() == [(0, None)]);
    assert_eq!(lent, [0; 64], "it was cancelled while the library opened");
    assert_eq!(
        seen.opened_and_closed(),
        [1, 1],
        "by the thread on which it opened, before the call had ended"
    );
    library.dispatcher().stop();
}
