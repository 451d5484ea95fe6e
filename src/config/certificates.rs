//! Certificate files: those for single hosts in `certs.d/HOST[:PORT]/` (docker's documentation, "Verify repository client
//! with certificates"), and `SSL_CERT_FILE`.

use crate::file::{self, ReadError};
use crate::output::Console;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The certificate files for one host, as PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostCertificates {
    /// `*.crt`: authorities to trust in addition to the system's, all files in one.
    pub authorities: Vec<u8>,
    /// `*.cert` and `*.key`: the client certificate and its key; the first pair in the order of the names.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// The directories named `certs.d`, in the order in which they are searched.
#[derive(Debug, Clone, Default)]
pub struct CertificateDirectories {
    directories: Vec<PathBuf>,
}

impl CertificateDirectories {
    /// docker's directory (below `RootlessKit`, that of the user), the one in the configuration directory, and those of the
    /// containers tools.
    #[must_use]
    pub fn new(config_directory: &Path) -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home_config = variable("XDG_CONFIG_HOME").or_else(|| Some(dirs::home_dir()?.join(".config")));
        let rootless = variable("ROOTLESSKIT_STATE_DIR").and(home_config.clone());
        let docker = rootless.map_or_else(|| PathBuf::from("/etc/docker"), |home| home.join("docker"));
        let containers = home_config.map(|home| home.join("containers"));
        let roots = [Some(docker), Some(config_directory.to_owned()), containers, Some("/etc/containers".into())];
        Self { directories: roots.into_iter().flatten().map(|root| root.join("certs.d")).collect() }
    }

    /// The certificates for a `host[:port]`, from its first directory. A directory that cannot be read is skipped. The
    /// error is docker's message.
    pub fn load(&self, host: &str, console: &Console) -> Result<HostCertificates, String> {
        for directory in self.directories.iter().map(|directory| directory.join(host)) {
            match list(&directory) {
                Ok(names) => return read(&directory, &names, console),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => console.debug(format_args!("skipping {}: {error}", directory.display())),
            }
        }
        Ok(HostCertificates::default())
    }
}

/// The certificates in `SSL_CERT_FILE`, as PEM. The error says why it cannot be read:
/// without them, no certificate at all would be trusted.
pub fn named_by_user() -> Result<Vec<u8>, String> {
    let Some(path) = env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    file::read(&path).map_err(|error| format!("SSL_CERT_FILE={}: {error}", path.display()))
}

fn list(directory: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn read(directory: &Path, names: &[String], console: &Console) -> Result<HostCertificates, String> {
    let mut found = HostCertificates::default();
    // A file that cannot be read is skipped like a directory that cannot.
    let file = |name: &str| {
        let path = directory.join(name);
        let read = file::read(&path).inspect_err(|error| match error {
            ReadError::Io(_) => console.debug(format_args!("skipping {}: {error}", path.display())),
            _ => console.warn(format_args!("skipping {}: {error}", path.display())),
        });
        read.inspect(|_| console.debug(format_args!("using {}", path.display()))).ok()
    };
    for name in names {
        if name.strip_suffix(".crt").is_some() {
            found.authorities.extend(file(name).into_iter().flatten().chain(*b"\n"));
        } else if let Some(stem) = name.strip_suffix(".cert") {
            let key = format!("{stem}.key");
            if !names.contains(&key) {
                return Err(format!(
                    "missing key {key} for client certificate {name}. CA certificates must use the extension .crt"
                ));
            }
            if found.identity.is_none() {
                found.identity = file(name).zip(file(&key));
            }
        } else if let Some(stem) = name.strip_suffix(".key") {
            let certificate = format!("{stem}.cert");
            if !names.contains(&certificate) {
                return Err(format!("missing client certificate {certificate} for key {name}"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<HostCertificates, String> {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("h.io:5000");
        fs::create_dir(&directory).unwrap();
        for (name, content) in files {
            fs::write(directory.join(name), content).unwrap();
        }
        CertificateDirectories { directories: vec![root.path().to_owned()] }.load("h.io:5000", &Console::default())
    }

    #[test]
    fn authorities_and_the_first_pair_are_taken() {
        let files = [
            ("b.cert", "B"),
            ("b.key", "k"),
            ("a.cert", "A"),
            ("a.key", "K"),
            ("1.crt", "x"),
            ("2.crt", "y"),
            ("README", ""),
        ];
        let found = load(&files).unwrap();
        assert_eq!(
            found,
            HostCertificates { authorities: b"x\ny\n".to_vec(), identity: Some((b"A".to_vec(), b"K".to_vec())) }
        );
    }

    #[test]
    fn half_a_pair_is_refused_in_dockers_words() {
        let message = load(&[("client.cert", "")]).unwrap_err();
        assert_eq!(
            message,
            "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt"
        );
        assert_eq!(
            load(&[("client.key", "")]).unwrap_err(),
            "missing client certificate client.cert for key client.key"
        );
    }

    #[test]
    fn no_directory_means_nothing_special() {
        let none = CertificateDirectories { directories: vec!["/nonexistent".into()] };
        assert_eq!(none.load("h.io", &Console::default()), Ok(HostCertificates::default()));
    }
}
