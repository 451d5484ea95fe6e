//! The servers of the benchmark: a registry and a token server with network latency.

use std::cell::Cell;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::relay::Relay;
use crate::tools::{Contact, Names, Tool};
use mfst_testkit::acl::Acl;
use mfst_testkit::certs::{self, Identity};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::proxy::Proxy;
use mfst_testkit::sample::{OCI_INDEX, Sample, index};
use mfst_testkit::sandbox::{CommandOutput, Sandbox};
use mfst_testkit::token_server::TokenServer;

const PLATFORMS: [&str; 10] = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/s390x",
    "linux/ppc64le",
    "linux/386",
    "linux/riscv64",
    "linux/arm/v6",
    "linux/mips64le",
    "linux/arm/v5",
];

/// The names of the servers. Many tools treat loopback addresses specially, so a local proxy without latency resolves
/// names.
const REGISTRY: &str = "registry.test";
const OTHER: &str = "other.test";
const AUTH: &str = "tokens.test";

/// The cost of a run of a tool.
#[derive(Debug)]
pub struct Cost {
    /// The time of all its commands together.
    pub wall: Duration,
    /// Connections to the registry and to its token server.
    pub connections: u64,
    /// Requests to the registry.
    pub requests: usize,
    /// Requests to the token server.
    pub tokens: usize,
    /// The peak memory of its commands in MiB, on Linux.
    pub memory: Option<u64>,
}

/// Runs a command; returns its time and its peak memory.
fn run(command: &mut Command) -> Result<(Duration, Option<u64>), String> {
    let begun = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let (process, is_over) = (child.id(), AtomicBool::new(false));
    let watch = || {
        let mut peak = None;
        while !is_over.load(Ordering::SeqCst) {
            peak = peak.max(peak_of(process));
            thread::sleep(Duration::from_millis(1));
        }
        peak
    };
    let (output, wall, peak) = thread::scope(|scope| {
        let watch = scope.spawn(watch);
        let output = child.wait_with_output();
        let wall = begun.elapsed();
        is_over.store(true, Ordering::SeqCst);
        (output, wall, watch.join().expect("the end of the watch"))
    });
    let ran = CommandOutput::from(output.map_err(|error| error.to_string())?);
    match ran.code {
        Some(0) => Ok((wall, peak)),
        _ => Err(format!("failed: {}", ran.stderr.lines().next().unwrap_or_default())),
    }
}

/// The peak memory of a process so far, in MiB.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kibibytes| kibibytes.div_ceil(1024))
}

/// A registry with images `src/0:1`, `src/1:1`, … and a list of them, `src/list:1`; and another registry, which is empty.
pub struct Bed {
    registry: Embedded,
    other: Embedded,
    tokens: TokenServer,
    ways: [Relay; 3],
    names: Proxy,
    identity: Identity,
    images: usize,
    runs: Cell<usize>,
}

impl Bed {
    /// With this many images of this many blobs each.
    pub fn new(rtt: Duration, images: usize, blobs: usize) -> Self {
        let identity = certs::private_ca();
        let acl = Acl::default().user("bench", "secret", &[("*", "pull,push")]);
        let tokens = TokenServer::plain(acl).tls(&identity).start();
        let to_tokens = Relay::start(tokens.address(), rtt);
        let realm = format!("https://{AUTH}/token");
        let challenge = format!("Bearer realm=\"{realm}\",service=\"{{service}}\"{{scope}}{{error}}");
        let [registry, other] =
            [(); 2].map(|()| Embedded::plain().tls(&identity).bearer_challenges(&tokens, &[&challenge]).start());
        let mut samples = Vec::new();
        for image in 0..images {
            let layers: Vec<String> = (1..blobs).map(|layer| format!("layer {layer} of {image}")).collect();
            let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
            let sample = Sample::oci_with_layers(PLATFORMS[image % PLATFORMS.len()], &layers);
            registry.put_image(&format!("src/{image}"), "1", &sample);
            samples.push(sample);
        }
        let entries: Vec<Value> = samples.iter().map(Sample::index_entry).collect();
        for sample in &samples {
            registry.put_image("src/list", &sample.digest(), sample);
        }
        registry.put_manifest("src/list", "1", OCI_INDEX, &index(OCI_INDEX, &entries));
        let ways = [Relay::start(registry.address(), rtt), Relay::start(other.address(), rtt), to_tokens];
        let route = |host: &str| format!("{host}:443");
        let [first, second, auth] = &ways;
        let names = Proxy::open().route(&route(REGISTRY), first.address()).route(&route(OTHER), second.address());
        let names = names.route(&route(AUTH), auth.address()).start();
        Self { registry, other, tokens, ways, names, identity, images, runs: Cell::new(0) }
    }

    /// An empty home with logins for the registries.
    pub fn home(&self) -> Sandbox {
        let mut home = Sandbox::running(&[env!("CARGO_BIN_EXE_mfst-bench").as_ref()]);
        home.log_in_to(&[REGISTRY, OTHER].map(|host| (host, "bench", "secret")));
        home.env("HTTPS_PROXY", self.names.url());
        home.env("SSL_CERT_FILE", self.identity.ca_file());
        home
    }

