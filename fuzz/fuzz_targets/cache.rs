#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| explore_fuzz::cache::run(data));
