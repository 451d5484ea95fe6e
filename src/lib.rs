//! mfst
pub mod digest;
pub mod json;
pub mod manifest;
pub mod reference;
pub mod store;
