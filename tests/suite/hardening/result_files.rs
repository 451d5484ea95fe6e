//! Result files of commands that are killed.

use std::fs;
use std::path::Path;

use mfst_testkit::scene::Scene;
use mfst_testkit::strace::{Hindrance, Range, Strace};

/// The files in a directory with their content.
fn files(directory: &Path) -> Vec<(String, String)> {
    let read = |file: fs::DirEntry| {
        let name = file.file_name().into_string().expect("a name in UTF-8");
        (name, fs::read_to_string(file.path()).expect("a file"))
    };
    fs::read_dir(directory).expect("a directory").map(|file| read(file.expect("an entry"))).collect()
}

#[test]
fn a_result_file_is_whole_or_not_there_when_the_command_is_killed() {
    let Some(strace) = Strace::find() else { return };
    let scene = Scene::with_list();
    let directory = scene.home.config_dir().join("results");
    let words = scene.words(&format!("push --metadata-file {}/file @t/app:v1", directory.display()));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for old in [None, Some("an older result")] {
        let prepare = || {
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir(&directory).expect("a directory");
            if let Some(old) = old {
                fs::write(directory.join("file"), old).expect("a file");
            }
        };
        prepare();
        let (ran, calls) = strace.watch(&scene.home, &words, Range::Files);
        ran.ok();
        let calls: Vec<_> = calls.iter().filter(|call| call.text.contains("/results")).collect();
        assert!(calls.iter().any(|call| call.name == "linkat"), "{calls:?}");
        for call in calls {
            prepare();
            strace.hinder(&scene.home, &words, call, Hindrance::Kill);
            let left = files(&directory);
            // Between two calls, a file that is replaced is there under both names, whole.
            let left: Vec<_> = left.iter().filter(|(name, _)| call.name != "rename" || name == "file").collect();
            match (left.as_slice(), old) {
                ([], None) => {}
                ([(_, content)], Some(old)) if content == old => {}
                ([(name, content)], _) => assert!(name == "file" && content.ends_with("}\n"), "{call:?}: {content}"),
                _ => panic!("{call:?}: {left:?}"),
            }
        }
    }
}
