//! `mfst show`.

use std::time::Duration;

use mfst_testkit::buildx::Build;
use mfst_testkit::docker_registry::{DockerRegistry, Registry as _};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::installed::{find, skip};
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, digest, index};
use mfst_testkit::sandbox::{CommandOutput, Sandbox};
use mfst_testkit::scene::{Scene, amd64, arm64};
use mfst_testkit::wire;
use serde_json::{Value, json};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm/v7"];

/// A registry with the build `t/app:1`.
fn scene(build: &Build) -> Scene {
    let scene = Scene::new();
    build.put(&scene.registry, "t/app", "1");
    scene.registry.log().clear();
    scene
}

/// Runs a command line whose last word may have spaces.
fn run_with(scene: &Scene, line: &str, last: &str) -> CommandOutput {
    let mut words = scene.words(line);
    words.push(last.to_owned());
    scene.home.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[track_caller]
fn template(scene: &Scene, name: &str, template: &str) -> String {
    run_with(scene, &format!("show @{name} --format"), template).success()
}

#[track_caller]
fn object(scene: &Scene, line: &str) -> Value {
    serde_json::from_str(&scene.run_ok(&format!("show --format json {line}"))).expect("JSON")
}

fn short(image: &Sample) -> String {
    image.digest()["sha256:".len()..][..12].to_owned()
}

fn size(image: &Sample) -> usize {
    image.blobs().iter().map(Vec::len).sum()
}

#[test]
fn a_list_is_a_table_of_platforms_and_attestations() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let shown = scene.run_ok("show @t/app:1");
    let [one, two] = build.images() else { panic!("two images") };
    let [first, second] = build.attestations() else { panic!("two attestations") };
    let (name, digest, total) = (scene.name("t/app:1"), build.digest(), size(one) + size(two));
    let expected = format!(
        "Name     {name}\n\
         Digest   {digest}\n\
         Type     OCI index ({OCI_INDEX})\n\
         Size     {total} B in 2 images\n\
         \n\
         PLATFORM       DIGEST          SIZE   LAYERS\n\
         linux/amd64    {}   {} B        1\n\
         linux/arm/v7   {}   {} B        1\n\
         \n\
         Attestations\n\
         \x20 linux/amd64    {}   of unknown type\n\
         \x20 linux/arm/v7   {}   of unknown type\n",
        short(one),
        size(one),
        short(two),
        size(two),
        short(first),
        short(second),
    );
    assert_eq!(shown, expected);
}

#[test]
fn a_wide_terminal_has_whole_digests_and_a_narrow_one_fewer_columns() {
    let build = Build::of(&PLATFORMS);
    let mut scene = scene(&build);
    for (columns, heading) in [("200", 4), ("80", 4), ("30", 3)] {
        scene.home.env("COLUMNS", columns);
        let shown = scene.run_ok("show @t/app:1");
        let table = shown.lines().skip_while(|line| !line.starts_with("PLATFORM")).take(3);
        let table: Vec<&str> = table.collect();
        assert_eq!(table[0].split_whitespace().count(), heading, "{shown}");
        assert_eq!(table[1].contains(&build.images()[0].digest()), columns == "200", "{shown}");
        assert!(table[1].contains(&short(&build.images()[0])), "{shown}");
    }
}

#[test]
fn what_images_share_is_shown() {
    let scene = Scene::new();
    let images = ["linux/amd64", "linux/arm64"].map(|it| Sample::oci_with_layers(it, &["base of all", it]));
    let entries: Vec<Value> = images.iter().map(Sample::index_entry).collect();
    for image in &images {
        scene.registry.put_image("t/app", &image.digest(), image);
    }
    scene.registry.put_manifest("t/app", "1", OCI_INDEX, &index(OCI_INDEX, &entries));
    let base = images[0].blobs()[1].len();
    let shown = scene.run_ok("show @t/app:1");
    assert_eq!(shown.matches(&format!("2   {base} B in 1 layer\n")).count(), 2, "{shown}");
    let all: usize = images.iter().map(size).sum();
    assert!(shown.contains(&format!("{} B in 2 images; shared layers save {base} B\n", all - base)), "{shown}");
    let object = object(&scene, "@t/app:1");
    assert_eq!(object["totalSize"], all - base);
    assert_eq!((&object["images"][0]["sharedLayers"], &object["images"][0]["sharedSize"]), (&json!(1), &json!(base)));
}

