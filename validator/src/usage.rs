//! What the process uses of the system, by which growth is noticed.

use std::fs;

/// What is used now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Memory, in KiB: that of this process alone, and its part of what it shares.
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let count = |folder| fs::read_dir(folder).map_or(0, Iterator::count);
        Self {
            memory: field("/proc/self/smaps_rollup", "Pss:")
                .or_else(|| field("/proc/self/status", "VmRSS:"))
                .unwrap_or(0),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What has grown from the first to the second, and again to the third: what grows once is filled, not leaked.
pub(crate) fn growth([first, second, third]: [Usage; 3], calls: u32) -> Vec<(&'static str, String)> {
    /// KiB by which the memory of an allocator varies.
    const NOISE: u64 = 192;
    let mut found = Vec::new();
    let [one, two] = [
        second.memory.saturating_sub(first.memory),
        third.memory.saturating_sub(second.memory),
    ];
    if one > NOISE && two > NOISE {
        found.push((
            "memory-grows",
            format!("{one} KiB, then {two} KiB in {calls} calls each"),
        ));
    }
    let counts = [
        (
            "descriptors-grow",
            [first, second, third].map(|usage| usage.descriptors),
        ),
        ("threads-grow", [first, second, third].map(|usage| usage.threads)),
    ];
    for (id, [one, two, three]) in counts {
        if one < two && two < three {
            found.push((id, format!("{one}, {two}, {three}, with {calls} calls in between")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Usage, growth};

    fn ids(memory: [u64; 3], descriptors: [usize; 3]) -> Vec<&'static str> {
        let usage = |index: usize| Usage {
            memory: memory[index],
            descriptors: descriptors[index],
            threads: 3,
        };
        let found = growth([0, 1, 2].map(usage), 100);
        found.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn growth_goes_on_and_what_is_filled_once_does_not() {
        assert_eq!(ids([1000, 1100, 1250], [6, 6, 6]), Vec::<&str>::new());
        assert_eq!(ids([1000, 9000, 9000], [6, 8, 8]), Vec::<&str>::new());
        assert_eq!(ids([1000, 1000, 9000], [6, 6, 7]), Vec::<&str>::new());
        assert_eq!(ids([1000, 1300, 1600], [6, 6, 6]), ["memory-grows"]);
        assert_eq!(ids([1000, 1000, 1000], [6, 7, 8]), ["descriptors-grow"]);
    }

    #[test]
    fn what_is_used_now_is_read() {
        let before = Usage::now();
        let kept = (std::fs::File::open("/dev/null"), vec![1_u8; 8 << 20]);
        let after = Usage::now();
        assert!(kept.0.is_ok());
        assert!(after.memory >= before.memory + 8000, "{before:?} {after:?}");
        assert!(after.descriptors > before.descriptors, "{before:?} {after:?}");
    }
}
