//! parse(write(x)) == x