/// An image with everything in its config.
fn full_image(scene: &Scene) -> String {
    let config = json!({
        "created": "2024-05-06T07:08:09.1Z", "architecture": "amd64", "os": "linux",
        "config": {"User": "app", "Env": ["A=1", "B=2"], "Entrypoint": ["/run", "a \"b\""], "Cmd": ["--x"],
            "WorkingDir": "/srv", "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}},
            "Labels": {"z.label": "last", "a.label": "<first>"}, "StopSignal": "SIGINT"},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [{"created_by": "test", "empty_layer": true}],
    })
    .to_string();
    let config_digest = scene.registry.put_blob("t/app", config.as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": config.len()},
        "layers": [],
        "annotations": {"org.example.note": "annotated"},
    });
    scene.registry.put_manifest("t/app", "full", OCI_MANIFEST, manifest.to_string().as_bytes())
}

#[test]
fn a_single_image_is_shown_with_its_config() {
    let scene = Scene::new();
    let digest = full_image(&scene);
    let shown = scene.run_ok("show @t/app:full");
    for line in [
        format!("Digest        {digest}"),
        "Platform      linux/amd64".to_owned(),
        "Entrypoint    [\"/run\", \"a \\\"b\\\"\"]".to_owned(),
        "Command       [\"--x\"]".to_owned(),
        "User          app".to_owned(),
        "Directory     /srv".to_owned(),
        "Environment   2 variables".to_owned(),
        "Ports         80/tcp".to_owned(),
        "Volumes       /data".to_owned(),
        "Stop signal   SIGINT".to_owned(),
        "  org.example.note   annotated".to_owned(),
        "  a.label   <first>".to_owned(),
        "  z.label   last".to_owned(),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} is not in\n{shown}");
    }
    assert!(shown.contains("Created       2024-05-06 07:08:09 UTC ("), "{shown}");
    let config = object(&scene, "@t/app:full")["config"].clone();
    assert_eq!(
        config,
        json!({"user": "app", "workingDir": "/srv", "entrypoint": ["/run", "a \"b\""], "cmd": ["--x"],
            "env": ["A=1", "B=2"], "exposedPorts": ["80/tcp"], "volumes": ["/data"], "stopSignal": "SIGINT",
            "labels": {"a.label": "<first>", "z.label": "last"}})
    );
}

