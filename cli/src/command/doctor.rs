// SPDX-License-Identifier: MIT OR Apache-2.0

//! `kipc doctor`: why there is no bus, and the one thing that helps.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use libkipc::Bus;
use libkipc::Error;
use serde::Serialize;

use crate::cli::Doctor;
use crate::failure::Failure;
use crate::output;

/// The probe that the packages ask, too.
const PROBE: &str = include_str!("../../rust-available");

/// Where dkms keeps what it knows of the module.
const DKMS: &str = "/var/lib/dkms/kipc";

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    /// Whether the bus can be used.
    usable: bool,
    /// Release of the running kernel.
    kernel: String,
    /// Version of the module, if it is loaded.
    loaded: Option<String>,
    /// The module's file for the running kernel.
    file: Option<String>,
    /// Why the bus cannot be used, and what helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

pub(crate) fn run(protocol: u32, arguments: &Doctor) -> Result<(), Failure> {
    let findings = match &arguments.kernel {
        None => examine(protocol),
        Some(kernel) => examine_installed(kernel),
    };
    output::line(&if arguments.json {
        output::json(&findings)
    } else {
        text(&findings)
    })?;
    if findings.usable {
        Ok(())
    } else {
        Err(Failure::Unusable)
    }
}

fn text(findings: &Findings) -> String {
    let unknown = || "none".to_owned();
    format!(
        "kernel  {}\nmodule  {}\nfile    {}\n{}",
        findings.kernel,
        findings.loaded.clone().unwrap_or_else(unknown),
        findings.file.clone().unwrap_or_else(unknown),
        match &findings.trouble {
            None if findings.loaded.is_none() => "the module is built".to_owned(),
            None => "the bus can be used".to_owned(),
            Some(trouble) => format!("the bus cannot be used: {trouble}"),
        }
    )
}

fn examine(protocol: u32) -> Findings {
    let kernel = kernel_release();
    // The kernel loads its module now, if it can.
    let trouble = Bus::connect_protocol(protocol).err();
    let file = module_file(&kernel);
    let trouble = trouble.map(|error| match error {
        Error::ModuleMissing => diagnose(&kernel, file.as_deref(), protocol),
        error => error.with_sources(),
    });
    Findings {
        usable: trouble.is_none(),
        loaded: loaded_version(),
        kernel,
        file,
        trouble,
    }
}

/// What will be found on another kernel, once it runs.
fn examine_installed(kernel: &str) -> Findings {
    let file = module_file(kernel);
    let trouble = file.is_none().then(|| why_not_built(kernel));
    Findings {
        usable: trouble.is_none(),
        loaded: None,
        kernel: kernel.to_owned(),
        file,
        trouble,
    }
}

/// Why the module is not there.
fn diagnose(kernel: &str, file: Option<&str>, protocol: u32) -> String {
    if let Some(version) = loaded_version() {
        return format!(
            "the module {version} is loaded, but not on netlink protocol {protocol}: give kipc \
             --protocol what the module was given as protocol= (see dmesg)"
        );
    }
    if file.is_some() {
        return match modprobe() {
            Ok(()) => "the module can be loaded, but the kernel did not do so by itself: run \
                       modprobe kipc at boot (a file in /etc/modules-load.d that says kipc)"
                .into(),
            Err(why) if why.contains("Key was rejected") || why.contains("key not available") => {
                "the kernel loads only modules whose signer it knows (Secure Boot), and it does not \
                 know dkms: run mokutil --import /var/lib/dkms/mok.pub, reboot, and choose Enroll MOK"
                    .into()
            }
            Err(why) => format!("the module does not load: {why}"),
        };
    }
    why_not_built(kernel)
}

