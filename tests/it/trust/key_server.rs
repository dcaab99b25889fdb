//! [`KeyServer`]: a place on loopback that publishes a key set, well or badly, and counts who asks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How it answers.
#[derive(Clone)]
pub enum Publishes {
    Document(String),
    /// Never finishes its body.
    Slowly,
    RedirectTo(String),
    /// A body of this many bytes.
    Huge(usize),
    /// No HTTP at all.
    Noise,
}

pub struct KeyServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    publishes: Arc<Mutex<Publishes>>,
    over: Arc<AtomicBool>,
}

impl KeyServer {
    pub fn start(publishes: Publishes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
            publishes: Arc::new(Mutex::new(publishes)),
            over: Arc::default(),
        };
        let (asked, publishes, over) = (server.asked.clone(), server.publishes.clone(), server.over.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                asked.fetch_add(1, Ordering::SeqCst);
                let publishes = publishes.lock().expect("no panic").clone();
                let over = over.clone();
                // The other side may hang up at any time.
                std::thread::spawn(move || drop(answer(socket, publishes, &over)));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn publish(&self, publishes: Publishes) {
        *self.publishes.lock().expect("no panic") = publishes;
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

fn answer(mut socket: TcpStream, publishes: Publishes, over: &AtomicBool) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte)? > 0 {
        head.push(byte[0]);
    }
    // A form that is not read to its end would take the answer with it when the socket closes.
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    socket.read_exact(&mut vec![0; length.unwrap_or(0)])?;
    let start = |length: usize| format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    match publishes {
        Publishes::Document(text) => socket.write_all(format!("{}{text}", start(text.len())).as_bytes()),
        Publishes::RedirectTo(url) => {
            let head =
                format!("HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {url}\r\n\r\n");
            socket.write_all(head.as_bytes())
        }
        Publishes::Noise => socket.write_all(b"\x00\x01\x02 what? \r\n\r\n"),
        Publishes::Huge(length) => {
            // Without a length, which HTTP/1.0 allows, so that only the reader's limit ends it.
            socket.write_all(b"HTTP/1.0 200 OK\r\n\r\n{\"keys\": [")?;
            (0..length / 1024).try_for_each(|_| socket.write_all(&[b' '; 1024]))?;
            socket.write_all(b"]}")
        }
        Publishes::Slowly => {
            socket.write_all(start(1000).as_bytes())?;
            while !over.load(Ordering::SeqCst) {
                socket.write_all(b" ")?;
                std::thread::sleep(Duration::from_millis(200));
            }
            Ok(())
        }
    }
}
