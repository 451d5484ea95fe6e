//! OCI layouts in tar files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, digest};
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::{Scene, amd64, arm64, digests};
use serde_json::json;

use crate::cli::copy::{has_build, scene};
use crate::cli::process::spawn;

const BLOCK: usize = 512;

/// One member of a tar file: name, type, stated size and content.
fn member(name: &str, kind: u8, size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, &char::from(kind).to_string());
    put(257, "ustar\x0000");
    if kind == b'2' || kind == b'1' {
        put(157, "/etc/passwd");
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let padding = content.len().next_multiple_of(BLOCK) - content.len();
    [header, content.to_vec(), vec![0; padding]].concat()
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    member(name, b'0', content.len() as u64, content)
}

fn blob(content: &[u8]) -> Vec<u8> {
    file(&blob_name(content), content)
}

fn blob_name(content: &[u8]) -> String {
    format!("blobs/{}", digest(content).replacen(':', "/", 1))
}

/// The index of an archive with the image `amd64`.
fn index() -> Vec<u8> {
    let manifests = [amd64().index_entry()];
    file(
        "index.json",
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).to_string().as_bytes(),
    )
}

/// All blobs of the image, its manifest included.
fn blobs() -> Vec<u8> {
    let all = amd64().blobs().iter().map(|content| blob(content)).collect::<Vec<_>>().concat();
    [all, blob(amd64().manifest())].concat()
}

/// Puts an archive of these members into the home.
fn write(scene: &Scene, members: &[Vec<u8>]) -> PathBuf {
    let path = scene.home.home().join("app.tar");
    fs::write(&path, [members.concat(), vec![0; 2 * BLOCK]].concat()).expect("a file");
    path
}

#[test]
fn an_archive_made_by_other_means_is_read() {
    let scene = Scene::new();
    for members in [
        vec![index(), blobs()],
        vec![member("blobs/", b'5', 0, b""), blobs(), index()],
        vec![
            file("./unrelated", b"x"),
            blobs(),
            member("PaxHeaders/x", b'x', 19, b"19 path=index.json\n"),
            file("renamed", index()[BLOCK..].split(|byte| *byte == 0).next().expect("JSON")),
        ],
    ] {
        write(&scene, &members);
        scene.run_ok("copy oci-archive:app.tar @dst/app:v1");
        assert_eq!(scene.registry.manifest("dst/app", "v1").expect("the image").1, amd64().manifest());
        scene.registry.remove_manifest("dst/app", "v1");
    }
}

#[test]
fn hostile_archives_are_refused_and_do_nothing_outside() {
    let image = amd64();
    let layer = &image.blobs()[1];
    let name = blob_name(layer);
    let without_layer = [blob(&amd64().blobs()[0]), blob(amd64().manifest())].concat();
    let hostile: [(&str, Vec<Vec<u8>>); 11] = [
        ("no blob", vec![index(), without_layer.clone(), file("../../outside", b"x"), file("/tmp/outside", b"x")]),
        ("not a regular file", vec![index(), without_layer.clone(), member(&name, b'2', 0, b"")]),
        ("not a regular file", vec![index(), without_layer.clone(), member(&name, b'1', 0, b"")]),
        ("not a regular file", vec![index(), without_layer.clone(), member(&name, b'S', 4, layer)]),
        ("twice", vec![index(), blobs(), blob(layer)]),
        ("twice", vec![index(), index(), blobs()]),
        ("longer than the file", vec![index(), without_layer.clone(), member(&name, b'0', 1 << 30, layer)]),
        ("longer than the file", vec![member("PaxHeaders/x", b'x', 1 << 32, b""), index()]),
        ("does not have this digest", vec![index(), without_layer, file(&name, &vec![b'x'; layer.len()])]),
        ("no index.json", vec![blobs()]),
        ("tar header", vec![index(), blobs(), vec![b'x'; BLOCK]]),
    ];
    for (reason, members) in hostile {
        let scene = Scene::new();
        write(&scene, &members);
        let before = tree(scene.home.home());
        let said = scene.run_err_unchanged("copy oci-archive:app.tar @dst/app:v1");
        assert!(said.contains(reason), "{reason}: {said}");
        assert_eq!(tree(scene.home.home()), before, "{reason}");
        assert_eq!(scene.registry.manifest("dst/app", "v1"), None, "{reason}");
        assert!(!Path::new("/tmp/outside").exists());
    }
}

