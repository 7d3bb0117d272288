#![no_main]

#[path = "../bodies/ingress.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::tasks(data));
