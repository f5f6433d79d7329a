// SPDX-License-Identifier: GPL-2.0

//! A memory cgroup at its limit, by what its processes make the kernel keep.

use super::exact;
use super::exact::Bystander;
use crate::client::Client;
use crate::client::Refused;
use crate::client::Terms;
use crate::kernel;
use crate::process::Process;
use crate::storm::Storm;
use std::fs;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A full run: how often each kind.
const FULL: u32 = 5;

/// How many topics retain messages.
const RETAINING: u64 = 6;

/// Beyond what a process needed for the part that is measured, in bytes.
const ROOM: u64 = 4 << 20;

/// What a process makes the kernel keep.
struct Kind {
    name: &'static str,
    /// How many bytes of slab the kernel charges to the process's cgroup for each.
    charge: RangeInclusive<u64>,
}

/// What the kernel does not charge must have another limit: queues by SO_RCVBUF and the number of
/// sockets. Of these, a few bytes of bookkeeping are charged.
const KINDS: [Kind; 6] = [
    Kind {
        name: "topics",
        charge: 500..=2000,
    },
    Kind {
        name: "subscriptions",
        charge: 400..=2000,
    },
    Kind {
        name: "audiences",
        charge: 80..=1000,
    },
    Kind {
        name: "retained",
        charge: 600..=2000,
    },
    Kind {
        name: "own-queues",
        charge: 0..=80,
    },
    Kind {
        name: "queues-of-others",
        charge: 0..=20,
    },
];

/// Who causes an allocation pays for it; what he cannot pay for ends him, and nobody else.
pub fn pays_for_what_its_processes_cause(storm: &Storm) {
    let rounds = storm.times(FULL);
    // What a system has unless somebody says otherwise.
    fs::write("/proc/sys/net/core/rmem_max", "212992").expect("a setting");
    let log = Log::quiet();
    let root = Root::mount();
    let bystander = Bystander::start("bystander", Duration::from_millis(1));
    let observer = Client::open();
    for round in 0..rounds {
        for kind in &KINDS {
            let others: Vec<Client> = (0..300)
                .map(|_| {
                    let client = Client::open();
                    client.subscribe("hog/others");
                    client
                })
                .collect();
            let what = hog(&root, kind, &observer);
            drop(others);
            // Its end is over when it has been waited for.
            assert_eq!(observer.counts(), (1, 2, 1), "the bystander's");
            if round == 0 {
                println!("# {:16} {what}", kind.name);
            }
        }
    }
    let undisturbed = bystander.finish();
    assert_eq!(observer.counts(), (0, 0, 0));
    drop(observer);
    assert_eq!(kernel::user_sockets(), 0);
    drop(root);
    drop(log);
    println!(
        "# {} messages beside it, the longest took {} ms",
        undisturbed.messages,
        undisturbed.longest.as_millis()
    );
}

/// One process in a cgroup of its own; says what became of it.
fn hog(root: &Root, kind: &Kind, observer: &Client) -> String {
    let group = root.group();
    let go = format!("/tmp/kipc-go-{}", kind.name);
    let _ = fs::remove_file(&go);
    let mut process = Process::role_as_user(1000, &["storm", "memory-cgroup", kind.name, &go]);
    assert_eq!(process.line(), "waits");
    group.write("cgroup.procs", &process.id().to_string());
    let (before, slab) = (group.slab(), kernel::unreclaimable_slab());
    fs::write(&go, "measure").expect("say so");
    let line = process.line();
    let kept: u64 = line.parse().expect("how many it made");
    let charged = group.slab().saturating_sub(before);
    // That of all, with what a debug kernel adds.
    let slab = kernel::unreclaimable_slab().saturating_sub(slab);
    let each = charged / kept;
    assert!(
        kind.charge.contains(&each),
        "{}: {each} bytes are charged for each of {kept}",
        kind.name
    );

    group.write("memory.max", &(group.current() + ROOM).to_string());
    fs::write(&go, "go on").expect("say so");
    let status = process.wait();
    let killed = group.oom_kills();
    let end = match (status.signal(), status.code()) {
        (Some(9), None) => {
            assert!(killed > 0, "killed, but not for want of memory");
            "killed for want of memory".to_owned()
        }
        (None, Some(0)) => match process.line().as_str() {
            // ENOMEM, ENOBUFS, EDQUOT
            refusal @ ("12" | "105" | "122") => format!("refused by error {refusal}"),
            "went on" => "not held back".to_owned(),
            other => panic!("refused by error {other}"),
        },
        _ => panic!("{}: {status}", kind.name),
    };
    if *kind.charge.start() > 0 {
        assert!(killed > 0, "{}: nothing held it back: {end}", kind.name);
    }
    let _ = fs::remove_file(&go);
    drop(process);
    if kind.name == "retained" {
        // That stays, whoever sent it; but for a topic whose last message found no memory: what
        // was retained before it would not be the last messages any more.
        let topics = observer.counts().0;
        assert!((RETAINING as u32..=1 + RETAINING as u32).contains(&topics));
        for number in 0..RETAINING {
            // The one of them that may be gone needs no clearing.
            let cleared = observer.clear(&name(number));
            assert!(cleared.is_ok() || topics == RETAINING as u32, "{cleared:?}");
        }
    }
    let left = group.is_empty_again();
    format!(
        "{kept} take {slab} kB of slab, of which {} kB are charged ({each} bytes each); then {end}; \
         {} kB are left charged",
        charged >> 10,
        left >> 10
    )
}

