//! Any text as a filter: a filter or a mistake whose place lies in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mltop::query::filter;

fuzz_target!(|text: &str| {
    let _ = filter::parse(text);
});
