//! `digota doctor`: each fault is planted alone, has to be named, and is mended by doing literally what is advised.

mod clients;
mod files;
mod skew;
mod stage;
mod surroundings;
mod telling;
