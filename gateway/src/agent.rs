//! An agent: who answers. What the browser sees of it is in [`wire`].

pub mod wire;
