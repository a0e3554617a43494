//! Money: taken, held, given back, refused, and not known yet.

mod challenges;
mod declines;
mod holding;
mod outcomes;
mod refunds;
mod returns;
mod together;
