#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ec2_control_api_fuzz::schedule(data));
