//! Turns manifests and drafts into text.

pub mod docker;
