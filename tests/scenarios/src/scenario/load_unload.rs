// SPDX-License-Identifier: GPL-2.0

//! Loading, autoloading and unloading.

use crate::client::Client;
use crate::kernel;

/// Nobody needs to load the module: opening a socket of the protocol does.
pub fn socket_alone_loads_the_module() {
    if kernel::loaded() {
        kernel::unload();
    }
    let client = Client::open();
    assert!(kernel::loaded());
    assert_eq!(client.counts(), (0, 0, 0));
}

/// Each time with traffic in between, so that there is something to clean up.
pub fn load_and_unload_20_times() {
    for _ in 0..20 {
        if kernel::loaded() {
            kernel::unload();
        }
        kernel::load();
        let (subscriber, publisher) = (Client::open(), Client::open());
        subscriber.subscribe("**");
        let topic = publisher.advertise("load/unload");
        assert_eq!(publisher.publish_acked(topic, b"x"), Ok((1, 1, 0)));
        drop((subscriber, publisher));
        kernel::unload();
        assert!(!kernel::loaded());
    }
    kernel::load();
}

/// The module cannot go while somebody could still call into it.
pub fn open_socket_pins_the_module() {
    let client = Client::open();
    assert!(kernel::unload_is_refused());
    assert_eq!(client.counts(), (0, 0, 0));
}

/// After all that the other scenarios did, nothing holds the module.
pub fn unload_after_everything() {
    kernel::unload();
    assert!(!kernel::loaded());
}
