//! The floor that `callee` is compared with: the same datagrams in and out, but no parser, no transaction, no dialog. It
//! copies the lines that a response must repeat and forgets them.
//!
//! `echo ADDRESS` prints `listening on ADDRESS`.

use std::io;
use std::net::UdpSocket;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:5060".into());
    let socket = UdpSocket::bind(address)?;
    let own = socket.local_addr()?;
    println!("listening on {own}");
    let mut buffer = [0; 65_536];
    let mut answer = Vec::with_capacity(2048);
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let request = &buffer[..length];
        let statuses: &[&str] = match request {
            [b'I', ..] => &["100 Trying", "180 Ringing", "200 OK"],
            [b'B', ..] => &["200 OK"],
            _ => &[],
        };
        for status in statuses {
            write(&mut answer, request, status, own.port());
            let _ = socket.send_to(&answer, peer);
        }
    }
}

fn write(answer: &mut Vec<u8>, request: &[u8], status: &str, port: u16) {
    answer.clear();
    answer.extend_from_slice(format!("SIP/2.0 {status}\r\n").as_bytes());
    for line in request.split_inclusive(|byte| *byte == b'\n') {
        let copied = COPIED.iter().any(|name| line.starts_with(name));
        if copied {
            answer.extend_from_slice(line);
        }
        if line.starts_with(b"To:") && !line.windows(5).any(|text| text == b";tag=") {
            answer.truncate(answer.len() - 2);
            answer.extend_from_slice(b";tag=echo\r\n");
        }
    }
    let body = if request[0] == b'I' && status == "200 OK" {
        SDP
    } else {
        ""
    };
    let rest = format!(
        "Contact: <sip:echo@127.0.0.1:{port}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    answer.extend_from_slice(rest.as_bytes());
}

const COPIED: [&[u8]; 5] = [b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"];
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
