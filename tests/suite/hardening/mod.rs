//! Nothing is lost and no secret leaks, whatever happens: kills at any system call, failing system calls, failing
//! requests.
//!
//! The default run takes samples; `MFST_EVERY=1` tries everything.

mod crash;
mod disks;
mod generations;
mod links;
mod obstacles;
mod operations;
mod requests;
mod result_files;
mod special_files;
