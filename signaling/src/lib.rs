//! SIP without sockets: bytes, instants and randomness in; bytes, events and a deadline out.
