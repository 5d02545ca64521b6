//! Proposes renames where names do not match.
//!
//! Nothing here decides: a proposal is text in an error, each line with its grounds, and it is
//! printed only if carrying it out does what it says. The grounds, the strongest first:
//!
//! 1. names that differ only in numbers and parts, with the same sizes in the order of the numbers,
//!    and no other such names on either side;
//! 2. the same among several such names, one of which ends as the target does;
//! 3. the same modules in the same order.
//!
//! Names that stay open are listed, not guessed.

mod by_module;
mod by_order;
mod by_pattern;
mod expression;
mod family;
mod pair;
mod proposal;
mod renames;
mod tokens;

pub(super) use proposal::proposal;

#[cfg(test)]
mod tests;
