//! Named pipes, sockets, devices and endless files in the store: none is read, each is named, and `rm` removes the list.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, digests};

type Maker = fn(&Path);

const MAKERS: [(&str, Maker); 4] = [
    ("it is a named pipe", |path| {
        assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    }),
    // The path of a socket must be short, so it is bound through a link.
    ("it is a socket", |path| {
        let link = tempfile::tempdir().expect("a directory");
        symlink(path.parent().expect("a parent"), link.path().join("d")).expect("a link");
        let short = link.path().join("d").join(path.file_name().expect("a name"));
        drop(UnixListener::bind(short).expect("a socket"));
    }),
    ("it is larger than", |path| File::create(path).expect("a file").set_len(1 << 40).expect("a sparse file")),
    ("it is a device", |path| symlink("/dev/zero", path).expect("a link")),
];

fn replace(path: &Path, make: Maker) {
    fs::remove_file(path).expect("a file");
    make(path);
}

#[test]
fn an_entry_that_is_no_regular_file_is_named() {
    for (reason, make) in MAKERS {
        let scene = Scene::with_list();
        let path = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
        replace(&path, make);
        let expected = format!("read {}: {reason}", path.display());
        for line in [
            "push @t/app:v1",
            "create --amend @t/app:v1 @t/app:arm64",
            "create --amend @t/app:v1 @t/app:amd64 @t/app:arm64",
            "annotate --os linux @t/app:v1 @t/app:amd64",
            "inspect @t/app:v1 @t/app:amd64",
            "remove @t/app:v1 linux/arm64",
        ] {
            let stderr = scene.run(line).failure(1);
            assert!(stderr.starts_with(&expected), "{line}: {stderr}");
        }
        // docker asks the registry.
        let stderr = scene.run("inspect @t/app:v1").failure(1);
        assert!(stderr.starts_with("no such manifest: ") && stderr.contains(&expected), "{stderr}");
        let ran = scene.run("ls");
        assert!(ran.stderr.contains(&expected), "{ran:?}");
        assert!(ran.success().contains("broken"));
        // The other entry is as good as ever, and the list can be removed.
        scene.run_ok("annotate --os linux @t/app:v1 @t/app:arm64");
        scene.run_ok("rm @t/app:v1");
        assert!(!path.parent().expect("a list").exists());
    }
}

#[test]
fn a_list_with_an_entry_that_is_no_regular_file_is_not_replaced() {
    let scene = Scene::with_list();
    let path = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    replace(&path, MAKERS[0].1);
    for images in ["@t/app:amd64", "@t/app:arm64", "@t/app:amd64 @t/app:arm64"] {
        let stderr = scene.run(&format!("create --replace @t/app:v1 {images}")).failure(1);
        assert!(stderr.starts_with(&format!("{} is a named pipe", path.display())), "{stderr}");
    }
}

#[test]
fn a_lock_that_is_no_regular_file_is_named() {
    for (reason, make) in &MAKERS[..2] {
        let scene = Scene::with_list();
        let path = scene.home.store().join(".mfst/lock");
        replace(&path, *make);
        for line in
            ["create @t/app:v2 @t/app:amd64", "push @t/app:v1", "rm @t/app:v1", "inspect @t/app:v1 @t/app:amd64"]
        {
            let stderr = scene.run(line).failure(1);
            assert!(stderr.contains(&format!("lock {}: {reason}", path.display())), "{line}: {stderr}");
        }
    }
}

#[test]
fn metadata_that_is_no_regular_file_is_named() {
    for (reason, make) in &MAKERS[..3] {
        let scene = Scene::with_list();
        let list = scene.home.list(&scene.name("t/app:v1"));
        let path = scene.home.store().join(".mfst/lists").join(list.file_name().expect("a name"));
        replace(&path, *make);
        let expected = format!("read {}: {reason}", path.display());
        for line in ["push @t/app:v1", "create --amend @t/app:v1 @t/app:arm64", "inspect @t/app:v1 @t/app:amd64"] {
            let stderr = scene.run(line).failure(1);
            assert!(stderr.starts_with(&expected), "{line}: {stderr}");
        }
        assert!(scene.run("ls").stderr.contains(&expected));
        scene.run_ok("rm @t/app:v1");
        assert!(!list.exists() && fs::symlink_metadata(path).is_err());
    }
}

#[test]
fn an_entry_may_be_a_link_to_a_regular_file() {
    let scene = Scene::with_list();
    let path = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    let elsewhere = scene.home.home().join("entry");
    fs::rename(&path, &elsewhere).expect("a file");
    symlink(&elsewhere, &path).expect("a link");
    scene.run_ok("push @t/app:v1");
    scene.run_ok("rm @t/app:v1");
    assert!(elsewhere.is_file());
}

#[test]
fn an_entry_whose_file_name_is_no_utf8_is_an_entry() {
    let scene = Scene::with_list();
    scene.registry.put_image("t/app", "arm", &Sample::oci("linux/arm/v7"));
    let path = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    fs::rename(&path, path.with_file_name(OsStr::from_bytes(b"\xff\xfe"))).expect("a file");
    scene.run_ok("create --amend @t/app:v1 @t/app:arm64 @t/app:arm");
    assert_eq!(digests(&scene.inspect("@t/app:v1")).len(), 3);
    scene.run_ok("push @t/app:v1");
    // The entry is found by what is in it.
    scene.run_ok("remove @t/app:v1 linux/amd64 linux/arm64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")).len(), 1);
    scene.run_ok("create --replace @t/app:v1 @t/app:amd64");
    assert_eq!(digests(&scene.inspect("@t/app:v1")).len(), 1);
}
