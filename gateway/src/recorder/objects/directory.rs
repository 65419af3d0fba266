//! A directory of recordings: files that are there whole or not at all, and outlive a power cut.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path as FilePath, PathBuf};

use object_store::Error;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::{Local, blocking};

/// Where it is, in full.
#[derive(Debug, Clone)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn open(root: &FilePath) -> io::Result<(Self, LocalFileSystem)> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        // Years of retention leave no empty directories behind.
        Ok((Self(root), store.with_automatic_cleanup(true)))
    }

    /// Puts a file where none is.
    pub(super) async fn put(&self, path: &Path, local: Local<'_>) -> Result<(), Error> {
        let (file, to) = (local.file.to_owned(), self.file(path));
        let part = to.with_file_name(format!(".{}.part", local.id));
        let there = blocking(move || match put(&file, &part, &to) {
            Ok(()) => Ok(false),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(true),
            Err(error) => Err(error),
        });
        match there.await? {
            false => Ok(()),
            true => Err(Error::AlreadyExists {
                path: path.to_string(),
                source: "it is there".into(),
            }),
        }
    }

    /// Through a power cut: the file, and each directory that may be new.
    pub(super) async fn sync(&self, path: &Path) -> Result<(), Error> {
        let (root, file) = (self.0.clone(), self.file(path));
        blocking(move || {
            let mut here = file.as_path();
            loop {
                File::open(here)?.sync_all()?;
                match here.parent() {
                    Some(parent) if here != root => here = parent,
                    Some(_) | None => return Ok(()),
                }
            }
        })
        .await
    }

    fn file(&self, path: &Path) -> PathBuf {
        let mut file = self.0.clone();
        file.extend(path.parts().map(|part| part.as_ref().to_owned()));
        file
    }
}

/// A second name for the same file where that can be, else a copy that gets its name once it is whole.
fn put(file: &FilePath, part: &FilePath, to: &FilePath) -> io::Result<()> {
    let directory = to.parent().unwrap_or(to);
    std::fs::create_dir_all(directory)?;
    // Whoever gave the directory's files to a group of readers finds this one there, too.
    if std::fs::metadata(directory)?.gid() == std::fs::metadata(file)?.gid() {
        match std::fs::hard_link(file, to) {
            // Another disk, or one that has no second names.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
    let copied = copy(file, part).and_then(|()| std::fs::hard_link(part, to));
    // What stays of it is written over by the next attempt.
    let _ = std::fs::remove_file(part);
    copied
}

fn copy(file: &FilePath, to: &FilePath) -> io::Result<()> {
    let mut copied = File::create(to)?;
    io::copy(&mut File::open(file)?, &mut copied)?;
    copied.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_appears_whole_and_over_nothing() {
        let root = std::env::temp_dir().join(format!("warmline-copy-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&root).expect("a directory");
        let [file, part, to] = ["file", ".r_1.part", "to"].map(|name| root.join(name));
        std::fs::write(&file, "one").expect("written");
        // What a process that died in the middle left.
        std::fs::write(&part, "longer than that").expect("written");
        copy(&file, &part).expect("copied");
        assert_eq!(std::fs::read(&part).expect("there"), b"one");
        put(&file, &part, &to).expect("put");
        let taken = put(&part.with_file_name("file"), &part, &to).expect_err("taken");
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&to).expect("there"), b"one");
        std::fs::remove_dir_all(root).expect("it goes");
    }
}
