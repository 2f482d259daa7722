//! The last step where the locale is not UTF-8: every cell becomes ASCII, since anything else would be garbage.

use ratatui::buffer::Buffer;

/// Signs of the program and what stands for them.
const SIGNS: [(&str, &str); 15] = [
    ("↵", "^"),
    ("␣", "_"),
    ("→", ">"),
    ("←", "<"),
    ("⇧", "^"),
    ("›", ">"),
    ("‹", "<"),
    ("…", "~"),
    ("≠", "!"),
    ("∞", "8"),
    ("×", "x"),
    ("·", "."),
    ("▌", "|"),
    ("é", "e"),
    ("µ", "u"),
];

/// Replaces every cell that is not ASCII; what nothing stands for becomes a question mark.
pub fn only(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if !cell.symbol().is_ascii() {
            let known = SIGNS.iter().find(|(sign, _)| *sign == cell.symbol());
            cell.set_symbol(known.map_or("?", |(_, ascii)| ascii));
        }
    }
}
