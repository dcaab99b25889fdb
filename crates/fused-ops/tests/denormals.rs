//! Denormals are off in every thread that computes. A process of its own: the shared threads start only once.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use candle_core::utils::barrier_pool;
use std::hint::black_box;
use std::sync::Mutex;

fn product_of_small_numbers() -> f32 {
    black_box(1e-30_f32) * black_box(1e-10_f32)
}

fn sum_with_a_denormal() -> f32 {
    black_box(1e-40_f32) + black_box(1e-40_f32)
}

#[test]
fn a_denormal_is_zero_in_every_thread_once_they_are_started() {
    assert!(product_of_small_numbers() > 0.0, "denormals are on where nothing was started");
    fused_ops::start_threads(3).unwrap();
    assert_eq!((product_of_small_numbers(), sum_with_a_denormal()), (0.0, 0.0));
    let everywhere = rayon::broadcast(|_| (product_of_small_numbers(), sum_with_a_denormal()));
    assert_eq!(everywhere, vec![(0.0, 0.0); 3]);
    let by_candle = Mutex::new(Vec::new());
    barrier_pool().execute(|_| by_candle.lock().unwrap().push((product_of_small_numbers(), sum_with_a_denormal())));
    assert_eq!(by_candle.into_inner().unwrap(), vec![(0.0, 0.0); 3], "candle's own threads, as many as were asked for");
    assert!(fused_ops::start_threads(3).is_err(), "threads start only once");
}
