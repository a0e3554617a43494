//! Every state that an order and its payments can get into, whatever crashes, comes twice or is late.
//!
//! The machine that is explored is not drawn here: it is the shop itself, on a store and a gateway in memory. A state is what a
//! sequence of steps leads to; two sequences that leave the same [`state::Shape`] are one. From every state the shop is asked
//! two things: is everything right now, and does the janitor alone lead from here to rest, with everything right then.
//!
//! - [`step`]: what can happen. [`play`]: makes it happen. [`state`]: what of it matters for what can happen next.
//! - [`machine`]: the exploration. [`tables`]: the moves that were seen, beside the shop's own tables of legal moves.
#![allow(clippy::unwrap_used, reason = "a proof stops where it stands")]

pub mod machine;
pub mod play;
pub mod state;
pub mod step;
pub mod tables;

pub use machine::{Explored, Machine};
pub use play::Sort;
