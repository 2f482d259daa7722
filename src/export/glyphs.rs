//! Text as coverage of pixels: outlines of the bundled font, or of a font of the system for scripts it lacks.
//!
//! plotters draws text only with C libraries for fonts, which a static binary cannot have.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use skrifa::instance::{Location, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use unicode_width::UnicodeWidthChar;

/// DejaVu Sans, cut to Latin, Greek, Cyrillic and mathematical signs; see `assets/FONT-LICENSE.txt`.
static BUNDLED: &[u8] = include_bytes!("../../assets/font.ttf");
/// Names of files that hold Hangul, kana and Han, best first; compared in small letters without dashes.
const WANTED: [&str; 12] = [
    "notosanscjk",
    "notosanskr",
    "nanumgothic",
    "nanumbarungothic",
    "applesdgothicneo",
    "sourcehansans",
    "undotum",
    "baekmuk",
    "wqyzenhei",
    "wqymicrohei",
    "droidsansfallback",
    "unifont",
];
/// Fonts of the system that are read at most; one is up to 30 MB.
const FONTS: usize = 3;
/// Larger files are no font that we look for.
const LARGEST: u64 = 64 << 20;
/// Entries of font folders that are looked at.
const ENTRIES: usize = 20_000;

/// A font and its regular weight.
struct Face {
    font: FontRef<'static>,
    /// Variable fonts start at their thinnest weight unless told otherwise.
    regular: Location,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Option<Self> {
        let font = FontRef::from_index(bytes, 0).ok()?;
        let regular = font.axes().location([("wght", 400.0)]);
        Some(Self { font, regular })
    }

    fn glyph(&self, c: char) -> Option<GlyphId> {
        self.font.charmap().map(c).filter(|glyph| glyph.to_u32() != 0)
    }

    fn advance(&self, glyph: GlyphId, size: f32) -> f32 {
        let metrics = self.font.glyph_metrics(Size::new(size), &self.regular);
        metrics.advance_width(glyph).filter(|width| width.is_finite()).unwrap_or(size / 2.0)
    }
}

fn bundled() -> Option<&'static Face> {
    static FACE: OnceLock<Option<Face>> = OnceLock::new();
    FACE.get_or_init(|| Face::new(BUNDLED)).as_ref()
}

/// Fonts of this computer, read when the first label needs one and kept: exports come in series.
fn system() -> &'static [Face] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    static FACES: OnceLock<Vec<Face>> = OnceLock::new();
    FACES.get_or_init(|| {
        let files =
            FILES.get_or_init(|| paths().iter().filter_map(|path| std::fs::read(path).ok()).collect());
        files.iter().filter_map(|bytes| Face::new(bytes)).collect()
    })
}

/// The best font files of this computer.
fn paths() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        ["/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts"]
            .map(PathBuf::from)
            .to_vec();
    if let Some(home) = std::env::home_dir() {
        folders.extend([".local/share/fonts", ".fonts", "Library/Fonts"].map(|folder| home.join(folder)));
    }
    let mut found: Vec<(usize, PathBuf)> = folders
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(folder).max_depth(6))
        .take(ENTRIES)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file() && entry.metadata().is_ok_and(|m| m.len() <= LARGEST))
        .filter_map(|entry| Some((rank(entry.path())?, entry.into_path())))
        .collect();
    found.sort();
    found.into_iter().take(FONTS).map(|(_, path)| path).collect()
}

/// How good a font file is by its name, 0 the best; `None` when it is not one that we look for.
fn rank(path: &Path) -> Option<usize> {
    let name = path.file_name()?.to_str()?.to_lowercase().replace(['-', '_', ' '], "");
    if ![".ttf", ".otf", ".ttc"].iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    let place = WANTED.iter().position(|wanted| name.starts_with(wanted))?;
    let heavy = ["bold", "black", "light", "thin", "medium", "mono"].iter().any(|word| name.contains(word));
    Some(place + if heavy { WANTED.len() } else { 0 })
}

