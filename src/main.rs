//! Reads the command line, runs one command, returns its exit code.

use std::process::ExitCode;

/// Tensor-sized allocations are returned to the system by the default allocator and fetched again
/// at every operation; mimalloc keeps them (measured in docs/adr/0002-crates-and-build-cost.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    prodrome::cli::run()
}