fn tree(home: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(home).expect("the home").flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[test]
fn what_is_no_archive_says_so() {
    let scene = Scene::new();
    let path = scene.home.home().join("app.tar");
    fs::write(&path, [0x1f, 0x8b, 8, 0].repeat(BLOCK)).expect("a file");
    assert!(scene.run_err_unchanged("copy oci-archive:app.tar @dst/app:v1").contains("compressed"));
    fs::write(&path, b"not a tar file".repeat(BLOCK)).expect("a file");
    assert!(scene.run_err_unchanged("copy oci-archive:app.tar @dst/app:v1").contains("tar header"));
    fs::write(&path, &index()[..700]).expect("a file");
    assert!(scene.run_err_unchanged("copy oci-archive:app.tar @dst/app:v1").contains("truncated"));
    fs::write(&path, [index(), vec![0; 100]].concat()).expect("a file");
    assert!(scene.run_err_unchanged("copy oci-archive:app.tar @dst/app:v1").contains("truncated"));
    fs::remove_file(&path).expect("a file to remove");
    symlink("/dev/zero", &path).expect("a link");
    assert!(scene.run_err_unchanged("copy oci-archive:app.tar @dst/app:v1").contains("a device, not a regular file"));
}

/// A sparse file is as large as it says and costs its maker nothing.
#[test]
fn an_archive_of_a_terabyte_is_read_in_no_time() {
    let scene = Scene::new();
    let path = write(&scene, &[index(), blobs(), member("huge", b'0', (1 << 33) - 1, b"")]);
    let archive = fs::OpenOptions::new().write(true).open(&path).expect("the archive");
    archive.set_len(1 << 40).expect("a sparse file");
    scene.run_ok("copy oci-archive:app.tar @dst/app:v1");
}

#[test]
fn an_archive_is_there_whole_or_not_at_all() {
    let (scene, build) = scene();
    let path = scene.home.home().join("app.tar");
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:1");
    let old = fs::read(&path).expect("the old one");
    let last = build.images()[1].blob_digests()[1].clone();
    scene.other().fault(Fault::on("GET", &last).times(1).answer(403, ""));
    scene.run("copy --retries 0 %src/app:1 oci-archive:app.tar").failure(1);
    assert_eq!(fs::read(&path).expect("the old one"), old);
    assert_eq!(tree(scene.home.home()).len(), 2, "{:?}", tree(scene.home.home()));
    scene.run_ok("copy %src/app:1 oci-archive:app.tar");
    scene.run_ok("copy oci-archive:app.tar @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
}

#[test]
fn writers_of_one_archive_leave_one_of_theirs() {
    let scene = Scene::new();
    let mut children: Vec<_> = (0..4)
        .map(|n| spawn(&scene, &format!("copy @t/app:{} oci-archive:app.tar:v1", ["amd64", "arm64"][n % 2])))
        .collect();
    for child in &mut children {
        assert!(child.wait().expect("an end").success());
    }
    scene.run_ok("copy oci-archive:app.tar @dst/app:v1");
    let found = scene.registry.manifest("dst/app", "v1").expect("one of them").1;
    assert!(found == amd64().manifest() || found == arm64().manifest());
}

#[test]
fn blobs_with_longer_digests_have_their_place() {
    const SHA512_OF_ABC: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    let scene = Scene::new();
    let layout = scene.home.home().join("layout");
    fs::create_dir_all(layout.join("blobs/sha256")).expect("a directory");
    fs::create_dir_all(layout.join("blobs/sha512")).expect("a directory");
    let place = |digest: &str| layout.join("blobs").join(digest.replacen(':', "/", 1));
    let config = b"{}";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": mfst_testkit::sample::OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(config), "size": 2},
        "layers": [{"mediaType": "application/x", "digest": SHA512_OF_ABC, "size": 3}],
    });
    let manifest = manifest.to_string().into_bytes();
    fs::write(place(SHA512_OF_ABC), "abc").expect("a blob");
    fs::write(place(&digest(config)), config).expect("a blob");
    fs::write(place(&digest(&manifest)), &manifest).expect("a blob");
    let entry =
        json!({"mediaType": mfst_testkit::sample::OCI_MANIFEST, "digest": digest(&manifest), "size": manifest.len()});
    let index = json!({"schemaVersion": 2, "manifests": [entry]});
    fs::write(layout.join("index.json"), index.to_string()).expect("an index");
    scene.run_ok("copy oci:layout oci-archive:app.tar");
    scene.run_ok("copy oci-archive:app.tar oci:back");
    let back = scene.home.home().join("back/blobs").join(SHA512_OF_ABC.replacen(':', "/", 1));
    assert_eq!(fs::read(back).expect("the blob"), b"abc");
}

