//! What must be true of the shop, judged from four records that do not know of each other.
//!
//! - [`evidence`]: what the clients asked for and were told, what the gateway did by its own record, what the store holds, and
//!   what a follower of the events saw.
//! - [`rules`]: the rules, each with an id and a name. Those of the store alone are [`digota_verify::rule`]'s.
//! - [`judge`]: which rules the evidence breaks.
//! - [`memory`]: evidence from the fakes of `digota_core::testing`.
//!
//! An outcome is judged as Jepsen does: what a client was told is done must be in effect, what it was told is refused must not
//! be, and where it was told nothing either all of it is or none.

pub mod evidence;
mod judge;
pub mod memory;
pub mod rules;

pub use digota_verify::{Books, Known, Rule, Violation, When, rule};
pub use evidence::{Evidence, books, history, journal};
pub use judge::judge;
