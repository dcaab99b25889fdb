//! The threads that compute, and how they treat numbers too small to matter.

/// How many threads candle's own pool has, read when it is first used.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Starts the threads that all operations share (0: one per core) and those that candle keeps for itself, each with
/// denormals off, as this one then has. Refuses where threads were started before. To be called before anything else
/// of the process runs at once: it may set an environment variable.
///
/// Candle adds long vectors on a pool of its own, whose threads wait for one another without sleeping. It never has more
/// threads than asked for here, so that a run with one thread is one thread.
pub fn start_threads(threads: usize) -> Result<(), rayon::ThreadPoolBuildError> {
    if threads > 0 && std::env::var_os(CANDLE_THREADS).is_none() {
        // Safety: nothing else runs yet that could read the environment.
        unsafe { std::env::set_var(CANDLE_THREADS, threads.to_string()) };
    }
    flush_denormals();
    rayon::ThreadPoolBuilder::new().num_threads(threads).start_handler(|_| flush_denormals()).build_global()?;
    candle_core::utils::barrier_pool().execute(|_| flush_denormals());
    Ok(())
}

/// Makes numbers too small to matter zero on this thread. A gradient full of denormals runs three times
/// slower; nothing else changes. No effect on other processors than x86-64 and aarch64.
pub fn flush_denormals() {
    #[cfg(target_arch = "x86_64")]
    {
        const FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO: u32 = 0x8040;
        let mut control: u32 = 0;
        // Safety: reads and writes this thread's SSE control register only.
        unsafe {
            std::arch::asm!("stmxcsr [{0}]", in(reg) &mut control);
            control |= FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO;
            std::arch::asm!("ldmxcsr [{0}]", in(reg) &control);
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        const FLUSH_TO_ZERO: u64 = 1 << 24;
        let mut control: u64;
        // Safety: reads and writes this thread's floating-point control register only.
        unsafe {
            std::arch::asm!("mrs {0}, fpcr", out(reg) control);
            control |= FLUSH_TO_ZERO;
            std::arch::asm!("msr fpcr, {0}", in(reg) control);
        }
    }
}