#[test]
fn the_object_for_programs_is_stable() {
    let build = Build::of(&["linux/arm/v7"]);
    let scene = scene(&build);
    let (image, attestation) = (&build.images()[0], &build.attestations()[0]);
    let layer = json!({"digest": image.blob_digests()[1], "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "size": image.blobs()[1].len()});
    let expected = json!({
        "name": scene.name("t/app:1"), "type": "index", "mediaType": OCI_INDEX, "digest": build.digest(),
        "size": build.index().len(), "annotations": {}, "totalSize": size(image),
        "images": [{
            "platform": {"architecture": "arm", "os": "linux", "variant": "v7"}, "digest": image.digest(),
            "mediaType": OCI_MANIFEST, "size": image.manifest().len(), "annotations": {},
            "compressedSize": size(image), "sharedSize": 0, "sharedLayers": 0, "layers": [layer],
        }],
        "lists": [],
        "attestations": [{"digest": attestation.digest(), "subject": image.digest(), "predicateTypes": []}],
    });
    assert_eq!(object(&scene, "@t/app:1"), expected);
}

#[test]
fn a_platform_of_a_list_is_shown_as_a_single_image() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let image = object(&scene, "--platform linux/arm @t/app:1");
    assert_eq!(image["name"], format!("{}@{}", scene.name("t/app:1"), build.images()[1].digest()));
    assert_eq!((&image["type"], &image["config"]["cmd"]), (&json!("image"), &json!(["/bin/hello"])));
    assert_eq!(image["images"][0]["platform"]["variant"], "v7");
    let said = scene.run("show --platform linux/s390x @t/app:1").failure(1);
    assert!(said.contains("no image for linux/s390x; available: linux/amd64, linux/arm/v7"), "{said}");
    assert_eq!(object(&scene, "--platform linux/amd64 @t/app:amd64")["digest"], amd64().digest());
    scene.run("show --platform linux/s390x @t/app:amd64").failure(1);
}

#[test]
fn templates_have_the_names_of_buildx_and_those_of_the_object() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let digest = build.digest();
    for (text, expected) in [
        ("{{.Name}} {{.Manifest.Digest}}", format!("{} {digest}\n", scene.name("t/app:1"))),
        ("{{.Manifest.MediaType}} {{.mediaType}}", format!("{OCI_INDEX} {OCI_INDEX}\n")),
        ("{{.Digest}}{{\"\\n\"}}", format!("{digest}\n")),
        ("{{len .Manifest.Manifests}} {{len .images}}", "4 2\n".to_owned()),
        (
            "{{range .Manifest.Manifests}}{{.Platform.OS}}/{{.Platform.Architecture}}{{with .Platform.Variant}}/{{.}}{{end}} {{end}}",
            "linux/amd64 linux/arm/v7 unknown/unknown unknown/unknown \n".to_owned(),
        ),
        (
            "{{range .Images}}{{.CompressedSize}} {{end}}",
            format!("{} {} \n", size(&build.images()[0]), size(&build.images()[1])),
        ),
        (r#"{{(index .Image "linux/arm/v7").Architecture}}"#, "arm\n".to_owned()),
        (r#"{{json (index .Image "linux/amd64").config.Cmd}}"#, "[\n  \"/bin/hello\"\n]\n".to_owned()),
        ("{{.Manifest.SchemaVersion}}", "2\n".to_owned()),
    ] {
        assert_eq!(template(&scene, "t/app:1", text), expected, "{text}");
    }
    assert_eq!(template(&scene, "t/app:amd64", "{{.Image.OS}} {{.Image.RootFS.Type}}"), "linux layers\n");
}

#[test]
fn a_config_is_found_by_the_platform_as_buildx_writes_it() {
    let scene = scene(&Build::of(&["linux/amd64", "linux/arm64/v8"]));
    let text = r#"{{(index .Image "linux/arm64").Architecture}} {{len .Image}}"#;
    assert_eq!(template(&scene, "t/app:1", text), "arm64 2\n");
}

#[test]
fn json_in_a_template_is_what_the_registry_sent_and_what_the_object_is() {
    let scene = Scene::new();
    full_image(&scene);
    let manifest: Value = serde_json::from_str(&template(&scene, "t/app:full", "{{json .Manifest}}")).expect("JSON");
    let mut expected = scene.pushed("t/app", "full");
    let object = object(&scene, "@t/app:full");
    expected["digest"] = object["digest"].clone();
    expected["size"] = object["size"].clone();
    assert_eq!(manifest, expected);
    let config: Value = serde_json::from_str(&template(&scene, "t/app:full", "{{json .Image}}")).expect("JSON");
    assert_eq!(config["history"][0]["created_by"], "test");
    assert_eq!(config["config"]["Labels"]["a.label"], "<first>");
    let all: Value = serde_json::from_str(&template(&scene, "t/app:full", "{{json .}}")).expect("JSON");
    assert_eq!(all, object);
}

#[test]
fn a_template_that_cannot_be_used_is_refused_before_anything_is_asked() {
    let scene = scene(&Build::of(&PLATFORMS));
    assert!(run_with(&scene, "show @t/app:1 --format", "{{.Name").failure(1).contains("template"));
    assert!(scene.registry.log().lines().is_empty());
    assert!(run_with(&scene, "show @t/app:1 --format", "{{nosuch .Name}}").failure(1).contains("nosuch"));
    assert!(scene.run("show --format yaml @t/app:1").failure(125).contains("it must be table, json or a Go template"));
    let said = run_with(&scene, "show @t/app:1 --format", "{{index .Images 9}}").failure(1);
    assert!(said.starts_with(&scene.name("t/app:1: ")), "{said}");
}

/// A signature of `subject`, as an artifact.
fn refer(scene: &Scene, subject: &str, artifact_type: &str) -> Value {
    let config = scene.registry.put_blob("t/app", b"{}");
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type, "config": empty,
        "layers": [empty], "subject": {"mediaType": OCI_INDEX, "digest": subject, "size": 1}});
    let bytes = manifest.to_string();
    let digest = scene.registry.put_manifest("t/app", &digest(bytes.as_bytes()), OCI_MANIFEST, bytes.as_bytes());
    json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": artifact_type})
}