/// The hierarchy of cgroups, mounted until this is dropped.
struct Root(&'static str);

impl Root {
    fn mount() -> Self {
        let path = "/tmp/kipc-cgroup";
        let _ = fs::create_dir(path);
        succeed("mount", &["-t", "cgroup2", "none", path]);
        fs::write(format!("{path}/cgroup.subtree_control"), "+memory")
            .expect("the kernel has memory cgroups");
        Self(path)
    }

    fn group(&self) -> Group {
        let group = Group(Path::new(self.0).join("kipc"));
        fs::create_dir(&group.0).expect("a cgroup");
        // Without swap, the kernel has no such file.
        if group.0.join("memory.swap.max").exists() {
            group.write("memory.swap.max", "0");
        }
        group
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        succeed("umount", &[self.0]);
    }
}

/// A cgroup, removed when it is dropped.
struct Group(PathBuf);

impl Group {
    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).expect("a file of a cgroup")
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).expect("a file of a cgroup");
    }

    /// What is charged, in bytes.
    fn current(&self) -> u64 {
        self.read("memory.current").trim().parse().expect("bytes")
    }

    /// Slab that is charged, in bytes.
    fn slab(&self) -> u64 {
        let stat = self.read("memory.stat");
        let line = stat
            .lines()
            .find_map(|l| l.strip_prefix("slab_unreclaimable "));
        line.expect("slab").trim().parse().expect("bytes")
    }

    fn oom_kills(&self) -> u64 {
        let events = self.read("memory.events");
        let line = events.lines().find_map(|l| l.strip_prefix("oom_kill "));
        line.expect("oom_kill").trim().parse().expect("a number")
    }

    /// Waits until nothing is charged, but for what each CPU keeps in stock; returns that.
    fn is_empty_again(&self) -> u64 {
        exact::until(60, "all that was charged is free again", || {
            self.current() < 1 << 20
        });
        self.current()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove_dir(&self.0).expect("an empty cgroup");
        }
    }
}

/// The kernel reports each kill for want of memory with a trace, which whoever judges the kernel's
/// log takes for a fault. So its console is quiet meanwhile, and the log is put back without that
/// line; all other lines stay, to be judged.
struct Log {
    console: String,
}

impl Log {
    fn quiet() -> Self {
        let console = fs::read_to_string("/proc/sys/kernel/printk").expect("a setting");
        fs::write("/proc/sys/kernel/printk", "1").expect("a setting");
        Self { console }
    }

    fn put_back(&self) {
        let output = Command::new("dmesg").arg("-c").output().expect("run dmesg");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        fs::write("/proc/sys/kernel/printk_devkmsg", "on\n").expect("a setting");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open("/dev/kmsg")
            .expect("the kernel's log");
        // How many lines ago a kill was announced.
        let mut ago = usize::MAX;
        for line in text.lines() {
            ago = ago.saturating_add(1);
            if line.contains("invoked oom-killer") {
                ago = 0;
            }
            if ago < 10 && line.ends_with("Call Trace:") {
                continue;
            }
            file.write_all(format!("<6>{line}").as_bytes())
                .expect("a line of the log");
        }
        fs::write("/proc/sys/kernel/printk", self.console.trim()).expect("a setting");
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.put_back();
    }
}

