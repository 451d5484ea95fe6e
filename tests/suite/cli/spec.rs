//! `spec`: the file that describes a list in a registry.

use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64, arm64};

#[test]
fn the_file_pins_images_and_states_platforms_in_a_word() {
    let scene = Scene::new();
    scene.run_ok("create --push @dst/app:1 --annotation k=v @t/app:amd64 @t/app:arm64=linux/arm64/v8");
    let name = |image: &Sample| scene.name(&format!("dst/app@{}", image.digest()));
    let expected = format!(
        "image: {list}\nannotations:\n  k: v\nmanifests:\n  - image: {amd64}\n    platform: linux/amd64\n  - image: {arm64}\n    \
         platform: linux/arm64/v8\n",
        list = scene.name("dst/app:1"),
        amd64 = name(&amd64()),
        arm64 = name(&arm64()),
    );
    assert_eq!(scene.run_ok("spec @dst/app:1"), expected);
}

#[test]
fn an_image_is_not_a_list() {
    let scene = Scene::new();
    let said = scene.run_err_unchanged("spec @t/app:amd64");
    assert_eq!(said, format!("{} is an image, not a manifest list\n", scene.name("t/app:amd64")));
}
