// SPDX-License-Identifier: GPL-2.0

//! Publishers of the kernel: other modules, by way of `include/linux/kipc.h`.

use crate::bus::client::Client;
use crate::bus::offer::Offer;
use crate::bus::port;
use crate::bus::port::Receipt;
use crate::bus::Bus;
use crate::nl::Credentials;
use crate::nl::Socket;
use crate::parcel::OwnMessage;
use crate::sys;
use crate::sys::Arc;
use crate::wire::refusal::Refusal;
use crate::wire::topic::Name;
use kernel::prelude::*;

/// A publisher of the kernel: a client of its own, with one topic.
///
/// Its queue would be that of the kernel's own socket; nothing is ever put there, since it does
/// not subscribe.
pub(crate) struct KernelPublisher {
    client: Arc<Client<Socket>>,
    topic_id: u32,
}

impl KernelPublisher {
    /// A publisher of this topic. It must be ended.
    pub(crate) fn new(
        bus: &Bus<Socket>,
        socket: Socket,
        topic: &[u8],
        fingerprint: u64,
    ) -> Result<KBox<Self>, Refusal> {
        let name = Name::new(topic)?;
        let room = KBox::new_uninit(GFP_KERNEL).map_err(|_| Refusal::NoMemory)?;
        let client = sys::arc(bus.client(port::KERNEL, socket, Credentials::kernel())?)?;
        // No publisher of the kernel waits for user space.
        let topic_id = bus.advertise(
            &client,
            Offer {
                fingerprint,
                ..Offer::new(name)
            },
        )?;
        Ok(KBox::write(room, Self { client, topic_id }))
    }

    /// Publishes; refused only for want of memory.
    pub(crate) fn publish(
        &self,
        bus: &Bus<Socket>,
        tag: u32,
        payload: &[u8],
    ) -> Result<Receipt, Refusal> {
        let mut parcel = OwnMessage::of_kernel(tag, payload).ok_or(Refusal::NoMemory)?;
        bus.publish(&self.client, self.topic_id, &mut parcel)
    }

    /// Removes it from the bus.
    pub(crate) fn end(&self, bus: &Bus<Socket>) {
        bus.disconnect(&self.client);
    }
}
