// SPDX-License-Identifier: GPL-2.0

//! A user has one quota on the machine, not one on each bus that it can make, nor one for each
//! further user that it can become in a user namespace of its own.

use crate::client::Client;
use crate::kernel;
use crate::late;
use crate::process::Process;
use crate::role::say;
use crate::wire::refusal::Refusal;
use std::fs;
use std::time::Duration;

const USER: u32 = 1001;
const LEN: usize = 150_000;
const MOST: u32 = (16 << 20) / LEN as u32;

/// Says a line, then stays until it is killed.
fn say_and_stay(line: &str) {
    say(line);
    std::thread::sleep(Duration::from_secs(600));
}

/// In another process: retains as much as it may; says how many messages that were.
pub fn retain(topic: &str) {
    let client = Client::open();
    let id = client.advertise_history(topic, 4096).expect("advertise");
    for _ in 0..MOST {
        client.publish(id, &[7; LEN]);
    }
    let all = late::retained(&client);
    let (_, retained) = all.iter().find(|(name, _)| name == topic).expect("it");
    say_and_stay(&retained.to_string());
}

/// In another process: makes as much as it may; says how many topics, subscriptions with a wildcard
/// and subscriptions in all that were.
pub fn fill() {
    let client = Client::open();
    let count = |result: Result<(), crate::client::Refused>| match result {
        Ok(()) => 1,
        Err(why) => {
            let errno = Refusal::TooManyTopicsOfUser.errno();
            assert_eq!(why.errno, errno, "{}", why.sentence);
            0
        }
    };
    let mut counts = [0; 3];
    for number in 0..20 {
        counts[0] += count(client.try_advertise(&format!("t/{number}"), 0).map(|_| ()));
        counts[1] += count(
            client
                .try_subscribe(&format!("w/{number}/*"), 0)
                .map(|_| ()),
        );
    }
    counts[2] = counts[1];
    for number in 0..20 {
        counts[2] += count(client.try_subscribe(&format!("s/{number}"), 0).map(|_| ()));
    }
    say_and_stay(&format!("{} {} {}", counts[0], counts[1], counts[2]));
}

fn number(process: &mut Process) -> u32 {
    process.line().parse().expect("a number")
}

/// Each of three namespaces has a bus of its own, on which the user retains what it may.
pub fn bounds_what_is_retained() {
    let mut processes = Vec::new();
    let mut each = Vec::new();
    for _ in 0..3 {
        let mut process = Process::role_as_user_unshared(USER, "-Urn", &["quota-retain", "kept"]);
        each.push(number(&mut process));
        processes.push(process);
    }
    drop(processes);
    let sum: u32 = each.iter().sum();
    assert!(
        sum <= MOST,
        "a user may retain {MOST} messages, not {each:?} in its namespaces"
    );
    assert!(each[0] > MOST / 2, "{each:?}");
}

/// What is counted in numbers is counted over all namespaces, too; and given back with them.
pub fn bounds_topics_and_subscriptions() {
    kernel::unload();
    kernel::load_with(&[
        "topics_per_user=10",
        "subscriptions_per_user=12",
        "patterns_per_user=6",
    ]);
    let run = || {
        let mut sums = [0; 3];
        let mut processes = Vec::new();
        for _ in 0..3 {
            let mut process = Process::role_as_user_unshared(USER, "-Urn", &["quota-fill"]);
            let line = process.line();
            let counts = line.split(' ').map(|n| n.parse::<u32>().expect("a number"));
            sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            processes.push(process);
        }
        sums
    };
    let sums = [run(), run()];
    kernel::unload();
    kernel::load();
    assert_eq!(
        sums,
        [[10, 6, 12]; 2],
        "topics, subscriptions with a wildcard, and all subscriptions of one user"
    );
}

/// A user may be given further users in its user namespace. They have quotas, and all of them
/// together no more than the user has: also those who make a user namespace in that one.
pub fn bounds_the_users_of_a_user_namespace() {
    let holder = Process::role_as_user_unshared(USER, "-U", &["quota-hold"]).ready();
    let pid = holder.id().to_string();
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{pid}/{map}"), "0 100000 65536").expect("a map");
    }
    let mut processes = Vec::new();
    let mut each = Vec::new();
    for inside in ["0", "1", "2", "3"] {
        let nested: &[&str] = if inside == "3" {
            &["unshare", "-Ur"]
        } else {
            &[]
        };
        let enter = ["nsenter", "-t", &pid, "-U", "-S", inside, "-G", inside];
        let topic = format!("sub/{inside}");
        let role = ["quota-retain", &topic];
        let mut process = Process::role_behind(&[&enter, nested].concat(), &role);
        each.push(number(&mut process));
        processes.push(process);
    }
    drop(processes);
    drop(holder);
    for inside in 0..4 {
        // Where nothing was retained, there is no topic.
        let _ = Client::open().clear(&format!("sub/{inside}"));
    }
    let sum: u32 = each.iter().sum();
    assert!(
        sum <= MOST,
        "a user may retain {MOST} messages, not {each:?} by the users in its user namespace"
    );
    assert!(each[0] > MOST / 2, "{each:?}");
}

/// In another process: holds its namespaces.
pub fn hold() {
    say_and_stay("ready");
}
