//! Where `--digestfile` and `--metadata-file` may point: links, files of other users, pipes, streams.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use mfst_testkit::sample::digest;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;

fn pushed_digest(scene: &Scene) -> String {
    digest(&scene.registry.manifest("t/app", "v1").expect("the list").1)
}

/// Pushes with this digest file.
#[track_caller]
fn push_to(scene: &Scene, file: &Path) {
    scene.ok(&format!("push --digestfile {} @t/app:v1", file.display()));
}

/// Fails unless the push is refused before it begins, with an error that names the file; returns the error.
#[track_caller]
fn assert_refused(scene: &Scene, file: &str) -> String {
    let stderr = scene.refused(&format!("push --digestfile {file} @t/app:v1"));
    assert!(stderr.starts_with(&format!("cannot write {file}: ")), "{stderr}");
    assert_eq!(scene.registry.log().writes(), Vec::<String>::new());
    stderr
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

#[test]
fn a_regular_file_in_dev_is_replaced() {
    let Ok(directory) = TempDir::new_in("/dev/shm") else { return };
    let scene = Scene::with_list();
    let file = directory.path().join("digest");
    fs::write(&file, "an older digest").expect("a file");
    push_to(&scene, &file);
    assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene));
}

#[test]
fn an_existing_file_keeps_its_mode() {
    let scene = Scene::with_list();
    let file = scene.home.home().join("digest");
    for mode in [0o600, 0o666, 0o777, 0o4711] {
        fs::write(&file, "an older digest").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("permissions");
        push_to(&scene, &file);
        assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene));
        assert_eq!(fs::metadata(&file).expect("the file").mode() & 0o7777, mode);
    }
}

#[test]
fn a_new_file_has_the_mode_that_the_umask_leaves() {
    let scene = Scene::with_list();
    let mfst = scene.home.command(&[]).get_program().display().to_string();
    let push = scene.expand("push --digestfile digest @t/app:v1");
    Ran::of(&mut scene.home.program("sh", &["-c", &format!("umask 027; {mfst} {push}")])).ok();
    assert_eq!(fs::metadata(scene.home.home().join("digest")).expect("the file").mode() & 0o7777, 0o640);
}

#[test]
fn an_existing_file_keeps_its_owner() {
    let scene = Scene::with_list();
    let file = scene.home.home().join("digest");
    fs::write(&file, "an older digest").expect("a file");
    // Only root can give files away.
    if chown(&file, Some(12345), Some(23456)).is_err() {
        return;
    }
    push_to(&scene, &file);
    assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene));
    let found = fs::metadata(&file).expect("the file");
    assert_eq!((found.uid(), found.gid()), (12345, 23456));
}

#[test]
fn a_file_that_cannot_be_given_its_owner_is_overwritten() {
    let scene = Scene::with_list();
    let (file, setpriv) = (scene.home.home().join("digest"), Path::new("/usr/bin/setpriv"));
    fs::write(&file, "an older digest, longer than any digest is, all of which has to go".repeat(3)).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions");
    for path in [scene.home.home(), &scene.home.config_dir(), &scene.home.store()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("permissions");
    }
    // Only root can be somebody else.
    if chown(&file, Some(12345), Some(23456)).is_err() || !setpriv.exists() {
        return;
    }
    let words = scene.words(&format!("push --digestfile {} @t/app:v1", file.display()));
    let mfst = scene.home.command(&[]).get_program().to_owned();
    let mut command = scene.home.program(setpriv, &["--reuid=34567", "--clear-groups"]);
    Ran::of(command.arg(mfst).args(words)).ok();
    assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene));
    assert_eq!(fs::metadata(&file).expect("the file").uid(), 12345);
}

