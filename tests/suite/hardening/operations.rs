//! The commands that change something, and the states that they may leave.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::{CommandOutput, Sandbox};
use mfst_testkit::scene::Scene;

/// The lists of a store; see [`Sandbox::lists`].
pub type Tree = BTreeMap<PathBuf, String>;

/// A command, and the commands that run before it.
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
    /// Gives the scene a new sandbox in which the command can run.
    pub fn prepare(&self, scene: &mut Scene) {
        scene.home = Sandbox::new();
        for line in self.before {
            scene.run_ok(line);
        }
    }

    /// The arguments of the command.
    pub fn words(&self, scene: &Scene) -> Vec<String> {
        self.line.split(' ').map(|word| scene.expand(word)).collect()
    }

    /// Runs the command.
    pub fn run(&self, scene: &Scene) -> CommandOutput {
        scene.run(self.line)
    }

    /// The store before and after the command.
    pub fn outcome(&self, scene: &mut Scene) -> (Tree, Tree) {
        self.prepare(scene);
        let before = scene.home.lists();
        self.run(scene).success();
        (before, scene.home.lists())
    }

    /// The list that the command changes.
    pub fn list(&self, scene: &Scene) -> String {
        let list = self.line.split(' ').find(|word| word.contains("list")).expect("a list");
        scene.expand(list)
    }

    /// Whether the list is pushed with the right bytes.
    pub fn is_pushed(scene: &Scene, printed: &str) -> bool {
        let digest = printed.lines().last().unwrap_or_default();
        scene
            .registry
            .manifest("demo/list", "v1")
            .is_some_and(|(_, list)| mfst_testkit::sample::digest(&list) == digest)
    }
}

/// Whether to try everything instead of samples.
pub fn every() -> bool {
    std::env::var_os("MFST_EVERY").is_some()
}

/// All of the points, or about `sample` of them, including the first and the last.
pub fn sampled<T: Clone>(points: &[T], sample: usize) -> Vec<T> {
    if every() || points.len() <= sample {
        return points.to_vec();
    }
    let last = points.len() - 1;
    (0..sample).map(|at| points[at * last / (sample - 1)].clone()).collect()
}

/// Prints how much was tried.
pub fn report(what: &str, tried: usize, of: usize) {
    #[allow(clippy::print_stderr, reason = "the figures are meant to be seen")]
    {
        eprintln!("{what}: {tried} of {of} tried");
    }
}
