// SPDX-License-Identifier: GPL-2.0

//! Random histories of many clients, compared with a simple reference of the bus.

mod bus;
mod checker;
mod crowd;
mod item;
mod operation;
mod publish;
mod reader;
mod reference;
mod request;
mod state;
mod user;

use crate::kernel;
use crate::storm::Storm;
use checker::Checker;
use checker::Totals;
pub use crowd::agrees;
use fastrand::Rng;
use operation::CLIENTS;
use operation::Limits;
use operation::Operation;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

/// How long to look for a shorter history that fails, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every so often, the module is loaded anew, with other limits every second time.
const RELOAD: u32 = 10;

/// What the last panic said.
static LAST_WORDS: Mutex<String> = Mutex::new(String::new());

/// In histories with one thread, every step has exactly the result that it should.
pub fn random_histories(storm: &Storm) {
    let histories = storm.times(1800);
    let mut rng = storm.rng("model");
    kernel::allow_large_queues();
    let start = Instant::now();
    let mut totals = Totals::default();
    let mut limits = Limits::default();
    for number in 0..histories {
        if number % RELOAD == 0 {
            limits = match number / RELOAD % 2 {
                0 => Limits::default(),
                _ => Limits::any(&mut rng),
            };
            reload(limits);
        }
        let seed = rng.u64(..);
        let length = rng.usize(50..500);
        let history = operation::history(&mut Rng::with_seed(seed), length);
        match attempt(limits, &history) {
            Ok(done) => totals.add(done),
            Err(why) => {
                println!("# history {number}, seed {seed}, {limits:?}: {why}");
                explain(limits, history, why);
            }
        }
    }
    println!(
        "# {histories} histories, {} operations, {} messages delivered, {} lost, {} refusals, {} \
         comparisons, {} s",
        totals.operations,
        totals.received,
        totals.lost,
        totals.refused,
        totals.comparisons,
        start.elapsed().as_secs()
    );
    reload(Limits::default());
}

fn reload(limits: Limits) {
    if kernel::loaded() {
        kernel::unload();
    }
    let parameters = limits.parameters();
    kernel::load_with(&parameters.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Runs a history on an empty bus; says what was wrong.
fn attempt(limits: Limits, history: &[Operation]) -> Result<Totals, String> {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|panic| {
        *LAST_WORDS.lock().expect("a word") = panic.to_string();
    }));
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut checker = Checker::new(limits);
        for operation in history {
            checker.step(operation);
        }
        checker.end();
        checker.totals
    }));
    std::panic::set_hook(before);
    done.map_err(|_| std::mem::take(&mut *LAST_WORDS.lock().expect("a word")))
}

/// Looks for a shorter history that fails, too, and panics with it.
fn explain(limits: Limits, mut history: Vec<Operation>, mut why: String) -> ! {
    let start = Instant::now();
    let fails = |history: &[Operation]| {
        let why = attempt(limits, history).err();
        if why.is_some() {
            // What a failure left behind, a new module does not know of.
            reload(limits);
        }
        why
    };
    reload(limits);
    let mut step = (history.len() - CLIENTS) / 2;
    while step > 0 && start.elapsed() < PATIENCE {
        let mut at = CLIENTS;
        let mut shorter = false;
        while at < history.len() && start.elapsed() < PATIENCE {
            let mut without = history.clone();
            without.drain(at..history.len().min(at + step));
            if let Some(reason) = fails(&without) {
                (history, why, shorter) = (without, reason, true);
            } else {
                at += step;
            }
        }
        if !shorter || step > 1 {
            step /= 2;
        }
    }
    for operation in &history {
        println!("#   {operation:?}");
    }
    // Whoever comes next would meet these limits.
    reload(Limits::default());
    std::thread::sleep(Duration::from_millis(100));
    panic!("a history of {} operations: {why}", history.len());
}
