//! What holds for every input, whoever wrote it. Each function takes any bytes and panics where it does not hold.
//!
//! The fuzz targets and `tests/properties.rs` share this file.
#![allow(dead_code, unreachable_pub, reason = "each fuzz target uses one of the properties")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use mfst::json::{SyntaxError, compact, first_value, indent, marshal};
use mfst::layout::Layout;
use mfst::location::{LayoutName, LayoutPath};
use mfst::manifest::{IndexFormat, IndexHeader, ListEntry, Manifest, ManifestList, Platform, parse};
use mfst::output::{Console, is_terminal_control, one_line};
use mfst::reference::Reference;
use mfst::registry::challenge::{self as challenge_header, Challenge};
use mfst::registry::endpoint::Endpoint;
use mfst::spec::{self, SpecEntry, SpecError, SpecText};
use mfst::transport::{Locality, Url, display_url};

/// How much longer a text may get by being laid out, at most; see `src/json/indent.rs`.
const GROWTH: usize = 16;
const ROOM: usize = 1024 * 1024;

/// A reference that is one reads back as itself, and names a host that is no more than a host.
pub fn reference(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(reference) = Reference::parse(&text) else { return };
    let shown = reference.to_string();
    assert_eq!(Reference::parse_canonical(&shown).as_ref(), Ok(&reference), "{shown:?}");
    assert_eq!(Reference::parse(&shown).as_ref(), Ok(&reference), "{shown:?}");
    assert!(shown.is_ascii() && !shown.contains(|c: char| c.is_whitespace() || c.is_control()), "{shown:?}");
    assert!(reference.path().len() <= 255 && !reference.path().contains(".."), "{shown:?}");
    let endpoint = Endpoint::new(reference.domain(), false);
    let Some(origin) = endpoint.origin("https") else { return };
    assert_eq!((origin.path(), origin.query(), origin.fragment()), ("/", None, None), "{shown:?}");
    assert_eq!((origin.username(), origin.password()), ("", None), "{shown:?}");
}

/// An entry that can be read is written in a form that reads back as the same.
pub fn entry(data: &[u8]) {
    let fallback = Reference::parse("h.io/fallback:1").expect("a reference");
    for fallback in [None, Some(&fallback)] {
        let Ok(entry) = ListEntry::from_json(data, fallback) else { continue };
        let written = entry.to_json();
        let again = ListEntry::from_json(&written, fallback).expect("an entry that mfst has written");
        assert_eq!(String::from_utf8_lossy(&again.to_json()), String::from_utf8_lossy(&written));
        let _ = (entry.check_legacy_format().is_ok(), entry.payload().is_ok(), entry.bytes());
        let list = ManifestList::build(IndexFormat::Auto, &IndexHeader::default(), [&entry.descriptor]);
        serde_json::from_slice::<serde_json::Value>(&list.bytes).expect("a list that is JSON");
    }
}

/// Any configuration can be lived with.
pub fn config(data: &[u8]) {
    static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));
    static NAMES: LazyLock<Vec<Reference>> = LazyLock::new(|| {
        let names = ["ubuntu", "h.io/a", "h.io:5000/team/app:1", "localhost/a"];
        names.iter().map(|name| Reference::parse(name).expect("a reference")).collect()
    });
    // Tests run beside each other in threads, and each of them has its own file.
    let directory = DIRECTORY.path().join(format!("{:?}", std::thread::current().id()));
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("config.json"), data).expect("a file");
    let console = Console::default();
    let keychain = mfst::config::Config::load(Path::new(&directory), &console).keychain(Duration::ZERO, &console);
    for name in NAMES.iter() {
        assert_eq!(keychain.sources(name), keychain.sources(name));
    }
}

/// A manifest of any kind is understood or refused; the first byte picks the kind.
pub fn manifest(data: &[u8]) {
    const TYPES: [&str; 5] = [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json; charset=utf-8",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "",
    ];
    let Some((kind, bytes)) = data.split_first() else { return };
    let _ = Platform::from_config(bytes);
    match parse(TYPES[usize::from(*kind) % TYPES.len()], bytes) {
        Ok(Manifest::Image(image)) => assert_eq!(image.blobs().count(), 1 + image.layers.len()),
        Ok(Manifest::Index(index)) => {
            let list = ManifestList::build(IndexFormat::Auto, &index.header, &index.manifests);
            let read: serde_json::Value = serde_json::from_slice(&list.bytes).expect("a list that is JSON");
            assert_eq!(read["manifests"].as_array().map(Vec::len), Some(index.manifests.len()));
            // What mfst has built, it understands.
            assert!(
                matches!(parse(list.media_type, &list.bytes), Ok(Manifest::Index(same)) if same.manifests.len() == index.manifests.len())
            );
        }
        Err(error) => drop(error.to_string()),
    }
}