    /// Runs a tool with a new target repository and checks the result.
    pub fn cost(&self, tool: &Tool) -> Result<Cost, String> {
        self.runs.set(self.runs.get() + 1);
        let repository = format!("dst/{}", self.runs.get());
        let names = Names {
            list: format!("{REGISTRY}/{repository}:1"),
            images: (0..self.images).map(|image| format!("{REGISTRY}/src/{image}:1")).collect(),
        };
        let home = self.home_for(tool)?;
        let cost = self.spent(&mut (tool.commands)(&home, &names))?;
        check(&self.registry, &repository, self.images)?;
        Ok(cost)
    }

    /// Runs a tool that makes the lists of a release of all images: all of them together, or one at a time.
    pub fn release_cost(&self, tool: &Tool, is_together: bool) -> Result<Cost, String> {
        self.runs.set(self.runs.get() + 1);
        let repository = format!("dst/{}", self.runs.get());
        let names = Names {
            list: format!("{REGISTRY}/{repository}:1"),
            images: (0..self.images).map(|image| format!("{REGISTRY}/src/{image}:1")).collect(),
        };
        let home = self.home_for(tool)?;
        let mut commands = if is_together {
            (tool.commands)(&home, &names)
        } else {
            names.lists().iter().flat_map(|names| (tool.commands)(&home, names)).collect()
        };
        let cost = self.spent(&mut commands)?;
        for (number, list) in names.lists().iter().enumerate() {
            check(&self.registry, &format!("{repository}-{number}"), list.images.len())?;
        }
        Ok(cost)
    }

    /// Runs a tool that copies the list to a new repository: of the same registry, or of the other one.
    pub fn copying_cost(&self, tool: &Tool, is_other: bool) -> Result<Cost, String> {
        self.runs.set(self.runs.get() + 1);
        let repository = format!("copy/{}", self.runs.get());
        let (host, registry) = if is_other { (OTHER, &self.other) } else { (REGISTRY, &self.registry) };
        let (list, images) = (format!("{host}/{repository}:1"), vec![format!("{REGISTRY}/src/list:1")]);
        let home = self.home_for(tool)?;
        if is_other && tool.contact == Contact::Again {
            // There is no such image, but the registry has been met.
            let _ = run(&mut home.command(&["exists", &format!("{OTHER}/src/0:1")]));
        }
        let cost = self.spent(&mut (tool.commands)(&home, &Names { list, images }))?;
        check(registry, &repository, self.images)?;
        Ok(cost)
    }

    /// Runs a tool that finds out about a list.
    pub fn reading_cost(&self, tool: &Tool) -> Result<Cost, String> {
        let names = Names { list: format!("{REGISTRY}/src/list:1"), images: Vec::new() };
        self.spent(&mut (tool.commands)(&self.home_for(tool)?, &names))
    }

    /// A home in which mfst has met the registry before, if that is what the tool is measured with.
    fn home_for(&self, tool: &Tool) -> Result<Sandbox, String> {
        let home = self.home();
        if tool.contact == Contact::Again {
            run(&mut home.command(&["exists", &format!("{REGISTRY}/src/0:1")]))?;
        }
        Ok(home)
    }

    fn spent(&self, commands: &mut [Command]) -> Result<Cost, String> {
        self.registry.log().clear();
        self.other.log().clear();
        let (tokens, connections) = (self.tokens.log().entries().len(), self.connections());
        let (mut wall, mut memory) = (Duration::ZERO, None);
        for command in commands {
            let (time, peak) = run(command)?;
            wall += time;
            memory = memory.max(peak);
        }
        Ok(Cost {
            wall,
            memory,
            connections: self.connections() - connections,
            requests: self.registry.log().entries().len() + self.other.log().entries().len(),
            tokens: self.tokens.log().entries().len() - tokens,
        })
    }

    fn connections(&self) -> u64 {
        self.ways.iter().map(Relay::connections).sum()
    }
}

/// Checks that the repository has a list of this many images, and everything in it.
fn check(registry: &Embedded, repository: &str, images: usize) -> Result<(), String> {
    let read = |reference: &str| -> Option<Value> {
        serde_json::from_slice(&registry.manifest(repository, reference)?.1).ok()
    };
    let list = read("1").ok_or("made no list")?;
    let entries: Vec<&Value> = list["manifests"].as_array().into_iter().flatten().collect();
    if entries.len() != images {
        return Err(format!("made a list of {} images", entries.len()));
    }
    for entry in entries {
        let image = entry["digest"].as_str().and_then(read).ok_or("left an image behind")?;
        let layers = image["layers"].as_array().into_iter().flatten();
        let mut blobs = layers.chain([&image["config"]]).filter_map(|blob| blob["digest"].as_str());
        if !blobs.all(|digest| registry.has_blob(repository, digest)) {
            return Err("left a blob behind".to_owned());
        }
    }
    Ok(())
}

/// The real round-trip time of a relay: the average time of an exchange of one byte on an open connection.
pub fn round_trip(rtt: Duration) -> Duration {
    const EXCHANGES: u32 = 20;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let relay = Relay::start(listener.local_addr().expect("the bound address"), rtt);
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
    });
    let mut stream = TcpStream::connect(relay.address()).expect("a connection");
    let mut exchange = || stream.write_all(b"x").and_then(|()| stream.read_exact(&mut [0])).expect("an echo");
    exchange();
    let begun = Instant::now();
    (0..EXCHANGES).for_each(|_| exchange());
    let mean = begun.elapsed() / EXCHANGES;
    drop(stream);
    echo.join().expect("the end of the echo");
    mean
}
