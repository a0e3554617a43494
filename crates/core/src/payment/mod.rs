//! Charges, their refunds, and the attempts to make them.

pub mod attempt;
pub mod card;
pub mod charge;
pub mod decline;

pub use attempt::Attempt;
pub use charge::{Charge, ChargeStatus, NextAction, Provider, Refund, RefundReason, RefundStatus};