/// A challenge has nothing in it that the header has not.
pub fn challenge(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let headers = || text.split('\n');
    if let Some(Challenge::Bearer { realm, service, scope, error }) = challenge_header::choose(headers()) {
        assert!(realm.len() + service.len() + scope.len() + error.len() <= 4 * text.len());
        assert!([realm, service, scope, error].iter().all(|part| part.chars().all(|c| text.contains(c))));
    }
}

/// An archive of any form is refused, or gives manifests that have their digests and are parts of it.
pub fn archive(data: &[u8]) {
    static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));
    let path = DIRECTORY.path().join(format!("{:?}", std::thread::current().id()));
    fs::write(&path, data).expect("a file");
    let Ok(layout) = Layout::open(&LayoutPath::Archive(path)) else { return };
    let tags = layout.tags().into_iter().take(100).map(LayoutName::Tag);
    for name in tags.chain([LayoutName::Only]) {
        if let Ok(fetched) = layout.manifest(&name, data.len()) {
            assert!(fetched.digest.matches(&fetched.bytes), "{}", fetched.digest);
            let size = layout.blob_size(&fetched.digest).expect("a blob that has been read");
            assert_eq!(size, Some(fetched.bytes.len() as u64), "{}", fetched.digest);
            let _ = layout.referrers(&fetched.digest);
        }
    }
}

/// An error body of any form is told in a few words without orders for a terminal.
pub fn error_body(data: &[u8]) {
    let line = one_line(&String::from_utf8_lossy(data), 500);
    assert!(line.chars().count() <= 500, "{line:?}");
    assert!(!line.contains(is_terminal_control), "{line:?}");
}

/// Wherever a Location leads, it can be shown, and nothing secret is shown of it.
pub fn location(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let base = Url::parse("https://registry.test/v2/a/blobs/uploads/1?x=y").expect("a URL");
    let Ok(target) = base.join(&text) else { return };
    let shown = display_url(&target);
    let again = Url::parse(&shown).expect("a URL");
    assert_eq!((again.query(), again.username(), again.password()), (None, "", None), "{shown}");
    assert!(!shown.contains(|c: char| c.is_control()), "{shown:?}");
    // An address is somewhere, however it is written.
    let host = target.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse() {
        assert_eq!(Locality::stated(&target), Some(Locality::of(address)), "{target}");
    }
}

/// JSON is laid out, packed and cut as JSON, and nothing else is; no text gets out of hand by it.
pub fn json_look(data: &[u8]) {
    let (wide, narrow) = (indent(data, "\t"), compact(data));
    if let Ok(narrow) = &narrow {
        assert_eq!(compact(narrow).as_ref(), Ok(narrow));
        if let Ok(wide) = &wide {
            assert!(wide.len() <= GROWTH * data.len() + ROOM, "{} of {}", wide.len(), data.len());
            assert_eq!(compact(wide).as_ref(), Ok(narrow));
            assert_eq!(indent(wide.trim_ascii(), "\t").as_deref(), Ok(wide.trim_ascii()));
        }
    } else if !matches!(wide, Err(SyntaxError::TooLong(_))) {
        assert_eq!(wide.as_ref().err(), narrow.as_ref().err());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let valid = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    let too_deep = matches!(narrow, Err(SyntaxError::TooDeep));
    assert!(valid == narrow.is_ok() || too_deep, "{text:?}");
    assert!(text.starts_with(first_value(text)));
    let written = marshal(&text);
    assert_eq!(serde_json::from_slice::<String>(&written).expect("a string"), text);
}

/// A list file is understood or refused with a place in it. Any annotation can be written to one and read back.
pub fn spec(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.split('\n').count() + 1;
    for error in spec::parse("F", &text, &|_| None).err().into_iter().flatten() {
        if let SpecError::At { position, .. } = error {
            assert!((1..=lines).contains(&position.line) && position.column > 0, "{position}");
        }
    }
    // YAML cannot express NUL, and takes no surrogates or line separators as they are; the writer escapes them.
    let annotations = BTreeMap::from([(text.to_string(), text.to_string()), ("k".to_owned(), text.to_string())]);
    let image = Reference::parse("h.io/list:1").expect("a reference");
    let header = IndexHeader { annotations, ..IndexHeader::default() };
    let entries = vec![SpecEntry { image: image.clone(), platform: None, annotations: BTreeMap::new() }];
    let written = SpecText { notes: Vec::new(), image: &image, format: IndexFormat::Auto, header, entries };
    let read = spec::parse("F", &written.to_string(), &|_| None);
    let read = read.unwrap_or_else(|errors| panic!("{errors:?}: {written}"));
    assert_eq!(read[0].annotations, written.header.annotations, "{written}");
}
