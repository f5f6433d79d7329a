// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `kipc` does where there is no bus: help, wrong arguments, and the missing module.

use std::process::Command;
use std::process::Output;

fn kipc(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kipc"))
        .args(arguments)
        .output()
        .expect("kipc runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("kipc prints UTF-8")
}

/// Whether this machine has the module. The tests of its absence have nothing to test then.
fn module_is_there() -> bool {
    libkipc::Bus::connect().is_ok()
}

#[test]
fn help_lists_verbs_and_exit_codes_on_standard_output() {
    let output = kipc(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for word in ["pub", "sub", "info", "Exit codes", "--protocol"] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
}

#[test]
fn version_is_that_of_the_package() {
    let output = kipc(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        concat!("kipc ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn wrong_arguments_exit_with_2_and_say_why() {
    for (arguments, why) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["pub"], "TOPIC"),
        (&["pub", "a//b", "x"], "empty segment"),
        (&["pub", "a/*", "x"], "only patterns"),
        (&["sub", "a*"], "whole segments"),
        (&["sub", "a", "--count", "0"], "0"),
        (&["sub", "a", "--timeout", "soon"], "seconds"),
        (&["info", "--protocol", "32"], "32"),
    ] {
        let output = kipc(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(why), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn missing_module_exits_with_3_and_says_how_to_get_it() {
    if module_is_there() {
        return;
    }
    for arguments in [&["info"][..], &["pub", "a", "x"], &["sub", "a"]] {
        let output = kipc(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(
            error.contains("modprobe kipc") && error.contains("kipc-dkms"),
            "{error}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn completions_and_manual_pages_come_from_the_arguments() {
    for shell in ["bash", "zsh", "fish"] {
        let output = kipc(&["completions", shell]);
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("subscriptions"),
            "{shell}"
        );
    }
    let directory = std::env::temp_dir().join(format!("kipc-man-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    assert!(kipc(&["man", directory.to_str().unwrap()]).status.success());
    let page = std::fs::read_to_string(directory.join("kipc-pub.1")).unwrap();
    assert!(
        page.contains("KIPC\\-PUB") || page.contains("KIPC-PUB"),
        "{page}"
    );
    assert!(page.contains("last\\-will"), "{page}");
    assert!(directory.join("kipc.1").exists() && directory.join("kipc-top.1").exists());
    std::fs::remove_dir_all(directory).unwrap();
}
