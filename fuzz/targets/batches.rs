#![no_main]

#[path = "../bodies/executor.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::batches(data));
