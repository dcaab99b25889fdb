//! What the program tells the person at its terminal: results on standard output, warnings and progress on standard
//! error. Owns that a terminal which went away (a closed pipe, as after `| head`) never stops a server or a training:
//! the standard library's own macros panic there. What another program reads from a command goes through a checked
//! writer instead, never through here.

use std::fmt::Arguments;
use std::io::Write;

/// Says lines on standard output.
macro_rules! say {
    ($($text:tt)+) => { $crate::platform::terminal::lines(std::io::stdout(), format_args!($($text)+)) };
}

/// Says lines on standard error: a warning, how far long work is, why a command failed.
macro_rules! remark {
    ($($text:tt)+) => { $crate::platform::terminal::lines(std::io::stderr(), format_args!($($text)+)) };
}

pub(crate) use {remark, say};

/// Writes the text and ends it with one line break, whether or not it has one. That nobody reads it is no error.
pub fn lines(mut to: impl Write, text: Arguments) {
    let text = text.to_string();
    let _nobody_reads = writeln!(to, "{}", text.strip_suffix('\n').unwrap_or(&text)).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_one_line_break_and_a_reader_that_went_away_is_no_error() {
        let mut written = Vec::new();
        lines(&mut written, format_args!("one"));
        lines(&mut written, format_args!("two\nthree\n"));
        assert_eq!(String::from_utf8_lossy(&written), "one\ntwo\nthree\n");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        lines(writer, format_args!("nobody reads this"));
    }
}
