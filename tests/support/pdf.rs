//! What can be read on the pages that a browser prints: a PDF holds glyphs, and tables that say which letters they are
//! (ISO 32000-1, 9.10.3). Of PDF only what Chromium writes is understood.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use thirtyfour::common::print::PrintParameters;

use super::browser::Browser;

impl Browser {
    /// All that stands on paper if the page is printed now, without blanks: where a line ends is the printer's choice.
    pub async fn printed_text(&self) -> String {
        let pdf = self.session.print_page(PrintParameters::default()).await.unwrap();
        text(&pdf)
    }
}

/// A dictionary as text, and the stream that follows it, unpacked.
struct Object {
    dictionary: String,
    stream: Vec<u8>,
}

/// Glyph to letters.
type Letters = BTreeMap<u32, String>;

fn text(pdf: &[u8]) -> String {
    let objects = objects(pdf);
    let fonts = fonts(&objects);
    assert!(!fonts.is_empty(), "the PDF has fonts whose letters can be told");
    let contents = objects.values().filter(|object| object.stream.windows(3).any(|part| part == b" Tf"));
    contents.map(|object| shown(&String::from_utf8_lossy(&object.stream), &fonts)).collect()
}

fn objects(pdf: &[u8]) -> BTreeMap<u32, Object> {
    let mut objects = BTreeMap::new();
    let mut rest = pdf;
    while let Some(at) = find(rest, b" 0 obj") {
        let digits = rest[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let number = String::from_utf8_lossy(&rest[at - digits..at]).parse().unwrap_or_default();
        let body = &rest[at + 6..];
        let end = find(body, b"endobj").unwrap_or(body.len());
        objects.insert(number, object(&body[..end]));
        rest = &body[end..];
    }
    objects
}

fn object(body: &[u8]) -> Object {
    let Some(at) = find(body, b"stream") else {
        return Object { dictionary: String::from_utf8_lossy(body).into_owned(), stream: Vec::new() };
    };
    let dictionary = String::from_utf8_lossy(&body[..at]).into_owned();
    let packed = body[at + 6..].trim_ascii_start();
    let mut stream = Vec::new();
    if dictionary.contains("/FlateDecode") {
        // What is not a stream of text may be cut off here: its end can look like an object's.
        if ZlibDecoder::new(packed).read_to_end(&mut stream).is_err() {
            stream.clear();
        }
    } else {
        stream.extend_from_slice(packed);
    }
    Object { dictionary, stream }
}

/// The letters of each font, by its name in pages: `F` and the number of its object.
fn fonts(objects: &BTreeMap<u32, Object>) -> BTreeMap<String, (usize, Letters)> {
    let mut fonts = BTreeMap::new();
    for (number, object) in objects {
        let Some((_, table)) = object.dictionary.split_once("/ToUnicode ") else { continue };
        let table = table.split(' ').next().and_then(|number| objects.get(&number.parse().ok()?));
        let width = if object.dictionary.contains("/Type0") { 4 } else { 2 };
        let table = String::from_utf8_lossy(&table.unwrap().stream).into_owned();
        fonts.insert(format!("/F{number}"), (width, letters(&table)));
    }
    fonts
}

fn letters(table: &str) -> Letters {
    let mut letters = Letters::new();
    for (begins, ends) in [("beginbfchar", "endbfchar"), ("beginbfrange", "endbfrange")] {
        for part in table.split(begins).skip(1) {
            for line in part.split(ends).next().unwrap().lines() {
                let numbers: Vec<&str> =
                    line.split(['<', '>', ' ']).filter(|word| !word.is_empty()).collect();
                let hex = |at: usize| u32::from_str_radix(numbers[at], 16).unwrap();
                match numbers.len() {
                    2 => drop(letters.insert(hex(0), utf_16(numbers[1]))),
                    3 => letters.extend((hex(0)..=hex(1)).map(|glyph| {
                        let letter = char::from_u32(hex(2) + glyph - hex(0));
                        (glyph, letter.map(String::from).unwrap_or_default())
                    })),
                    _ => {}
                }
            }
        }
    }
    letters
}

fn utf_16(hex: &str) -> String {
    let units: Vec<u16> =
        (0..hex.len() / 4).map(|at| u16::from_str_radix(&hex[at * 4..at * 4 + 4], 16).unwrap()).collect();
    String::from_utf16_lossy(&units)
}

/// The letters of what is drawn in a stream of a page.
fn shown(content: &str, fonts: &BTreeMap<String, (usize, Letters)>) -> String {
    let mut text = String::new();
    let mut font = None;
    for word in content.split_whitespace() {
        if word.starts_with("/F") {
            font = fonts.get(word);
        }
        let Some((width, letters)) = font else { continue };
        for glyphs in word.split('<').skip(1) {
            let glyphs = glyphs.split('>').next().unwrap();
            for at in (0..glyphs.len()).step_by(*width) {
                let glyph = glyphs.get(at..at + width).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                text.push_str(glyph.and_then(|glyph| letters.get(&glyph)).map_or("", String::as_str));
            }
        }
    }
    text.split_whitespace().collect()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}
