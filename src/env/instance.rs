//! What one environment holds, from its start to its end.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::env::binding::Libraries;
use crate::env::own_loop::OwnLoop;
use crate::env::pending::PendingCalls;
use crate::js::abort_listener::AbortListeners;
use crate::js::ended_flag::EndedFlag;
use crate::js::intrinsics::Intrinsics;
use crate::js::scope::Scope;

/// The data of an environment. It is dropped when the environment has ended.
pub(crate) struct Environment {
    pub(crate) libraries: Libraries,
    pub(crate) intrinsics: Rc<Intrinsics>,
    pub(crate) ended: EndedFlag,
    pub(crate) own_loop: OwnLoop,
    pub(crate) abort_listeners: Rc<AbortListeners>,
    /// Whether it is of a page or a worker of Electron's.
    pub(crate) in_renderer: bool,
    /// Whether the memory of its buffers can be mapped, once that was tried.
    pub(crate) can_map: OnceCell<bool>,
    /// `None` where nothing could come back from another thread.
    pub(crate) pending: Option<PendingCalls>,
}

/// The environment of a scope. `None` once it has been dropped.
pub(crate) fn current(scope: Scope<'_>) -> Option<Rc<Environment>> {
    let data = scope.env().get_instance_data::<Rc<Environment>>();
    data.ok().flatten().map(|environment| Rc::clone(environment))
}

/// As [`current`], for a function that throws if there is none.
pub(crate) fn of(scope: Scope<'_>) -> napi::Result<Rc<Environment>> {
    current(scope).ok_or_else(ended)
}

pub(crate) fn ended() -> napi::Error {
    napi::Error::from_reason("this environment has ended")
}
