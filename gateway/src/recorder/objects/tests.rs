use std::time::Duration;

use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::throttle::{ThrottleConfig, ThrottledStore};

use super::*;

const PATH: &str = "date=2026-11-20/c_1/audio.wav";

/// A directory that goes with the test.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        let root = std::env::temp_dir().join(format!("warmline-objects-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(root.join("spool")).expect("a directory");
        Self(root)
    }

    fn file(&self, octets: &[u8]) -> PathBuf {
        let file = self.0.join("spool").join("audio.wav");
        std::fs::write(&file, octets).expect("written");
        file
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn puts_once(objects: Objects) {
    let path = Path::from(PATH);
    assert_eq!(objects.read(&path).await.expect("read"), None);
    let put = |text: &'static str| objects.put(&path, Bytes::from(text));
    assert_eq!(put("one").await.expect("put"), Put::Done);
    assert_eq!(put("one").await.expect("put"), Put::Done);
    assert_eq!(put("two").await.expect("put"), Put::Taken);
    let there = objects.read(&path).await.expect("read");
    assert_eq!(there, Some(Bytes::from_static(b"one")));
    let mut part = objects.stream(&path, 1..3).await.expect("there");
    let piece = part.next().await.expect("a piece").expect("read");
    assert_eq!(piece, "ne");
    objects.delete(&path).await.expect("deleted");
    objects.delete(&path).await.expect("deleted");
    assert_eq!(objects.read(&path).await.expect("read"), None);
}

async fn put_file(objects: &Objects, octets: &[u8], file: &FilePath) -> Put {
    let local = Local {
        file,
        bytes: octets.len() as u64,
        sha256: &hex(&Sha256::digest(octets)),
        id: "r_1",
    };
    let put = objects.put_file(&Path::from(PATH), local).await;
    put.expect("put")
}

/// All that is there, in order.
async fn names(store: &InMemory) -> Vec<String> {
    let listed: Vec<_> = store.list(None).collect().await;
    let name = |object: Result<object_store::ObjectMeta, Error>| {
        object.expect("listed").location.to_string()
    };
    let mut names: Vec<String> = listed.into_iter().map(name).collect();
    names.sort_unstable();
    names
}

/// More than two parts, no octet like its neighbours in the others.
fn large(seed: u8) -> Vec<u8> {
    let octets = 0..2 * bucket::PART + 1_000;
    octets.map(|n| (n % 251) as u8 ^ seed).collect()
}

#[tokio::test]
async fn nothing_is_written_over_in_memory() {
    let memory = Arc::new(InMemory::new());
    puts_once(Objects::of(memory.clone(), memory)).await;
}

#[tokio::test]
async fn nothing_is_written_over_in_a_directory() {
    let root = Root::new();
    puts_once(Objects::directory(&root.0).expect("a directory")).await;
    // Nor does anything stay of what was deleted.
    assert!(!root.0.join("date=2026-11-20").exists());
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts_once_and_over_nothing() {
    let (root, memory) = (Root::new(), Arc::new(InMemory::new()));
    let objects = Objects {
        store: memory.clone(),
        place: Place::Bucket(Bucket::new(memory.clone(), Path::from("a/b"))),
    };
    let octets = large(0);
    let file = root.file(&octets);
    assert_eq!(put_file(&objects, &octets, &file).await, Put::Done);
    assert_eq!(names(&memory).await, [format!("a/b/{PATH}")]);
    let there = objects.read(&Path::from(PATH)).await.expect("read");
    assert!(there.expect("there") == octets);
    assert_eq!(put_file(&objects, &octets, &file).await, Put::Done);
    let other = large(1);
    let file = root.file(&other);
    assert_eq!(put_file(&objects, &other, &file).await, Put::Taken);
    let there = objects.read(&Path::from(PATH)).await.expect("read");
    assert!(there.expect("there") == octets);
    assert_eq!(names(&memory).await, [format!("a/b/{PATH}")]);
}

#[tokio::test]
async fn the_parts_of_a_process_that_died_are_taken_back() {
    let (root, memory) = (Root::new(), Arc::new(InMemory::new()));
    let objects = Objects::of(memory.clone(), memory.clone());
    let (octets, aside) = (large(0), Path::from("uploading/r_1"));
    let file = root.file(&octets);
    let earlier = memory.create_multipart(&aside).await.expect("begun");
    let put = memory.put_part(&aside, &earlier, 0, Bytes::from("part").into());
    put.await.expect("put");
    std::fs::write(file.with_file_name("upload"), &earlier).expect("written");
    assert_eq!(put_file(&objects, &octets, &file).await, Put::Done);
    let gone = memory.abort_multipart(&aside, &earlier).await;
    gone.expect_err("it is gone");
    assert_eq!(names(&memory).await, [PATH]);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_does_not_answer_is_left_after_half_a_minute() {
    let memory = Arc::new(InMemory::new());
    let hour = Duration::from_secs(3_600);
    let silent = ThrottleConfig {
        wait_get_per_call: hour,
        wait_put_per_call: hour,
        wait_delete_per_call: hour,
        ..ThrottleConfig::default()
    };
    let store: Arc<dyn ObjectStore> = memory.clone();
    let objects = Objects::of(Arc::new(ThrottledStore::new(store, silent)), memory);
    let (path, before) = (Path::from(PATH), tokio::time::Instant::now());
    objects.read(&path).await.expect_err("silence");
    let put = objects.put(&path, Bytes::from("one")).await;
    put.expect_err("silence");
    objects.delete(&path).await.expect_err("silence");
    assert!(before.elapsed() < Duration::from_secs(100));
    // Many octets have their time.
    let many = Bytes::from(vec![0; 2 << 20]);
    assert_eq!(objects.put(&path, many).await.expect("put"), Put::Done);
}

#[tokio::test]
async fn an_upload_that_can_not_be_noted_goes_on() {
    let (root, memory) = (Root::new(), Arc::new(InMemory::new()));
    let objects = Objects::of(memory.clone(), memory.clone());
    let octets = large(0);
    let file = root.file(&octets);
    std::fs::create_dir(file.with_file_name("upload")).expect("an obstacle");
    assert_eq!(put_file(&objects, &octets, &file).await, Put::Done);
    assert_eq!(names(&memory).await, [PATH]);
}

#[tokio::test]
async fn what_was_copied_to_its_place_does_not_stay_beside_it() {
    let (root, memory) = (Root::new(), Arc::new(InMemory::new()));
    let objects = Objects::of(memory.clone(), memory.clone());
    let octets = large(0);
    let file = root.file(&octets);
    // As a process leaves them that died between the copy and the deletion.
    for path in [PATH, "uploading/r_1"] {
        let copy = octets.clone().into();
        memory.put(&Path::from(path), copy).await.expect("put");
    }
    assert_eq!(put_file(&objects, &octets, &file).await, Put::Done);
    assert_eq!(names(&memory).await, [PATH]);
    let copy = octets.into();
    let aside = Path::from("uploading/r_1");
    memory.put(&aside, copy).await.expect("put");
    objects.delete_upload("r_1").await.expect("deleted");
    assert_eq!(names(&memory).await, [PATH]);
}

#[tokio::test]
async fn the_parts_of_an_upload_that_fails_are_taken_back() {
    let (root, memory) = (Root::new(), Arc::new(InMemory::new()));
    let objects = Objects::of(memory.clone(), memory.clone());
    let octets = large(0);
    // Shorter than it was said to be.
    let file = root.file(&octets[..octets.len() - 1]);
    let local = Local {
        file: &file,
        bytes: octets.len() as u64,
        sha256: "",
        id: "r_1",
    };
    let put = objects.put_file(&Path::from(PATH), local).await;
    put.expect_err("it has an end");
    assert!(names(&memory).await.is_empty());
    let id = std::fs::read_to_string(file.with_file_name("upload")).expect("noted");
    let aside = Path::from("uploading/r_1");
    let gone = memory.abort_multipart(&aside, &id).await;
    gone.expect_err("it is gone");
}

#[tokio::test]
async fn in_a_directory_a_file_only_gets_its_second_name() {
    use std::os::unix::fs::MetadataExt as _;
    let root = Root::new();
    let objects = Objects::directory(&root.0).expect("a directory");
    let file = root.file(b"audio");
    assert_eq!(put_file(&objects, b"audio", &file).await, Put::Done);
    assert_eq!(put_file(&objects, b"audio", &file).await, Put::Done);
    let inode = |path: &FilePath| std::fs::metadata(path).expect("there").ino();
    assert_eq!(inode(&root.0.join(PATH)), inode(&file));
    let other = file.with_file_name("other.wav");
    std::fs::write(&other, b"Audio").expect("written");
    assert_eq!(put_file(&objects, b"Audio", &other).await, Put::Taken);
    assert_eq!(std::fs::read(root.0.join(PATH)).expect("there"), b"audio");
}