/// What stands for a character.
enum Sign {
    Glyph(&'static Face, GlyphId),
    /// No font has it.
    Box,
    /// Joiners and marks that no font has: a box for them would be wrong in every way.
    Nothing,
}

fn sign(c: char) -> Sign {
    if let Some((face, glyph)) = bundled().and_then(|face| Some((face, face.glyph(c)?))) {
        return Sign::Glyph(face, glyph);
    }
    if c.width().unwrap_or(0) == 0 {
        return Sign::Nothing;
    }
    let found = system().iter().find_map(|face| Some((face, face.glyph(c)?)));
    found.map_or(Sign::Box, |(face, glyph)| Sign::Glyph(face, glyph))
}

impl Sign {
    /// How far the next character stands, in the unit of `size`.
    fn advance(&self, size: f32) -> f32 {
        match self {
            Self::Glyph(face, glyph) => face.advance(*glyph, size),
            Self::Box => size * 0.8,
            Self::Nothing => 0.0,
        }
    }
}

/// How wide a text is, in the unit of `size`, the height of a line of letters.
pub(super) fn width(text: &str, size: f32) -> f32 {
    text.chars().map(|c| sign(c).advance(size)).sum()
}

/// How much of each pixel a text covers.
pub(super) struct Coverage {
    /// Pixels of a row.
    pub width: usize,
    /// 0 to 1 for each pixel, row after row.
    pub pixels: Vec<f32>,
}

/// Draws a text of `size` pixels into an area that fits; its middle is that of capital letters.
pub(super) fn rasterise(text: &str, size: f32) -> Coverage {
    let height = (size * 1.4).ceil();
    let mut pen = Pen::new((width(text, size).ceil() + 2.0) as usize, height as usize);
    // Capitals of the bundled font are 0.73 high.
    pen.base = height / 2.0 + size * 0.365;
    pen.left = 1.0;
    for c in text.chars() {
        let sign = sign(c);
        match &sign {
            Sign::Glyph(face, glyph) => {
                let settings = DrawSettings::unhinted(Size::new(size), &face.regular);
                if let Some(outline) = face.font.outline_glyphs().get(*glyph) {
                    // A damaged glyph of a system font leaves what has been drawn so far.
                    let _ = outline.draw(settings, &mut pen);
                }
            }
            Sign::Box => pen.missing(size),
            Sign::Nothing => {}
        }
        pen.left += sign.advance(size);
    }
    pen.finish()
}

/// Follows outlines and keeps, for every pixel, by how much the covered area changes from the pixel to its left.
struct Pen {
    width: usize,
    height: usize,
    /// `width + 1` to a row: what leaves the last pixel goes nowhere.
    changes: Vec<f32>,
    /// Where the character stands: its left and the line it stands on.
    left: f32,
    base: f32,
    at: (f32, f32),
    start: (f32, f32),
}

impl Pen {
    fn new(width: usize, height: usize) -> Self {
        let changes = vec![0.0; (width + 1) * height];
        Self { width, height, changes, left: 0.0, base: 0.0, at: (0.0, 0.0), start: (0.0, 0.0) }
    }

    /// From the font's axes, where y grows upwards, to pixels; clamped, so that no loop over pixels is long.
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let inside = |v: f32, most: usize| if v.is_finite() { v.clamp(0.0, most as f32) } else { 0.0 };
        (inside(self.left + x, self.width), inside(self.base - y, self.height))
    }

    fn to(&mut self, end: (f32, f32)) {
        let from = std::mem::replace(&mut self.at, end);
        // Cut at the borders of rows, then of columns, so that each piece lies in one pixel.
        for (a, b) in pieces(from, end, |p| p.1) {
            for (a, b) in pieces(a, b, |p| p.0) {
                self.add(a, b);
            }
        }
    }

    fn add(&mut self, a: (f32, f32), b: (f32, f32)) {
        let (x, y) = (f32::midpoint(a.0, b.0), f32::midpoint(a.1, b.1));
        let (column, row) = ((x as usize).min(self.width.saturating_sub(1)), y as usize);
        let place = row * (self.width + 1) + column;
        let right = (b.1 - a.1) * (x - column as f32);
        if let Some([this, next]) = self.changes.get_mut(place..place + 2) {
            *this += (b.1 - a.1) - right;
            *next += right;
        }
    }

    /// The frame that stands for a character without a glyph.
    fn missing(&mut self, size: f32) {
        let line = size * 0.06;
        let (left, right, top) = (size * 0.12, size * 0.68, size * 0.73);
        let outer = [(left, 0.0), (right, 0.0), (right, top), (left, top)];
        // Runs the other way round, and so is a hole.
        let inner = [(left, 0.0), (left, top), (right, top), (right, 0.0)]
            .map(|(x, y): (f32, f32)| (x.clamp(left + line, right - line), y.clamp(line, top - line)));
        for corners in [outer, inner] {
            let [(x, y), rest @ ..] = corners;
            self.move_to(x, y);
            rest.iter().for_each(|(x, y)| self.line_to(*x, *y));
            self.close();
        }
    }

