//! Readings of a tensor: its role, known or concluded.

use crate::model::role::Role;

/// A role, and the ground that it was concluded from where it is not known.
pub(super) type Reading = (Role, Option<&'static str>);

/// A role that the name or the shapes around leave no doubt about.
pub(super) const fn known(role: Role) -> Reading {
    (role, None)
}
