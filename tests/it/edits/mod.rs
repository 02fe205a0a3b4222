//! Edits at two emulated sources through one graph, with processes that crash between their writes.

mod crash;
mod fan_out;
mod rejections;
mod world;