#[test]
fn commands_that_read_registries_read_archives() {
    let (scene, build) = scene();
    scene.run_ok("copy %src/app:1 oci-archive:app.tar:v1");
    let digest = build.digest();
    assert_eq!(scene.run_ok("tags oci-archive:app.tar"), "v1\n");
    assert_eq!(scene.run_ok("digest oci-archive:app.tar"), format!("{digest}\n"));
    let shown = scene.run_ok("show oci-archive:app.tar:v1");
    assert!(shown.contains(&digest) && shown.contains("linux/arm64"), "{shown}");
    scene.run_ok("exists oci-archive:app.tar:v1");
    scene.run("exists oci-archive:app.tar:v2").failure(1);
    scene.run("exists oci-archive:none.tar").failure(1);
    scene.run_ok("verify --require-platform linux/amd64,linux/arm64 --exact oci-archive:app.tar");
    scene.run_ok("diff %src/app:1 oci-archive:app.tar");
    scene.run_ok("create --push @made/app:v1 oci-archive:app.tar:v1");
    has_build(&scene, "made/app", "v1", &build);
}

#[test]
fn a_draft_with_images_of_an_archive_can_be_looked_at_and_pushed() {
    let (scene, _) = scene();
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:v1");
    scene.run_ok("create @dst/app:v1 oci-archive:app.tar:v1 @t/app:arm64");
    let entries = scene.run_ok("ls --check @dst/app:v1");
    assert!(entries.contains("oci-archive:") && entries.contains("linux/amd64"), "{entries}");
    assert!(scene.run_ok("inspect @dst/app:v1").contains(&amd64().digest()));
    scene.run_ok("push --verify @dst/app:v1");
    let list = scene.pushed("dst/app", "v1");
    assert!([amd64(), arm64()].iter().all(|image| digests(&list).contains(&image.digest().as_str())), "{list}");
}

#[test]
fn files_that_killed_copies_left_behind_are_removed_later() {
    let (scene, _) = scene();
    let home = scene.home.home();
    fs::create_dir(home.join("layout")).expect("a directory");
    let left_behind = |name: &str| fs::File::create(home.join(name)).expect("a file");
    let _unlocked = [left_behind(".mfst-oci-dead"), left_behind("layout/.mfst-oci-dead")];
    let locked = left_behind(".mfst-oci-busy");
    locked.lock().expect("a lock");
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:v1 oci:layout:v1");
    let exists = |name: &str| home.join(name).exists();
    assert!(!exists(".mfst-oci-dead") && !exists("layout/.mfst-oci-dead"));
    assert!(exists(".mfst-oci-busy"));
}

#[test]
fn what_a_killed_copy_left_behind_is_removed_by_the_next_one() {
    let (scene, build) = scene();
    let home = scene.home.home();
    let unfinished = || tree(home).iter().filter(|path| path.to_string_lossy().contains(".mfst-oci-")).count();
    let last = build.images()[1].blob_digests()[1].clone();
    scene.other().fault(Fault::on("GET", &last).hang());
    let mut copy = spawn(&scene, "copy %src/app:1 oci-archive:app.tar");
    scene.other().script().wait_until_hit();
    scene.run_ok("copy @t/app:amd64 oci-archive:other.tar");
    assert_eq!(unfinished(), 1, "the copy is still running");
    copy.kill().expect("a process to kill");
    copy.wait().expect("an end");
    scene.run_ok("copy @t/app:amd64 oci-archive:other.tar");
    assert_eq!(unfinished(), 0);
}

#[test]
fn a_layout_that_create_takes_for_an_image_gets_a_hint() {
    let scene = Scene::new();
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:v1");
    // No name is looked up outside: there is no proxy at this address.
    let mut create = scene.home.command(&["create", &scene.name("dst/app:v1"), "oci-archive:app.tar"]);
    let created = CommandOutput::of(create.env("HTTPS_PROXY", "http://127.0.0.1:1").args(["--retries", "0"]));
    assert!(created.failure(1).contains("the layout is oci-archive:./app.tar"));
    scene.run_ok("create @dst/app:v1 oci-archive:./app.tar");
}
