//! SDP, ICE, DTLS, SRTP and the relay.