/// Why there is no file of the module for a kernel.
fn why_not_built(kernel: &str) -> String {
    let build = format!("/lib/modules/{kernel}/build");
    match probe(&build) {
        Ok(answer) if answer == "y" || answer == "regenerate" => {
            if !Path::new(DKMS).exists() {
                "the module is not installed: install the package kipc-dkms, or run make install \
                 in its sources"
                    .into()
            } else if let Some(reason) = reason_of_dkms(kernel) {
                format!("the module is not built for this kernel, because {reason}")
            } else {
                format!("the module is not built for this kernel: run dkms autoinstall -k {kernel}")
            }
        }
        Ok(missing) => format!("the module is not built for this kernel, because {missing}"),
        Err(error) => format!("the module is not built for this kernel ({error})"),
    }
}

/// What `packaging/dkms-prepare` wrote to dkms's log, if its last build was for this kernel.
fn reason_of_dkms(kernel: &str) -> Option<String> {
    fs::read_dir(DKMS).ok()?.find_map(|version| {
        let log = fs::read_to_string(version.ok()?.path().join("build/make.log")).ok()?;
        reason_in_log(&log, kernel).map(str::to_owned)
    })
}

fn reason_in_log<'a>(log: &'a str, kernel: &str) -> Option<&'a str> {
    let head = log.lines().next()?;
    head.contains(&format!(" for kernel {kernel} "))
        .then_some(())?;
    log.lines()
        .find_map(|line| line.strip_prefix("kipc is not built: "))
}

fn kernel_release() -> String {
    nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn loaded_version() -> Option<String> {
    let version = fs::read_to_string("/sys/module/kipc/version").ok()?;
    Some(version.trim().to_owned())
}

/// Where the module lies, as modprobe would find it.
fn module_file(kernel: &str) -> Option<String> {
    let directory = format!("/lib/modules/{kernel}");
    let list = fs::read_to_string(format!("{directory}/modules.dep")).ok()?;
    let name = list.lines().find_map(|line| {
        let (path, _) = line.split_once(':')?;
        let file = path.rsplit('/').next()?;
        (file.split('.').next() == Some("kipc")).then(|| path.to_owned())
    })?;
    Some(format!("{directory}/{name}"))
}

/// Tries it; an error says why not.
fn modprobe() -> Result<(), String> {
    let output = Command::new("modprobe")
        .args(["--dry-run", "kipc"])
        .output()
        .map_err(|error| format!("modprobe cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    if !nix::unistd::geteuid().is_root() {
        // Only root can find out more.
        return Ok(());
    }
    let output = Command::new("modprobe")
        .arg("kipc")
        .output()
        .map_err(|error| format!("modprobe cannot be run: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("{why} (dmesg says more)"))
    }
}

/// What the packages' probe says of a kernel build tree: `y`, or what is missing.
fn probe(build: &str) -> Result<String, String> {
    let failed = |error| format!("the probe cannot be run: {error}");
    let mut shell = Command::new("sh")
        .args(["-s", build])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = shell.stdin.take() {
        input.write_all(PROBE.as_bytes()).map_err(failed)?;
    }
    let output = shell.wait_with_output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_names_what_is_missing() {
        let answer = probe("/nowhere").unwrap();
        assert!(
            answer.starts_with("there is no kernel build tree at /nowhere"),
            "{answer}"
        );
    }

    #[test]
    fn the_log_of_dkms_is_of_one_kernel() {
        let log = "DKMS (dkms-3.2.2) make.log for kipc/0.1.0 for kernel 7.2.13+deb14-amd64 (x86_64)\n\
                   Tue Nov 24\n\
                   kipc is not built: there is no room\n\
                   # exit code: 77\n";
        assert_eq!(
            reason_in_log(log, "7.2.13+deb14-amd64"),
            Some("there is no room")
        );
        assert_eq!(reason_in_log(log, "7.2.13"), None);
        assert_eq!(reason_in_log("", "7.2.13"), None);
    }

    #[test]
    fn what_is_wrong_is_one_sentence() {
        let findings = examine(30);
        assert!(!findings.usable);
        let trouble = findings.trouble.unwrap();
        assert!(!trouble.is_empty() && !trouble.contains('\n'), "{trouble}");
    }
}
