// SPDX-License-Identifier: GPL-2.0

//! A request that is refused changes nothing, not even what others know.

use crate::client::Client;
use crate::kernel;
use crate::wire::refusal::Refusal;
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;

/// A user at his limit of topics tries one that somebody named who may not read it: nobody hears of
/// a topic that never was.
pub fn is_not_told() {
    if kernel::loaded() {
        kernel::unload();
    }
    kernel::load_with(&["topics_per_user=1"]);
    let subscriber = std::thread::scope(|scope| {
        let open = || {
            let uid = Uid::from_raw(2000);
            set_thread_res_uid(uid, uid, uid).expect("setresuid");
            Client::open()
        };
        scope.spawn(open).join().expect("a thread")
    });
    subscriber.subscribe("second");
    let owner = Client::open();
    owner.advertise("first");
    let refused = owner.try_advertise("second", 0).map_err(|why| why.errno);
    assert_eq!(refused, Err(Refusal::TooManyTopicsOfUser.errno()));
    assert_eq!(subscriber.drain(), []);
    drop((subscriber, owner));
    kernel::unload();
    kernel::load();
}