#[test]
fn a_link_stays_and_its_target_is_written_whether_it_exists_or_not() {
    let scene = Scene::with_list();
    let home = scene.home.home();
    fs::create_dir(home.join("results")).expect("a directory");
    for (link, target) in [("one", "two"), ("two", "results/three"), ("results/three", "four")] {
        symlink(target, home.join(link)).expect("a link");
    }
    for _ in 0..2 {
        push_to(&scene, &home.join("one"));
        let file = home.join("results/four");
        assert_eq!(fs::read_to_string(&file).expect("the digest"), pushed_digest(&scene));
        assert!(!file.is_symlink() && ["one", "two", "results/three"].iter().all(|link| home.join(link).is_symlink()));
        fs::write(file, "an older digest").expect("a file");
    }
}

#[test]
fn a_name_that_no_file_can_have_is_refused_before_the_push() {
    let scene = Scene::with_list();
    let home = scene.home.home().display().to_string();
    let long = "x".repeat(256);
    symlink(&long, scene.home.home().join("long-link")).expect("a link");
    symlink("new/", scene.home.home().join("slash-link")).expect("a link");
    symlink("loop", scene.home.home().join("loop")).expect("a link");
    fs::write(scene.home.home().join("file"), "").expect("a file");
    for name in [long.as_str(), "long-link"] {
        assert!(assert_refused(&scene, &format!("{home}/{name}")).contains("name too long"));
    }
    for name in ["new/", "new/.", "new/..", "slash-link", "loop", "file/", "missing/file"] {
        assert_refused(&scene, &format!("{home}/{name}"));
    }
    assert!(!scene.home.home().join("new").exists());
}

#[test]
fn a_named_pipe_without_a_reader_is_refused() {
    let scene = Scene::with_list();
    let pipe = scene.home.home().join("pipe");
    mkfifo(&pipe);
    let stderr = assert_refused(&scene, &pipe.display().to_string());
    assert!(stderr.contains("nothing reads from this named pipe"), "{stderr}");
}

#[test]
fn a_named_pipe_gets_the_result_and_then_its_end() {
    let scene = Scene::with_list();
    let pipe = scene.home.home().join("pipe");
    mkfifo(&pipe);
    // Opened for writing too, so that opening it does not wait.
    let mut reader = File::options().read(true).write(true).open(&pipe).expect("a pipe");
    push_to(&scene, &pipe);
    let mut digest = [0; 71];
    reader.read_exact(&mut digest).expect("the digest");
    assert_eq!(String::from_utf8_lossy(&digest), pushed_digest(&scene));
}

#[test]
fn a_stream_of_the_process_gets_the_result_behind_what_is_there() {
    let scene = Scene::with_list();
    let out = scene.home.home().join("out");
    let mfst = scene.home.command(&[]).get_program().display().to_string();
    for stream in ["/dev/fd/3", "/proc/self/fd/3", "/proc/thread-self/fd/3"] {
        fs::write(&out, "before\n").expect("a file");
        let push = scene.expand(&format!("push -q --digestfile {stream} @t/app:v1"));
        let line = format!("{mfst} {push} 3>>{0}", out.display());
        Ran::of(&mut scene.home.program("sh", &["-c", &line])).ok();
        let expected = format!("before\n{}", pushed_digest(&scene));
        assert_eq!(fs::read_to_string(&out).expect("the output"), expected, "{stream}");
        // A pipe works as well.
        let line = format!("{mfst} {push} 3>&1 >{} | cat", out.display());
        assert_eq!(Ran::of(&mut scene.home.program("sh", &["-c", &line])).ok(), pushed_digest(&scene), "{stream}");
    }
    let ran = scene.run("push -q --digestfile /dev/stdout --metadata-file /dev/stderr @t/app:v1");
    assert_eq!(ran.stdout, format!("{0}\n{0}", pushed_digest(&scene)));
    let metadata: Value = serde_json::from_str(&ran.stderr).expect("JSON");
    assert_eq!(metadata["digest"], pushed_digest(&scene));
}

#[test]
fn a_stream_that_is_not_open_is_refused() {
    assert_refused(&Scene::with_list(), "/dev/fd/99");
}
