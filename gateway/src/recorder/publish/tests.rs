use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;

use super::*;
