//! What needs no network: `cargo bench -p mfst-bench --bench pure`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking, and is nobody's interface")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mfst::digest::Digest;
use mfst::draft::{Draft, ListSettings};
use mfst::json::indent;
use mfst::manifest::{Descriptor, ImageKind, ImageManifest, ListEntry, OCI_MANIFEST, Platform};
use mfst::reference::Reference;
use mfst::store::Store;
use std::hint::black_box;
use tempfile::TempDir;

const SIZES: [usize; 3] = [10, 100, 1000];

fn image(number: usize) -> ListEntry {
    let layer = |layer: usize| {
        let digest = Digest::of(format!("{number} {layer}").as_bytes());
        format!(r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}","size":31337}}"#)
    };
    let layers: Vec<String> = (1..9).map(layer).collect();
    let raw = format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, layer(0), layers.join(",")).into_bytes();
    let descriptor = Descriptor {
        media_type: OCI_MANIFEST.to_owned(),
        digest: Digest::of(&raw).to_string(),
        size: i64::try_from(raw.len()).unwrap(),
        platform: Some(Platform { architecture: "amd64".into(), os: "linux".into(), ..Platform::default() }),
        ..Descriptor::default()
    };
    let reference = Reference::parse(&format!("example.com/team/app-{number}:1.0")).unwrap();
    let manifest = ImageManifest::read(ImageKind::Oci, &raw).unwrap();
    ListEntry::new(reference, descriptor, manifest.into(), raw.into())
}

fn draft(size: usize) -> Draft {
    let name = Reference::parse("example.com/app:1.0").unwrap();
    Draft::new(name, (0..size).map(image).collect(), Vec::new(), ListSettings::default())
}

fn references(criterion: &mut Criterion) {
    let digest = Digest::of(b"");
    for name in
        ["ubuntu", "registry.example.com:5000/team/project/app:1.0-rc.1", &format!("example.com/app:1@{digest}")]
    {
        criterion.bench_function(&format!("reference {}", name.len()), |bencher| {
            bencher.iter(|| Reference::parse(black_box(name)).unwrap());
        });
    }
}

fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("entries");
    for size in SIZES {
        let draft = draft(size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("build a list", size), &draft, |bencher, draft| {
            bencher.iter(|| draft.list());
        });
        group.bench_with_input(BenchmarkId::new("indent a list", size), &draft.list(), |bencher, list| {
            bencher.iter(|| indent(black_box(&list.bytes), "\t").unwrap());
        });
        group.bench_with_input(BenchmarkId::new("write to the store", size), &draft, |bencher, draft| {
            bencher.iter_batched(
                || TempDir::new().unwrap(),
                |directory| {
                    Store::new(directory.path()).create(draft).unwrap();
                    directory
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new("read from the store", size), &draft, |bencher, draft| {
            let directory = TempDir::new().unwrap();
            let store = Store::new(directory.path());
            store.create(draft).unwrap();
            bencher.iter(|| store.load(&draft.name).unwrap());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = references, lists
}
criterion_main!(benches);
