// SPDX-License-Identifier: GPL-2.0

//! In what order subscriptions are dumped: within one prefix by the age of the socket, then of the
//! subscription. An order by kernel addresses would tell everybody where the kernel has its memory,
//! and would be another one each time.

use crate::client::Client;
use crate::wire::message;
use crate::wire::record::Record;

/// Port and id of the subscriptions whose patterns begin with this.
fn order(prefix: &str) -> Vec<(u32, u32)> {
    let mut order = Vec::new();
    Client::open().dump(message::SUBSCRIPTIONS, |record| {
        let Record::SubscriptionInfo(info) = record else {
            panic!("a subscription");
        };
        if info.pattern.as_str().starts_with(prefix) {
            order.push((info.port, info.subscription_id));
        }
    });
    order
}

/// Sockets that subscribe, oldest first: some are closed and others opened, which get the memory of
/// those that went.
fn sockets(pattern: &str) -> Vec<Client> {
    let open = || {
        let client = Client::open();
        client.subscribe(pattern);
        client
    };
    let mut sockets: Vec<Client> = (0..150).map(|_| open()).collect();
    for round in 0..4 {
        let mut number = 0;
        sockets.retain(|_| {
            number += 1;
            (number + round) % 3 != 0
        });
        sockets.extend((0..50).map(|_| open()));
    }
    sockets
}

/// In what order they are dumped who are to come in this one: for each, its place here.
fn check(prefix: &str, expected: &[(u32, u32)]) {
    let order: Vec<Option<usize>> = order(prefix)
        .iter()
        .map(|one| expected.iter().position(|other| other == one))
        .collect();
    let wrong = (0..)
        .zip(&order)
        .find(|(place, there)| Some(*place) != **there);
    assert_eq!(wrong, None, "where it is, and where it belongs");
    assert_eq!(order.len(), expected.len());
}

/// Without a wildcard.
pub fn is_by_age() {
    let sockets = sockets("order/same");
    let ports: Vec<(u32, u32)> = sockets.iter().map(|client| (client.port(), 1)).collect();
    check("order", &ports);
}

/// With one; each socket subscribes again, the youngest first. The age of the socket counts, not
/// that of the subscription.
pub fn is_by_age_of_the_socket_before_that_of_the_subscription() {
    let sockets = sockets("order/*");
    for client in sockets.iter().rev() {
        client.subscribe("order/**");
        client.subscribe("order/*/x");
    }
    let ports: Vec<(u32, u32)> = sockets
        .iter()
        .flat_map(|client| [1, 2, 3].map(|id| (client.port(), id)))
        .collect();
    check("order", &ports);
}