const NOTATION: &str = "application/vnd.cncf.notary.signature";
const SPDX: &str = "application/spdx+json";

#[test]
fn referrers_are_a_tree() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let sbom = refer(&scene, &build.digest(), SPDX);
    let signature = refer(&scene, sbom["digest"].as_str().expect("a digest"), NOTATION);
    let tag = build.digest().replace(':', "-");
    let cosign = scene.registry.put_image("t/app", &format!("{tag}.sig"), &arm64());
    let digest_of = |entry: &Value| entry["digest"].as_str().expect("a digest").to_owned();
    let page = |path: &str, entries: &[&Value]| {
        let list = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string();
        Fault::on("GET", path).always().answer(200, list).header("content-type", OCI_INDEX)
    };
    let path = format!("/v2/t/app/referrers/{}", build.digest());
    let bundle = refer(&scene, &build.digest(), "application/vnd.dev.sigstore.bundle.v0.3+json");
    scene.registry.fault(page("?page=2", &[&bundle]));
    scene.registry.fault(page(&path, &[&sbom]).header("link", &format!("<{path}?page=2>; rel=\"next\"")));
    scene.registry.fault(page(&format!("/referrers/{}", digest_of(&sbom)), &[&signature]));
    scene.registry.fault(page("/referrers/", &[]));
    let shown = scene.run_ok("show --referrers @t/app:1");
    let short = |digest: &str| digest["sha256:".len()..][..12].to_owned();
    let expected = format!(
        "Referrers\n  ├─ SPDX SBOM {}\n  │  └─ Notation signature {}\n  ├─ Sigstore bundle {}\n  └─ cosign signature {}\n",
        short(&digest_of(&sbom)),
        short(&digest_of(&signature)),
        short(&digest_of(&bundle)),
        short(&cosign),
    );
    assert!(shown.ends_with(&expected), "{shown}");
    let object = object(&scene, "--referrers @t/app:1");
    assert_eq!(object["referrers"][0]["referrers"][0]["artifactType"], NOTATION);
    assert_eq!(object["referrers"][2]["tag"], format!("{tag}.sig"));
    assert!(scene.run_ok("show @t/app:1").lines().all(|line| line != "Referrers"), "only if asked for");
}

#[test]
fn a_registry_without_the_api_is_asked_for_the_fallback_tag() {
    let Some(registry) = DockerRegistry::available(false) else { return };
    let target = registry.target();
    let build = Build::of(&PLATFORMS);
    build.push(target, "t/app", "1");
    let entry = json!({"mediaType": OCI_MANIFEST, "digest": amd64().digest(), "size": 1, "artifactType": NOTATION});
    for blob in amd64().blobs() {
        wire::put_blob(target, "t/app", blob);
    }
    wire::put_manifest(target, "t/app", &amd64().digest(), OCI_MANIFEST, amd64().manifest());
    let list = index(OCI_INDEX, &[entry]);
    wire::put_manifest(target, "t/app", &build.digest().replace(':', "-"), OCI_INDEX, &list);
    let shown = Sandbox::new().run_ok(&["show", "--referrers", &format!("{}/t/app:1", target.host)]);
    assert!(shown.contains(&format!("  └─ Notation signature {}\n", short(&amd64()))), "{shown}");
}

