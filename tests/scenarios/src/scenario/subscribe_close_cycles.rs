// SPDX-License-Identifier: GPL-2.0

//! Clients that come and go.

use crate::client::Client;
use crate::kernel;
use crate::wire::message::SUBSCRIBE_EVENTS;
use crate::wire::seed;

/// 200 cycles leave neither registrations nor memory.
pub fn leave_nothing() {
    let observer = Client::open();
    let cycle = || {
        let clients: Vec<Client> = (0..10).map(|_| Client::open()).collect();
        for (index, client) in clients.iter().enumerate() {
            client.subscribe("**");
            client.subscribe_with("cycle/*", SUBSCRIBE_EVENTS);
            client.seed(seed::REGISTER_SUBSCRIBER, &[]);
            let topic = client.advertise(&format!("cycle/{index}"));
            client.publish(topic, &[1; 256]);
        }
        assert_eq!(observer.counts(), (10, 10, 30));
        drop(clients);
        assert_eq!(observer.counts(), (0, 0, 0));
    };
    for _ in 0..20 {
        cycle();
    }
    let before = kernel::unreclaimable_slab();
    for _ in 0..kernel::times(200) {
        cycle();
    }
    let grown = kernel::unreclaimable_slab().saturating_sub(before);
    // A single object of 64 bytes, leaked by each client, would be 125 kB; a queue far more.
    // Sockets are freed by RCU, so the figure wavers by some pages.
    // KASAN keeps for a while what was freed; and kmemleak has the word there.
    assert!(
        grown < 512 || kernel::looks_for_faults(),
        "slab grew by {grown} kB"
    );
    assert_eq!(kernel::user_sockets(), 1);
}
