//! Where the one plugin of a component sits between two calls.
//!
//! Comes in: the plugin, at `init`. Goes out: a loan of it, for the length of a call. Deliberately
//! absent: locks; a component has one thread, and the host never calls into it while it is in a
//! call.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::thread::LocalKey;

/// A place for one value. Never dropped, so that a thread-local of it needs no registration and an
/// access is a plain load.
#[doc(hidden)]
pub struct Seat<T>(RefCell<Option<ManuallyDrop<T>>>);

impl<T> Seat<T> {
    /// An empty place.
    #[allow(clippy::new_without_default, reason = "a default cannot be const")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }
}

/// A plugin whose component has a seat; implemented by the export macros.
#[doc(hidden)]
pub trait Seated: Sized + 'static {
    /// What sits there: the plugin with its calls.
    type Session: 'static;

    /// The place.
    fn seat() -> &'static LocalKey<Seat<Self::Session>>;

    /// Seats a session in place of an earlier one.
    fn sit(session: Self::Session) {
        Self::seat().with(|seat| *seat.0.borrow_mut() = Some(ManuallyDrop::new(session)));
    }

    /// Lends the session; `None` where nobody sits.
    fn lend<R>(call: impl FnOnce(&mut Self::Session) -> R) -> Option<R> {
        Self::seat().with(|seat| seat.0.borrow_mut().as_deref_mut().map(call))
    }
}
