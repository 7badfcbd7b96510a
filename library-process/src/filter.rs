//! The filter of a confined process's system calls, as the kernel takes it: a program that returns what becomes of a call.
//!
//! It lists what is refused rather than what is allowed: a library may be anything, such as a driver, and what it needs
//! beyond files, connections and processes is not known here.

use std::process;

use libc::{c_int, c_long};
use seccompiler::sock_filter;

use crate::refused::{LAST, calls};

#[cfg(target_arch = "x86_64")]
const ABI: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ABI: u32 = 0xC000_00B7;

// As in linux/filter.h: a word of the call becomes the accumulator.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;

// As in struct seccomp_data. Of an argument, the lower half counts.
const NUMBER_AT: u32 = 0;
const ABI_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
const UNKNOWN: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();

/// For this process, whose number it has.
pub(crate) fn filter() -> Vec<sock_filter> {
    // Calls of another ABI, later ones than are known here, and clone3, whose flags are in memory that a filter cannot
    // read, do not exist. So glibc takes an older call; for clone3 it is clone, which is looked at.
    let mut steps = vec![
        step(LOAD, ABI_AT),
        jump(JUMP_IF_EQUAL, ABI, 0, 3),
        step(LOAD, NUMBER_AT),
        jump(JUMP_IF_GREATER, LAST, 1, 0),
        jump(JUMP_IF_EQUAL, word(libc::SYS_clone3), 0, 1),
        step(RETURN, UNKNOWN),
    ];
    for call in calls() {
        steps.extend([jump(JUMP_IF_EQUAL, word(call), 0, 1), step(RETURN, REFUSE)]);
    }
    for rule in rules() {
        rule.append_to(&mut steps);
    }
    steps.push(step(RETURN, ALLOW));
    steps
}

/// A call that is refused for some values of an argument.
struct Rule {
    call: c_long,
    argument: u32,
    /// The bits of it that count.
    mask: c_int,
    values: Vec<c_int>,
    /// What becomes of a call with one of these values, and of any other.
    outcomes: [u32; 2],
}

/// What is done to a process is allowed to this one alone. A terminal or a descriptor is another way to do it.
fn rules() -> Vec<Rule> {
    const IOCTLS: [c_int; 4] = [
        0x5412, // TIOCSTI: types into the terminal
        0x541C, // TIOCLINUX: pastes into it
        0x8901, // FIOSETOWN: has signals sent
        0x8902, // SIOCSPGRP: as above
    ];
    const F_SETOWN_EX: c_int = 15;
    const NAMESPACES: c_int = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    let own = process::id().cast_signed();
    let rule = |call, argument, values: &[c_int], outcomes| Rule {
        call,
        argument,
        mask: !0,
        values: values.to_vec(),
        outcomes,
    };
    let only = |call, values: &[c_int]| rule(call, 0, values, [ALLOW, REFUSE]);
    let not = |call, values: &[c_int]| rule(call, 1, values, [REFUSE, ALLOW]);
    vec![
        Rule {
            mask: libc::CLONE_THREAD | NAMESPACES,
            ..only(libc::SYS_clone, &[libc::CLONE_THREAD])
        },
        only(libc::SYS_kill, &[own]),
        only(libc::SYS_tgkill, &[own]),
        only(libc::SYS_rt_sigqueueinfo, &[own]),
        only(libc::SYS_rt_tgsigqueueinfo, &[own]),
        only(libc::SYS_prlimit64, &[own, 0]),
        only(libc::SYS_move_pages, &[own, 0]),
        only(libc::SYS_migrate_pages, &[own, 0]),
        not(libc::SYS_ioctl, &IOCTLS),
        not(libc::SYS_fcntl, &[libc::F_SETOWN, F_SETOWN_EX]),
    ]
}

impl Rule {
    fn append_to(self, steps: &mut Vec<sock_filter>) {
        let [listed, other] = self.outcomes;
        let mut body = vec![
            step(LOAD, ARGUMENTS_AT + 8 * self.argument),
            step(AND, self.mask.cast_unsigned()),
        ];
        for value in self.values {
            body.extend([jump(JUMP_IF_EQUAL, value.cast_unsigned(), 0, 1), step(RETURN, listed)]);
        }
        body.push(step(RETURN, other));
        let len = u8::try_from(body.len()).unwrap_or(u8::MAX); // a dozen
        steps.push(jump(JUMP_IF_EQUAL, word(self.call), 0, len));
        steps.append(&mut body);
    }
}

fn step(code: u16, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

/// `jt` and `jf` are how many steps are left out if it holds, and if not.
fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// A call's number, as the filter sees it.
#[expect(clippy::cast_possible_truncation, reason = "some hundreds at most")]
fn word(call: c_long) -> u32 {
    (call as i32).cast_unsigned()
}
