//! The commands that change something, and what may be left of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::{Ran, Sandbox};
use mfst_testkit::scene::Scene;

/// The lists of a store, as [`Sandbox::tree`] tells them.
pub type Tree = BTreeMap<PathBuf, String>;

/// A command, and the commands that come before it.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    before: &'static [&'static str],
    line: &'static str,
}

const ONE: &str = "create @t/list:v1 @t/app:amd64";
const TWO: &str = "create @t/list:v1 @t/app:amd64 @t/app:arm64";
const ELSEWHERE: &str = "create @demo/list:v1 @t/app:amd64 @t/app:arm64";

pub const CREATE: Operation = Operation { before: &[], line: TWO };
pub const AMEND_ONE: Operation = Operation { before: &[ONE], line: "create --amend @t/list:v1 @t/app:arm64" };
pub const AMEND_SEVERAL: Operation =
    Operation { before: &[ONE], line: "create --amend @t/list:v1 @t/app:arm64 @t/app:arm" };
pub const ANNOTATE: Operation = Operation { before: &[TWO], line: "annotate --os-version 7 @t/list:v1 @t/app:arm64" };
pub const REMOVE: Operation = Operation { before: &[TWO], line: "rm @t/list:v1" };
pub const PUSH: Operation = Operation { before: &[ELSEWHERE], line: "push --purge @demo/list:v1" };

/// A registry with three images.
pub fn scene() -> Scene {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "arm", &Sample::oci("linux/arm/v7"));
    scene
}

impl Operation {
    /// Gives the scene a new home in which the command can be run.
    pub fn prepare(&self, scene: &mut Scene) {
        scene.home = Sandbox::new();
        for line in self.before {
            scene.ok(line);
        }
    }

    /// The command's words.
    pub fn words(&self, scene: &Scene) -> Vec<String> {
        self.line.split(' ').map(|word| scene.expand(word)).collect()
    }

    /// Runs the command.
    pub fn run(&self, scene: &Scene) -> Ran {
        scene.run(self.line)
    }

    /// What the command makes of a store: before and after.
    pub fn outcome(&self, scene: &mut Scene) -> (Tree, Tree) {
        self.prepare(scene);
        let before = scene.home.tree();
        self.run(scene).ok();
        (before, scene.home.tree())
    }

    /// The list that the command changes.
    pub fn list(&self, scene: &Scene) -> String {
        let list = self.line.split(' ').find(|word| word.contains("list")).expect("a list");
        scene.expand(list)
    }

    /// Whether the list is pushed, byte for byte as it should be.
    pub fn is_pushed(scene: &Scene, printed: &str) -> bool {
        let digest = printed.lines().last().unwrap_or_default();
        scene
            .registry
            .manifest("demo/list", "v1")
            .is_some_and(|(_, list)| mfst_testkit::sample::digest(&list) == digest)
    }
}

/// Whether everything is to be tried, or a sample.
pub fn every() -> bool {
    std::env::var_os("MFST_EVERY").is_some()
}

/// All of the points, or about `sample` of them, the first and the last
/// included.
pub fn sampled<T: Clone>(points: &[T], sample: usize) -> Vec<T> {
    if every() || points.len() <= sample {
        return points.to_vec();
    }
    let last = points.len() - 1;
    (0..sample).map(|at| points[at * last / (sample - 1)].clone()).collect()
}

/// Says how much was tried.
pub fn tell(what: &str, tried: usize, of: usize) {
    #[allow(clippy::print_stderr, reason = "the figures are meant to be seen")]
    {
        eprintln!("{what}: {tried} of {of} tried");
    }
}
