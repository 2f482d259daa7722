//! Any text on its way to a terminal: no control character, nothing invisible, and the same when it goes through again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mltop::shown::shown;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let once = shown(&text);
    for c in once.as_str().chars() {
        assert!(!c.is_control(), "{c:?}");
        assert!(!matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}'), "{c:?}");
    }
    assert_eq!(shown(once.as_str()).as_str(), once.as_str());
});
