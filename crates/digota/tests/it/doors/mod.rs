//! Who may enter, and what they may do.

mod ca;
mod certificates;
mod changes;
mod insecure;
mod made_elsewhere;
mod rotation;
mod scopes;
mod versions;
