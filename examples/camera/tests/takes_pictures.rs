//! The camera, called as the host calls it. Its tests share the camera: they are one function.
#![allow(clippy::unwrap_used)]

use example_camera::{Exposure, Frame, LIBRARY};
use inplace_exchange_sdk::testing::{Answer, Host, Outcome, Request};
use inplace_exchange_sdk::zerocopy::{FromBytes, IntoBytes};

const FRAME: Request = Request {
    operation: Some("frame"),
    input: Some(0),
    shared: false,
    cancel_after: None,
};

fn frame(host: &Host) -> Box<Frame> {
    let mut memory = vec![7; size_of::<Frame>()];
    assert_eq!(host.perform(&mut memory, FRAME).result, Ok(memory.len()));
    Box::new(Frame::read_from_bytes(&memory).unwrap())
}

fn expose(host: &Host, microseconds: u32) -> Outcome {
    let mut request = Exposure {
        microseconds: microseconds.into(),
    };
    host.perform(
        request.as_mut_bytes(),
        Request {
            operation: Some("expose"),
            ..Request::default()
        },
    )
}

#[test]
fn frames_follow_each_other_until_the_camera_is_closed() {
    let host = Host::of(&LIBRARY);
    let [first, second] = [frame(&host), frame(&host)];
    assert_eq!(first.header.sequence.get(), 0);
    assert_eq!(second.header.sequence.get(), 1);
    assert!(second.header.timestamp.get() >= first.header.timestamp.get());
    assert_eq!((first.header.width.get(), first.header.height.get()), (640, 480));
    assert_eq!(first.pixels[640 * 10 + 3].get(), 3 * 64 + 10 * 32);
    assert_eq!(second.pixels[640 * 10 + 3].get(), 4 * 64 + 10 * 32, "it has moved");

    assert_eq!(expose(&host, 20_000).result, Ok(0));
    let brighter = frame(&host);
    assert_eq!(brighter.header.exposure.get(), 20_000);
    assert_eq!(brighter.pixels[640 * 10 + 3].get(), 2 * (5 * 64 + 10 * 32));
    for frame in [&first, &brighter] {
        let mut counted = [0; 256];
        for pixel in &frame.pixels {
            counted[usize::from(pixel.get() >> 8)] += 1;
        }
        assert_eq!(frame.histogram.map(|bin| bin.get()), counted);
    }
    expose(&host, 1_000_000);
    assert!(
        frame(&host).histogram[255].get() > 640 * 480 * 99 / 100,
        "nearly all is white"
    );

    for wrong in [0, 1_000_001] {
        let outcome = expose(&host, wrong);
        assert_eq!(outcome.result, Err(Answer::Failed(-10)));
        assert_eq!(
            outcome.words,
            Some(format!("{wrong} microseconds; it takes 1 to 1000000"))
        );
    }
    assert_eq!(frame(&host).header.exposure.get(), 1_000_000, "as before");
    let small = host.perform(&mut [0; 32], FRAME);
    assert_eq!(small.result, Err(Answer::TooSmall(size_of::<Frame>())));

    drop(host);
    let reopened = frame(&Host::of(&LIBRARY));
    assert_eq!(
        (reopened.header.sequence.get(), reopened.header.exposure.get()),
        (0, 10_000)
    );
}
