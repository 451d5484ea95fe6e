//! Nothing lost, nothing leaked: commands that are killed or hindered at any
//! call, pushes that fail at any request, and input that means harm.
//!
//! The default run takes samples; `MFST_EVERY=1` takes everything.

mod crash;
mod disks;
mod obstacles;
mod operations;
mod requests;
mod result_files;