fn succeed(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect(program).success(), "{program} {arguments:?}");
}

/// The process in the cgroup. It does a part, which is measured, then the rest without end.
pub fn run(what: &str, go: &str) {
    let wait = |word: &str| {
        exact::until(60, word, || {
            fs::read_to_string(go).is_ok_and(|text| text == word)
        });
    };
    say("waits");
    wait("measure");
    let mut hog: Hog = match what {
        "topics" => topics(),
        "subscriptions" => subscriptions(),
        "audiences" => audiences(),
        "retained" => retained(),
        "own-queues" => queues("hog/own"),
        "queues-of-others" => queues("hog/others"),
        _ => panic!("unknown kind {what}"),
    };
    // Looking takes its time.
    let small = ["topics", "subscriptions", "retained"].contains(&what);
    let grown_to =
        |limit, step| (!small || step % 64 == 0) && kernel::unreclaimable_slab() >= limit;
    // What is measured must be much more than what else goes on.
    let enough = kernel::unreclaimable_slab() + (6 << 10);
    // Where slabs have room from before, they do not grow; and users have limits of their own.
    let most = if small { 8 << 10 } else { u64::MAX };
    let (mut kept, mut step) = (0, 0);
    while step < most && !grown_to(enough, step) {
        kept += hog(step).expect("there is room so far");
        step += 1;
    }
    say(&kept.to_string());
    wait("go on");
    // A debug kernel keeps much beside what it charges.
    let debug = if exact::is_debug_kernel() { 6 } else { 1 };
    let far_too_much = kernel::unreclaimable_slab() + ((2 * ROOM) >> 10) * debug;
    // What has another limit does not grow for ever.
    let most = 12 * step;
    while !grown_to(far_too_much, step) && step < most {
        if let Err(refused) = hog(step) {
            say(&refused.errno.to_string());
            return;
        }
        step += 1;
    }
    say("went on");
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("flush");
}

/// A name of usual length, more or less.
fn name(number: u64) -> String {
    format!("hog/{}/{number}", "x".repeat(100))
}

type Hog = Box<dyn FnMut(u64) -> Result<u64, Refused>>;

fn topics() -> Hog {
    let mut sockets = Vec::new();
    Box::new(move |step| {
        if step % 1000 == 0 {
            sockets.push(Client::open());
        }
        let socket = sockets.last().expect("just opened");
        socket.try_advertise(&name(step), 0).map(|_| 1)
    })
}

fn subscriptions() -> Hog {
    let mut sockets = Vec::new();
    Box::new(move |step| {
        if step % 1000 == 0 {
            sockets.push(Client::open());
        }
        let socket = sockets.last().expect("just opened");
        socket.try_subscribe(&name(step), 0).map(|_| 1)
    })
}

/// Each of many subscribers is in the audience of each of many topics.
fn audiences() -> Hog {
    let topics = 500;
    let publisher = Client::open();
    for number in 0..topics {
        publisher.advertise(&name(number));
    }
    let mut sockets = Vec::new();
    Box::new(move |_| {
        let socket = Client::open();
        let kept = socket.try_subscribe("hog/**", 0).map(|_| topics);
        // The publisher keeps all topics alive.
        sockets.push((socket, publisher.port()));
        kept
    })
}

fn retained() -> Hog {
    let publisher = Client::open();
    let topics: Vec<u32> = (0..RETAINING)
        .map(|number| publisher.advertise_history(&name(number), 4096))
        .collect::<Result<_, _>>()
        .expect("advertise");
    Box::new(move |step| {
        let topic = topics[step as usize % topics.len()];
        publisher.publish_acked(topic, &[7; 100]).map(|_| 1)
    })
}

/// Messages that nobody reads, in one more queue each time, or in those that there are.
fn queues(topic: &'static str) -> Hog {
    let publisher = Client::open();
    let terms = Terms {
        mode: Some(0o644),
        ..Terms::default()
    };
    let id = publisher.advertise_with(topic, terms).expect("advertise");
    let mut sockets = Vec::new();
    Box::new(move |_| {
        if topic == "hog/own" {
            let socket = Client::open();
            socket.subscribe(topic);
            sockets.push(socket);
        }
        let mut kept = 0;
        for _ in 0..100 {
            let (_, delivered, _) = publisher.publish_acked(id, &[7; 100])?;
            kept += u64::from(delivered);
        }
        Ok(kept)
    })
}
