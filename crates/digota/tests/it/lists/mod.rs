//! Lists: their order, their pages, their filters, their totals.

mod cursors;
mod filters;
mod noun;
mod pages;
mod sorts;
