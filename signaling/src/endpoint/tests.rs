//! Endpoints in virtual time: against each other over a bad link, and against messages written by hand.

mod calling;
mod calls;
mod connections;
mod failover;
mod lines;
mod offers;
mod pair;
mod reconnects;
mod reliable;
mod requests;
mod script;
mod timers;
mod trunks;