#[test]
fn what_cannot_be_read_is_shown_as_such() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    scene.registry.remove_manifest("t/app", &build.images()[1].digest());
    let shown = scene.run_ok("show @t/app:1");
    assert!(shown.lines().any(|line| line.starts_with("linux/arm/v7") && line.contains("missing")), "{shown}");
    assert_eq!(object(&scene, "@t/app:1")["images"][1]["problem"], "missing");
}

#[test]
fn lists_in_lists_are_looked_into() {
    let build = Build::of(&PLATFORMS);
    let scene = scene(&build);
    let inner = json!({"mediaType": OCI_INDEX, "digest": build.digest(), "size": build.index().len()});
    scene.registry.put_manifest(
        "t/app",
        "outer",
        OCI_INDEX,
        &index(OCI_INDEX, &[arm64().index_entry(), inner.clone()]),
    );
    let object = object(&scene, "@t/app:outer");
    assert_eq!(object["images"].as_array().map(Vec::len), Some(3));
    assert_eq!(object["images"][1]["list"], build.digest());
    assert_eq!(object["lists"][0]["digest"], build.digest());
    assert!(scene.run_ok("show @t/app:outer").contains("Lists in the list\n"));
}

#[test]
fn an_artifact_is_shown_with_its_type() {
    let scene = Scene::new();
    let artifact = refer(&scene, &amd64().digest(), SPDX);
    let name = format!("@t/app@{}", artifact["digest"].as_str().expect("a digest"));
    let object = object(&scene, &name);
    assert_eq!((&object["type"], &object["artifactType"]), (&json!("artifact"), &json!(SPDX)));
    assert_eq!(object["subject"]["digest"], amd64().digest());
    let shown = scene.run_ok(&format!("show {name}"));
    assert!(shown.contains(&format!("Subject         {}", amd64().digest())), "{shown}");
}

#[test]
fn a_config_that_cannot_be_read_is_no_reason_to_show_nothing() {
    let scene = Scene::new();
    let config = r#"{"architecture":"amd64","os":"linux"}"#;
    let digest = scene.registry.put_blob("t/app", config.as_bytes());
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()}});
    scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, manifest.to_string().as_bytes());
    let shown = scene.run_ok("show @t/app:odd");
    assert!(
        shown.contains("Platform   linux/amd64\n") && shown.contains("Config     cannot be read: missing field"),
        "{shown}"
    );
}

#[test]
fn several_are_shown_in_the_order_of_the_arguments_and_errors_name_theirs() {
    let scene = scene(&Build::of(&PLATFORMS));
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").delay(Duration::from_millis(200)));
    let ran = scene.run("show @t/app:amd64 @t/app:no @t/app:1");
    let names: Vec<&str> = ran.stdout.lines().filter_map(|line| line.strip_prefix("Name ")).map(str::trim).collect();
    assert_eq!(names, [scene.name("t/app:amd64"), scene.name("t/app:1")]);
    assert!(ran.stdout.contains("\n\nName "), "an empty line between them");
    let said = ran.failure(1);
    assert_eq!(
        said,
        scene.expand("@t/app:no: ").trim_end().to_owned() + &scene.expand(" no such manifest: @t/app:no\n")
    );
}

/// The index, then all manifests; no configs.
#[test]
fn a_list_takes_two_levels() {
    for platforms in [1, 8] {
        let scene = Scene::with(Embedded::plain().tls(&mfst_testkit::certs::private_ca()));
        let names: Vec<String> = (0..platforms).map(|number| format!("linux/cpu{number}")).collect();
        Build::of(&names.iter().map(String::as_str).collect::<Vec<_>>()).put(&scene.registry, "t/app", "1");
        scene.registry.log().clear();
        scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(200)));
        for line in ["show @t/app:1", "show --format json @t/app:1"] {
            scene.registry.log().clear();
            scene.run_ok(line);
            let log = scene.registry.log();
            assert_eq!((log.round_trips(), log.entries().len()), (2, 1 + 2 * platforms), "{:?}", log.lines());
        }
    }
}

