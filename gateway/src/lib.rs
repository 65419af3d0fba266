//! The gateway: sockets, calls, agents, HTTP.
