//! Who may enter, and what they may do.

mod certificates;
mod insecure;
mod scopes;
