//! Turns manifests and drafts into text.

pub mod diff;
pub mod docker;
pub mod entries;
pub mod lists;
pub mod show;
mod table;
pub mod template;
mod units;