#[test]
fn the_local_list_is_not_looked_at() {
    let scene = scene(&Build::of(&PLATFORMS));
    scene.create("t/app:local", &["t/app:amd64"]);
    assert!(scene.run("show @t/app:local").failure(1).contains("no such manifest"));
}

#[test]
fn what_a_registry_says_is_clean_on_the_screen_and_exact_in_json() {
    let scene = Scene::new();
    let evil = "red\u{1b}[31m\u{202e}\nName fake";
    let list = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{"mediaType": OCI_MANIFEST,
        "digest": amd64().digest(), "size": amd64().manifest().len(), "platform": {"os": evil, "architecture": evil}}],
        "annotations": {evil: evil}});
    scene.registry.put_manifest("t/app", "evil", OCI_INDEX, list.to_string().as_bytes());
    let shown = scene.run_ok("show @t/app:evil");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert!(!shown.contains("\nName fake"), "{shown:?}");
    assert_eq!(object(&scene, "@t/app:evil")["annotations"][evil], evil);
}

/// Runs a command line on a terminal of its own, with these variables.
fn on_a_terminal(scene: &Scene, line: &str, variables: &[(&str, &str)]) -> Option<String> {
    let Some(script) = find("script") else {
        skip("script", "script is not installed");
        return None;
    };
    let mfst = scene.home.command(&[]);
    let line = format!("{} {}", mfst.get_program().to_str().expect("a path in UTF-8"), scene.expand(line));
    let mut command = scene.home.program(script, &["-qec", &line, "/dev/null"]);
    Some(CommandOutput::of(command.env("TERM", "xterm").envs(variables.iter().copied())).success())
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let scene = scene(&Build::of(&PLATFORMS));
    let is_coloured = |text: String| text.contains("\u{1b}[1mPLATFORM\u{1b}[0m");
    let Some(seen) = on_a_terminal(&scene, "show @t/app:1", &[]) else { return };
    assert!(is_coloured(seen.clone()), "{seen:?}");
    let aligned = |text: &str| text.lines().filter(|line| line.contains("linux/")).count();
    assert_eq!(aligned(&seen), 4);
    for variables in [&[("NO_COLOR", "1")][..], &[("TERM", "dumb")]] {
        assert!(!on_a_terminal(&scene, "show @t/app:1", variables).expect("script").contains('\u{1b}'));
    }
    assert!(!scene.run_ok("show @t/app:1").contains('\u{1b}'));
}

#[test]
fn json_on_a_terminal_has_no_control_characters() {
    let scene = Scene::new();
    let list = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "annotations": {"k": "a\u{202e}b"}});
    scene.registry.put_manifest("t/app", "evil", OCI_INDEX, list.to_string().as_bytes());
    let Some(seen) = on_a_terminal(&scene, "show --format json @t/app:evil", &[]) else { return };
    assert!(seen.contains(r"a\u202eb") && !seen.contains('\u{202e}'), "{seen:?}");
    assert!(scene.run_ok("show --format json @t/app:evil").contains("a\u{202e}b"));
}

#[test]
fn a_layout_is_shown_too() {
    let scene = Scene::new();
    let layout = super::layouts::with_image(&scene, "1.0", &amd64());
    let object = object(&scene, &format!("--referrers oci:{layout}:1.0"));
    assert_eq!((&object["digest"], &object["referrers"]), (&json!(amd64().digest()), &json!([])));
}

