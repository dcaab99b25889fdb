//! Plain SVG shapes, and the colours of everyone who is judged.

use std::fmt::Write;

pub const MODEL: &str = "#1f5fa8";
pub const AGE_SEX: &str = "#9a9a9a";
pub const REGRESSION: &str = "#c9812b";
pub const INK: &str = "#222";
pub const GRID: &str = "#e3e3e3";

/// A picture being drawn.
pub struct Picture {
    body: String,
    width: f64,
    pub height: f64,
}

impl Picture {
    pub fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height }
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, thick: f64) {
        let _ = writeln!(
            self.body,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}" stroke-width="{thick}"/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    pub fn dot(&mut self, at: (f64, f64), radius: f64, colour: &str) {
        let _ = writeln!(self.body, r#"<circle cx="{:.1}" cy="{:.1}" r="{radius}" fill="{colour}"/>"#, at.0, at.1);
    }

    pub fn diamond(&mut self, at: (f64, f64), colour: &str) {
        let (x, y, r) = (at.0, at.1, 4.5);
        let _ = writeln!(
            self.body,
            r#"<path d="M{:.1} {:.1} L{:.1} {:.1} L{:.1} {:.1} L{:.1} {:.1} Z" fill="none" stroke="{colour}" stroke-width="1.6"/>"#,
            x - r,
            y,
            x,
            y - r,
            x + r,
            y,
            x,
            y + r
        );
    }

    pub fn bar(&mut self, at: (f64, f64), size: (f64, f64), colour: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{colour}"/>"#,
            at.0, at.1, size.0, size.1
        );
    }

    /// `anchor`: `start`, `middle` or `end`.
    pub fn text(&mut self, at: (f64, f64), size: f64, anchor: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            self.body,
            r#"<text x="{:.1}" y="{:.1}" font-size="{size}" text-anchor="{anchor}">{words}</text>"#,
            at.0, at.1
        );
    }

    pub fn finish(self) -> String {
        let Self { body, width, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" fill=\"{INK}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n"
        )
    }
}
