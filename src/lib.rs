//! mfst