/// Answers that are as large as they may be, and made to take as much memory as they can.
#[test]
fn memory_is_bounded_whatever_a_registry_sends() {
    let scene = Scene::new();
    let fields: Vec<String> = (0..300_000).map(|number| format!("\"{number}\":1")).collect();
    let many =
        format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[],"x":{{{}}}}}"#, fields.join(","));
    scene.registry.put_manifest("t/app", "many", OCI_INDEX, many.as_bytes());
    let deep = format!(r#"{{"manifests":[],"x":{}{}}}"#, r#"{"a":"#.repeat(100), "1".to_owned() + &"}".repeat(100));
    scene.registry.put_manifest("t/app", "deep", OCI_INDEX, deep.as_bytes());
    let entry = json!({"mediaType": OCI_MANIFEST, "digest": amd64().digest(), "size": 1});
    let entries: Vec<Value> = std::iter::repeat_n(entry, 6000).collect();
    scene.registry.put_manifest("t/app", "long", OCI_INDEX, &index(OCI_INDEX, &entries));
    let within = |line: &str, last: &str| {
        let mut words = scene.words(line);
        words.push(last.to_owned());
        scene.home.run_within(64, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    within("show @t/app:many --format", "json").success();
    assert!(within("show @t/app:many --format", "{{.Name}}").failure(1).contains("too large for a template"));
    within("show @t/app:deep --format", "{{json .Manifest}}").success();
    assert!(within("show --format json", &scene.name("t/app:long")).failure(1).contains("more than 5000 entries"));
    within("verify", &scene.name("t/app:long")).failure(2);
    within("diff @t/app:many", &scene.name("t/app:long")).failure(2);
    // Lists in a list, each as large as a manifest may be.
    let note = "x".repeat(4000);
    let lists: Vec<Value> = (0..4)
        .map(|list| {
            let entry = |number: usize| json!({"mediaType": OCI_MANIFEST, "digest": digest(&[list, 0]), "size": 1, "annotations": {"n": format!("{note}{number}")}});
            let entries: Vec<Value> = (0..1000).map(entry).collect();
            let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})).expect("JSON");
            let digest = scene.registry.put_manifest("t/app", &format!("inner{list}"), OCI_INDEX, &bytes);
            json!({"mediaType": OCI_INDEX, "digest": digest, "size": bytes.len()})
        })
        .collect();
    scene.registry.put_manifest("t/app", "outer", OCI_INDEX, &index(OCI_INDEX, &lists));
    let outer = scene.name("t/app:outer");
    for line in ["show", "show --format json", "verify", "diff @t/app:many"] {
        let ran = within(line, &outer);
        assert!(ran.code.is_some(), "{line} was ended by a signal: {}", ran.stderr);
    }
    // One deep object with a long text, which is part of every object around it.
    let long =
        format!(r#"{{"manifests":[],"x":{}"{}"{}}}"#, r#"{"a":"#.repeat(20), "y".repeat(3_500_000), "}".repeat(20));
    scene.registry.put_manifest("t/app", "text", OCI_INDEX, long.as_bytes());
    within("show @t/app:text --format", "{{json .Manifest.x}}").success();
    // Configs whose platforms are as long as configs may be.
    let entries: Vec<Value> = (0..12)
        .map(|number| {
            let config = json!({"os": "x".repeat(7_000_000), "architecture": format!("{number}")}).to_string();
            let blob = scene.registry.put_blob("t/app", config.as_bytes());
            let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blob, "size": config.len()}});
            let bytes = manifest.to_string();
            let digest = scene.registry.put_manifest("t/app", &format!("platform{number}"), OCI_MANIFEST, bytes.as_bytes());
            json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": bytes.len()})
        })
        .collect();
    scene.registry.put_manifest("t/app", "platforms", OCI_INDEX, &index(OCI_INDEX, &entries));
    let ran = within("verify", &scene.name("t/app:platforms"));
    assert_eq!(ran.stdout.matches("its platform is too long").count(), 12, "{ran:#?}");
    ran.failure(1);
    within("show @t/app:platforms --format", "{{len .Image}}").failure(1);
    let ran = within("show --format json @t/app:outer @t/app:inner0 @t/app:inner1 @t/app:inner2", &outer);
    assert!(ran.code.is_some(), "{}", ran.stderr);
}