    fn finish(self) -> Coverage {
        let rows = self.changes.chunks(self.width + 1);
        let pixels = rows.flat_map(|row| {
            let covered = row.iter().scan(0.0f32, |sum, change| {
                *sum += change;
                Some(sum.abs().min(1.0))
            });
            covered.take(self.width)
        });
        Coverage { width: self.width, pixels: pixels.collect() }
    }
}

/// A line cut where a coordinate passes a whole number.
fn pieces(
    a: (f32, f32),
    b: (f32, f32),
    coordinate: fn((f32, f32)) -> f32,
) -> impl Iterator<Item = ((f32, f32), (f32, f32))> {
    let (from, to) = (coordinate(a), coordinate(b));
    let (low, high) = (from.min(to), from.max(to));
    let inner = (high.ceil() - low.floor() - 1.0).max(0.0) as usize;
    let at = move |number: usize| {
        let border = if from <= to { low.floor() + number as f32 } else { high.ceil() - number as f32 };
        match number {
            0 => a,
            n if n > inner => b,
            _ => {
                let part = ((border - from) / (to - from)).clamp(0.0, 1.0);
                (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part)
            }
        }
    };
    (0..=inner).map(move |number| (at(number), at(number + 1)))
}

/// Straight pieces of a curve; letters are small.
const CURVE: u8 = 8;

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.at = self.place(x, y);
        self.start = self.at;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let end = self.place(x, y);
        self.to(end);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let (a, c, b) = (self.at, self.place(cx, cy), self.place(x, y));
        for i in 1..=CURVE {
            let t = f32::from(i) / f32::from(CURVE);
            let u = 1.0 - t;
            let mix = |a: f32, c: f32, b: f32| u * u * a + 2.0 * u * t * c + t * t * b;
            self.to((mix(a.0, c.0, b.0), mix(a.1, c.1, b.1)));
        }
    }

    fn curve_to(&mut self, cx: f32, cy: f32, dx: f32, dy: f32, x: f32, y: f32) {
        let (a, c, d, b) = (self.at, self.place(cx, cy), self.place(dx, dy), self.place(x, y));
        for i in 1..=CURVE {
            let t = f32::from(i) / f32::from(CURVE);
            let u = 1.0 - t;
            let mix = |a: f32, c: f32, d: f32, b: f32| {
                u * u * u * a + 3.0 * u * u * t * c + 3.0 * u * t * t * d + t * t * t * b
            };
            self.to((mix(a.0, c.0, d.0, b.0), mix(a.1, c.1, d.1, b.1)));
        }
    }

    fn close(&mut self) {
        self.to(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_filled_square_covers_what_it_should() {
        let mut pen = Pen::new(4, 4);
        pen.base = 4.0;
        pen.move_to(0.5, 1.0);
        pen.line_to(2.5, 1.0);
        pen.line_to(2.5, 3.0);
        pen.line_to(0.5, 3.0);
        pen.close();
        let drawn = pen.finish();
        assert_eq!(drawn.pixels[4..8], [0.5, 1.0, 0.5, 0.0]);
        assert!((drawn.pixels.iter().sum::<f32>() - 4.0).abs() < 1e-5);
    }

    #[test]
    fn letters_leave_ink_and_blanks_none() {
        let ink = |text| rasterise(text, 30.0).pixels.iter().sum::<f32>();
        assert!(ink("H") > 50.0);
        assert!(ink(" ") < 0.01);
        assert!(ink("lll") > 2.9 * ink("l"));
    }

    #[test]
    fn a_character_without_a_glyph_is_a_frame() {
        // A private character: no font has it.
        let drawn = rasterise("\u{f8123}", 40.0);
        let ink: f32 = drawn.pixels.iter().sum();
        assert!((150.0..400.0).contains(&ink), "{ink}");
        assert_eq!(width("\u{200d}", 40.0), 0.0);
    }

    #[test]
    fn system_fonts_are_ranked() {
        let rank = |name| rank(Path::new(name));
        assert!(rank("/f/NotoSansCJK-Regular.ttc") < rank("/f/NanumGothic.ttf"));
        assert!(rank("/f/NanumGothic.ttf") < rank("/f/NotoSansCJK-Bold.ttc"));
        assert_eq!(rank("/f/DejaVuSans.ttf"), None);
        assert_eq!(rank("/f/NanumGothic.pfb"), None);
    }

    proptest! {
        #[test]
        fn any_text_can_be_drawn(text in any::<String>(), size in 0.0f32..80.0) {
            let drawn = rasterise(&text, size);
            prop_assert!(drawn.pixels.iter().all(|c| (0.0..=1.0).contains(c)));
        }
    }
}
