//! How a request body is packed (RFC 9110, "Content-Encoding"), and unpacking it within a limit.
//!
//! The framework's own decoders write out all that one piece of a body holds before any limit is asked about, and
//! 64 KiB of zstd can hold two gigabytes. Here never more than one byte above the limit is written out. Refuses
//! encodings on top of each other.

use super::problem::Problem;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use actix_web::web::Bytes;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// What a 415 names in `Accept-Encoding`.
pub const READ_HERE: &str = "gzip, zstd, deflate, identity";
/// The largest zstd window, as a power of two: 8 MiB, what the encoding permits (RFC 9659).
const LARGEST_WINDOW: u32 = 23;

/// An encoding that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
    /// zlib, as HTTP calls it.
    Deflate,
}

impl Encoding {
    /// What the headers say.
    ///
    /// # Errors
    /// [`Problem::ContentEncoding`] for any other, and for several.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(CONTENT_ENCODING);
        match (values.next(), values.next()) {
            (None, _) => Ok(Self::Identity),
            (Some(value), None) => match value.to_str().unwrap_or_default().to_ascii_lowercase().trim() {
                "identity" => Ok(Self::Identity),
                "gzip" | "x-gzip" => Ok(Self::Gzip),
                "zstd" => Ok(Self::Zstd),
                "deflate" => Ok(Self::Deflate),
                _ => Err(Problem::ContentEncoding),
            },
            _ => Err(Problem::ContentEncoding),
        }
    }

    /// Unpacks a body on a thread that may block.
    ///
    /// # Errors
    /// [`Problem::TooLarge`] where it holds more than `most` bytes, [`Problem::BrokenBody`] where it is cut or wrong.
    pub async fn unpack(self, packed: Bytes, most: usize) -> Result<Bytes, Problem> {
        if self == Self::Identity {
            return Ok(packed);
        }
        let unpacked = tokio::task::spawn_blocking(move || self.unpack_now(&packed, most)).await;
        unpacked.map_err(|_| Problem::BrokenBody)?
    }

    fn unpack_now(self, packed: &[u8], most: usize) -> Result<Bytes, Problem> {
        match self {
            Self::Identity => Ok(Bytes::copy_from_slice(packed)),
            Self::Gzip => read_at_most(MultiGzDecoder::new(packed), most),
            Self::Deflate => read_at_most(ZlibDecoder::new(packed), most),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(|_| Problem::BrokenBody)?;
                decoder.window_log_max(LARGEST_WINDOW).map_err(|_| Problem::BrokenBody)?;
                read_at_most(decoder, most)
            }
        }
    }
}

fn read_at_most(unpacking: impl Read, most: usize) -> Result<Bytes, Problem> {
    let mut plain = Vec::new();
    let read = unpacking.take(most as u64 + 1).read_to_end(&mut plain);
    if plain.len() > most {
        return Err(Problem::TooLarge);
    }
    read.map(|_| plain.into()).map_err(|_| Problem::BrokenBody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn of(values: &[&'static str]) -> Option<Encoding> {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| headers.append(CONTENT_ENCODING, HeaderValue::from_static(value)));
        Encoding::of(&headers).ok()
    }

    /// The same bytes in every encoding.
    fn packed(plain: &[u8]) -> [(Encoding, Vec<u8>); 3] {
        let (mut gzip, mut zlib) =
            (GzEncoder::new(vec![], Compression::fast()), ZlibEncoder::new(vec![], Compression::fast()));
        gzip.write_all(plain).and_then(|()| zlib.write_all(plain)).unwrap();
        let zstd = zstd::encode_all(plain, 3).unwrap();
        [(Encoding::Gzip, gzip.finish().unwrap()), (Encoding::Deflate, zlib.finish().unwrap()), (Encoding::Zstd, zstd)]
    }

    #[test]
    fn encodings_that_cannot_be_undone_are_refused() {
        assert_eq!(of(&[]), Some(Encoding::Identity));
        for (name, encoding) in [
            ("GZIP", Encoding::Gzip),
            ("zstd", Encoding::Zstd),
            ("deflate", Encoding::Deflate),
            ("identity", Encoding::Identity),
        ] {
            assert_eq!(of(&[name]), Some(encoding));
        }
        for bad in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["rot13"], &["zstd;q=1"], &[""]] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_body_of_the_limit_is_unpacked_and_one_byte_more_is_not() {
        for (encoding, body) in packed(&[b' '; 1_000]) {
            assert_eq!(encoding.unpack_now(&body, 1_000).ok().map(|plain| plain.len()), Some(1_000), "{encoding:?}");
            assert!(matches!(encoding.unpack_now(&body, 999), Err(Problem::TooLarge)), "{encoding:?}");
        }
    }

    #[test]
    fn a_cut_or_foreign_body_is_broken() {
        for (encoding, body) in packed(b"{\"hook\": \"patient-view\"}") {
            // zlib may lack its last bytes, a checksum: what is missing of the text is told by its reader.
            let cut = if encoding == Encoding::Deflate { &body[..0] } else { &body[..body.len() - 3] };
            for broken in [cut, b"no such thing", b"{}"].into_iter().filter(|bytes| !bytes.is_empty()) {
                assert!(matches!(encoding.unpack_now(broken, 1_000), Err(Problem::BrokenBody)), "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_zstd_window_beyond_what_http_permits_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(vec![], 3).unwrap();
        encoder.window_log(LARGEST_WINDOW + 2).and_then(|()| encoder.write_all(&[0; 1_000])).unwrap();
        let body = encoder.finish().unwrap();
        assert!(matches!(Encoding::Zstd.unpack_now(&body, 1 << 20), Err(Problem::BrokenBody)));
    }
}
