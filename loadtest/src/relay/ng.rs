//! The ng protocol: a cookie and a bencoded dictionary in a datagram, and the same back.

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// A relay's ear for commands.
#[derive(Debug)]
pub struct Ng {
    socket: UdpSocket,
    cookie: Cell<u32>,
}

/// A value of a command; keys and texts are the protocol's.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    Text(&'a str),
    List(&'a [&'a str]),
}

impl Ng {
    pub fn new(relay: SocketAddr) -> Result<Self> {
        let any = match relay {
            SocketAddr::V4(_) => "127.0.0.1:0",
            SocketAddr::V6(_) => "[::1]:0",
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(relay)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            cookie: Cell::new(0),
        })
    }

    /// Asks, and returns the SDP of the answer, if it has one.
    ///
    /// # Errors
    ///
    /// When no answer comes, or it isn't `ok`.
    pub fn ask(&self, command: &[(&str, Value<'_>)]) -> Result<Option<String>> {
        let cookie = self.cookie.get() + 1;
        self.cookie.set(cookie);
        let mut datagram = format!("{cookie} d").into_bytes();
        let mut sorted = command.to_vec();
        sorted.sort_by_key(|(key, _)| *key);
        for (key, value) in &sorted {
            write_text(&mut datagram, key);
            value.write(&mut datagram);
        }
        datagram.push(b'e');
        self.socket.send(&datagram)?;
        let mut answer = vec![0; 1 << 16];
        let length = self
            .socket
            .recv(&mut answer)
            .context("the relay doesn't answer")?;
        let answer = &answer[..length];
        let own = format!("{cookie} d");
        let body = answer
            .strip_prefix(own.as_bytes())
            .context("an answer to something else")?;
        let entries = entries(body)?;
        let of = |wanted: &str| {
            let entry = entries.iter().find(|(key, _)| key == wanted);
            entry.map(|(_, value)| value.clone())
        };
        ensure!(
            of("result").as_deref() == Some("ok"),
            "the relay refuses: {}",
            of("error-reason").unwrap_or_default()
        );
        Ok(of("sdp"))
    }
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write_text(out, text),
            Self::List(texts) => {
                out.push(b'l');
                for text in *texts {
                    write_text(out, text);
                }
                out.push(b'e');
            }
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend(format!("{}:{text}", text.len()).bytes());
}

/// The texts of a dictionary; what else it holds (rtpengine adds counters) is passed over.
fn entries(mut body: &[u8]) -> Result<Vec<(String, String)>> {
    let mut entries = Vec::new();
    while !body.starts_with(b"e") {
        let key = read_text(&mut body)?;
        if body.first().is_some_and(u8::is_ascii_digit) {
            entries.push((key, read_text(&mut body)?));
        } else {
            skip(&mut body)?;
        }
    }
    Ok(entries)
}

/// Passes over a value of any kind.
fn skip(body: &mut &[u8]) -> Result<()> {
    let (kind, rest) = body.split_first().context("a value is missing")?;
    match kind {
        b'i' => {
            let end = rest.iter().position(|&octet| octet == b'e');
            *body = &rest[end.context("a number without its end")? + 1..];
        }
        b'l' | b'd' => {
            *body = rest;
            while !body.starts_with(b"e") {
                skip(body)?;
            }
            *body = &body[1..];
        }
        _ => drop(read_text(body)?),
    }
    Ok(())
}

fn read_text(body: &mut &[u8]) -> Result<String> {
    let colon = body.iter().position(|&octet| octet == b':');
    let colon = colon.context("a text without its length")?;
    let length: usize = std::str::from_utf8(&body[..colon])?.parse()?;
    let text = body.get(colon + 1..colon + 1 + length);
    let text = text.context("a text that is cut off")?;
    *body = &body[colon + 1 + length..];
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// A relay of a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_answered_with_its_sdp() {
        let relay = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ng = Ng::new(relay.local_addr().unwrap()).unwrap();
        let answering = std::thread::spawn(move || {
            let mut command = [0; 200];
            let (length, from) = relay.recv_from(&mut command).unwrap();
            relay.send_to(b"1 d6:result2:ok3:sdp3:v=0e", from).unwrap();
            String::from_utf8_lossy(&command[..length]).into_owned()
        });
        let asked = [
            ("command", Value::Text("offer")),
            ("ICE", Value::Text("remove")),
            ("replace", Value::List(&["origin"])),
        ];
        assert_eq!(ng.ask(&asked).unwrap().as_deref(), Some("v=0"));
        assert_eq!(
            answering.join().unwrap(),
            "1 d3:ICE6:remove7:command5:offer7:replacel6:originee"
        );
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        assert!(entries(b"3:sdp9:v=0").is_err());
        assert!(entries(b"3:sdpi4").is_err());
        assert!(entries(b"3:sdpl").is_err());
        assert_eq!(entries(b"e").unwrap(), []);
    }

    #[test]
    fn what_is_no_text_is_passed_over() {
        let answer = b"7:createdi17e4:tagsd1:ali3ed1:bi-4eeee6:result2:oke";
        assert_eq!(
            entries(answer).unwrap(),
            [("result".to_owned(), "ok".to_owned())]
        );
    }
}
