//! Small bodies that unpack to gigabytes, measured on a process of their own.

use crate::database::TestDatabase;
use crate::web::http::exchange;
use crate::web::process::Served;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::time::{Duration, Instant};

/// One frame of 4 GiB in 128 KiB: each block says one byte and how often (RFC 8878, "RLE_Block").
fn zstd_of_four_gigabytes() -> Vec<u8> {
    const BLOCK: u32 = 128 << 10;
    const BLOCKS: u32 = 32 << 10;
    let window_of_one_block = 0b0011_1000;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window_of_one_block];
    for number in 1..=BLOCKS {
        let header = (BLOCK << 3) | (1 << 1) | u32::from(number == BLOCKS);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

/// 4 GiB as four thousand members of 1 MiB.
fn gzip_of_four_gigabytes() -> Vec<u8> {
    let mut member = GzEncoder::new(Vec::new(), Compression::best());
    let member = member.write_all(&vec![b' '; 1 << 20]).and_then(|()| member.finish()).expect("compressed");
    member.repeat(4 << 10)
}

/// The most memory that the process ever had, in MiB.
fn most_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes >> 10)
}

#[test]
fn a_bomb_is_refused_before_it_has_unpacked_more_than_the_limit() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let (served, address) = Served::loading(folder.path(), &database);
    let address = address.parse().expect("an address");
    let before = most_memory(served.id());
    for (encoding, body) in [("zstd", zstd_of_four_gigabytes()), ("gzip", gzip_of_four_gigabytes())] {
        assert!(body.len() < 8 << 20, "{encoding}: {}", body.len());
        let head = format!(
            "POST /cds-services/x/feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let started = Instant::now();
        let answer = exchange(address, [head.as_bytes(), &body].concat());
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too-large"), "{encoding}: {answer}");
        assert!(started.elapsed() < Duration::from_secs(30), "{encoding}: {:?}", started.elapsed());
    }
    if let (Some(before), Some(after)) = (before, most_memory(served.id())) {
        assert!(after - before < 256, "{before} MiB before, {after} MiB after: the limit is 32 MiB");
    }
    let alive = exchange(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec());
    assert!(alive.starts_with("HTTP/1.1 200 "), "{alive}");
}
