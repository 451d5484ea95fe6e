//! Archives as targets: what may be replaced by a new one.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use mfst_testkit::scene::{Scene, amd64};

use crate::cli::copy::{has_build, scene};

#[test]
fn an_archive_with_the_same_tag_is_replaced() {
    let (scene, build) = scene();
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:1");
    scene.run_ok("copy %src/app:1 oci-archive:app.tar:1");
    scene.run_ok("copy oci-archive:app.tar:1 @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
}

#[test]
fn an_archive_does_not_lose_tags() {
    let scene = Scene::new();
    let path = scene.home.home().join("app.tar");
    scene.run_ok("copy --tag beta @t/app:amd64 oci-archive:app.tar:1.0");
    let old = fs::read(&path).expect("the archive");
    for line in ["copy", "copy --dry-run", "copy --no-clobber"] {
        let said = scene.run_err_unchanged(&format!("{line} @t/app:arm64 oci-archive:app.tar:2.0"));
        assert!(said.contains("lose the tags 1.0, beta; choose another file, or remove it first"), "{said}");
        assert!(!said.contains("left as it is"), "{said}");
        assert_eq!(fs::read(&path).expect("the archive"), old);
    }
    scene.run_ok("copy --tag beta --tag 2.0 @t/app:arm64 oci-archive:app.tar:1.0");
    assert_eq!(scene.run_ok("tags oci-archive:app.tar").lines().count(), 3);
}

#[test]
fn signatures_of_an_image_that_stays_are_not_lost_and_others_are() {
    let scene = Scene::new();
    let signature = format!("{}.sig", amd64().digest().replacen(':', "-", 1));
    scene.registry.put_image("t/app", &signature, &mfst_testkit::sample::Sample::oci("linux/s390x"));
    scene.run_ok("copy --referrers @t/app:amd64 oci-archive:app.tar:1.0");
    assert!(scene.run_err_unchanged("copy @t/app:amd64 oci-archive:app.tar:1.0").contains(&signature));
    scene.run_ok("copy @t/app:arm64 oci-archive:app.tar:1.0");
    assert_eq!(scene.run_ok("tags oci-archive:app.tar"), "1.0\n");
}

#[test]
fn no_clobber_keeps_an_archive_that_has_the_tag() {
    let scene = Scene::new();
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:1");
    let ran = scene.run("copy -n @t/app:arm64 oci-archive:app.tar:1");
    assert!(ran.stderr.contains("oci-archive:app.tar:1 exists and is left as it is"), "{ran:#?}");
    ran.success();
    assert_eq!(scene.run_ok("digest oci-archive:app.tar:1"), amd64().digest() + "\n");
}

#[test]
fn only_archives_and_empty_files_are_replaced() {
    let scene = Scene::new();
    let path = scene.home.home().join("app.tar");
    for content in [b"mine".as_slice(), &[b'x'; 4096]] {
        fs::write(&path, content).expect("a file");
        for line in ["copy", "copy --dry-run"] {
            let said = scene.run_err_unchanged(&format!("{line} @t/app:amd64 oci-archive:app.tar"));
            assert!(said.contains("app.tar is not an OCI archive; remove it or choose another file"), "{said}");
        }
        assert_eq!(fs::read(&path).expect("mine"), content);
    }
    fs::write(&path, b"").expect("a file");
    scene.run_ok("copy -n @t/app:amd64 oci-archive:app.tar");
    scene.run_ok("digest oci-archive:app.tar:amd64");
}

#[test]
fn devices_directories_and_sockets_are_no_targets() {
    let scene = Scene::new();
    let home = scene.home.home();
    fs::create_dir(home.join("directory")).expect("a directory");
    let _socket = UnixListener::bind(home.join("socket")).expect("a socket");
    symlink("/dev/null", home.join("link")).expect("a link");
    for (name, kind) in [("directory", "a directory"), ("socket", "a socket"), ("link", "a device")] {
        let said = scene.run_err_unchanged(&format!("copy @t/app:amd64 oci-archive:{name}:1"));
        assert!(said.contains(&format!("{name} is {kind}; an archive needs a regular file")), "{said}");
    }
    assert!(home.join("link").is_symlink() && home.join("directory").is_dir());
}

#[test]
fn the_file_that_a_link_leads_to_is_replaced() {
    let scene = Scene::new();
    let home = scene.home.home();
    fs::create_dir(home.join("elsewhere")).expect("a directory");
    symlink("elsewhere/app.tar", home.join("one")).expect("a link");
    symlink("one", home.join("two.tar")).expect("a link");
    for image in ["arm64", "amd64"] {
        scene.run_ok(&format!("copy @t/app:{image} oci-archive:two.tar:1"));
        assert!(home.join("one").is_symlink() && home.join("two.tar").is_symlink());
    }
    assert_eq!(scene.run_ok("digest oci-archive:elsewhere/app.tar:1"), amd64().digest() + "\n");
}

#[test]
fn an_archive_is_not_both_source_and_target() {
    let scene = Scene::new();
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:one");
    symlink("app.tar", scene.home.home().join("link")).expect("a link");
    for target in ["app.tar:two", "./app.tar:two", "link:one"] {
        let said = scene.run_err_unchanged(&format!("copy oci-archive:app.tar:one oci-archive:{target}"));
        assert!(said.contains("is the source"), "{said}");
    }
    assert_eq!(scene.run_ok("tags oci-archive:app.tar"), "one\n");
}

#[test]
fn spellings_of_a_path_are_one_archive() {
    let scene = Scene::new();
    scene.run_ok("copy @t/app:amd64 oci-archive:app.tar:one oci-archive:./app.tar:two");
    assert_eq!(scene.run_ok("tags oci-archive:app.tar"), "one\ntwo\n");
    let said = scene.run_ok("copy --tag three @t/app:amd64 oci-archive:new.tar oci-archive:./new.tar");
    assert_eq!(said.lines().count(), 2, "{said}");
}
