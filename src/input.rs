// SPDX-License-Identifier: GPL-2.0

//! From a datagram to calls on the bus, and from their results to answers.

use crate::bus::access::Access;
use crate::bus::account::Accounts;
use crate::bus::client::Client;
use crate::bus::dump::Dump;
use crate::bus::limits;
use crate::bus::offer::Offer;
use crate::bus::overflow::Patience;
use crate::bus::policy::Policy;
use crate::bus::port::Credentials as _;
use crate::bus::port::Form;
use crate::bus::port::Port;
use crate::bus::port::Receipt;
use crate::bus::port::Room;
use crate::bus::Bus;
use crate::nl;
use crate::nl::Inbound;
use crate::nl::Socket;
use crate::parcel::OwnMessage;
use crate::parcel::Published;
use crate::parcel::Run;
use crate::parcel::SeedBroadcast;
use crate::publisher::KernelPublisher;
use crate::sys;
use crate::sys::Arc;
use crate::wire;
use crate::wire::ack;
use crate::wire::data;
use crate::wire::data::DataHeader;
use crate::wire::header;
use crate::wire::header::Header;
use crate::wire::header::Malformed;
use crate::wire::message;
use crate::wire::record;
use crate::wire::record::Info;
use crate::wire::record::Record;
use crate::wire::refusal::Refusal;
use crate::wire::refusal::Refused;
use crate::wire::request::Request;
use crate::wire::seed;
use crate::wire::seed::Seed;
use crate::wire::topic::Name;
use crate::wire::topic::Pattern;
use core::ops::Range;
use kernel::prelude::*;
use kernel::sync::ArcBorrow;

/// Handles what happens on kipc sockets.
pub(crate) struct Kipc;

type Datagram<'a> = Inbound<'a, Client<Socket>>;

/// What a request that was carried out is answered with, before its acknowledgement.
type Answer = Option<Record<'static>>;

impl nl::Handler for Kipc {
    type Shared = Accounts;
    type Bus = Bus<Socket>;
    type Client = Client<Socket>;
    type Dump = Dump;
    type Publisher = KernelPublisher;

    fn bus(shared: ArcBorrow<'_, Accounts>) -> Option<KBox<Self::Bus>> {
        KBox::new(Bus::new(shared.into()).ok()?, GFP_KERNEL_ACCOUNT).ok()
    }

    fn input(bus: &Self::Bus, mut datagram: Datagram<'_>) {
        let (mut offset, mut one_by_one) = (0, 0);
        while offset < datagram.bytes().len() && (offset == 0 || nl::go_on()) {
            match header::message_at(datagram.bytes(), offset) {
                Ok((found, next)) => {
                    let header = found.header;
                    if header.kind == message::PUBLISH
                        && next < datagram.bytes().len()
                        && offset >= one_by_one
                    {
                        match publish_batch(bus, &mut datagram, offset) {
                            Batch::Published(end) => {
                                offset = end;
                                continue;
                            }
                            Batch::OneByOne(end) => one_by_one = end,
                        }
                    }
                    let span = offset..offset.saturating_add(header.len as usize);
                    let result = match dump_of(header) {
                        Some(dump) => nl::start_dump::<Self>(&datagram, offset, dump)
                            .map(|()| None)
                            .map_err(Refused::from),
                        None => request(bus, &mut datagram, header, span),
                    };
                    // What a dump says ends with a word of its own.
                    if result.is_err() || dump_of(header).is_none() {
                        answer(&datagram, header, result);
                    }
                    offset = next;
                }
                Err(malformed) => {
                    let refusal = match malformed {
                        Malformed::NoHeader => Refusal::NoHeader,
                        Malformed::LengthTooSmall(_) => Refusal::LengthTooSmall,
                        Malformed::Truncated(_) => Refusal::Truncated,
                    };
                    let header = malformed.header().unwrap_or_default();
                    answer(&datagram, header, Err(refusal.into()));
                    return;
                }
            }
        }
    }

    fn release(bus: &Self::Bus, client: Arc<Self::Client>) {
        bus.disconnect(&client);
    }

    fn dump(bus: &Self::Bus, dump: &mut Dump, part: &mut [u8], asker: nl::Asker) -> Option<usize> {
        let mut len = 0_usize;
        let told = bus.dump(dump, &mut |record| {
            let room = part.get_mut(len..).unwrap_or_default();
            match readers(record).write_part(room, asker.seq, asker.port_id) {
                Some(written) => {
                    len = len.saturating_add(wire::align(written));
                    true
                }
                None => false,
            }
        });
        told.ok()?;
        // A part in which nothing fits would pass for the end.
        (len > 0 || dump.is_done()).then_some(len)
    }

    fn publisher(
        bus: &Self::Bus,
        socket: Socket,
        topic: &[u8],
        fingerprint: u64,
    ) -> Result<KBox<Self::Publisher>, Refusal> {
        KernelPublisher::new(bus, socket, topic, fingerprint)
    }

    fn publish(
        bus: &Self::Bus,
        publisher: &Self::Publisher,
        tag: u32,
        payload: &[u8],
    ) -> Result<Receipt, Refusal> {
        publisher.publish(bus, tag, payload)
    }

    fn end(bus: &Self::Bus, publisher: KBox<Self::Publisher>) {
        publisher.end(bus);
    }
}

/// The dump that a request asks for, if it is one that can be had.
fn dump_of(request: Header) -> Option<Dump> {
    let flags = header::REQUEST | header::DUMP;
    if request.flags & flags != flags {
        return None;
    }
    match request.kind {
        message::TOPICS => Some(Dump::Topics(None)),
        message::CLIENTS => Some(Dump::Clients(None)),
        message::SUBSCRIPTIONS => Some(Dump::Subscriptions(None)),
        message::STATISTICS => Some(Dump::Statistics(None)),
        message::POLICY => Some(Dump::Policy(None)),
        _ => None,
    }
}

/// The record with ids as its reader knows them.
fn readers<'a>(record: &Record<'a>) -> Record<'a> {
    let mut record = *record;
    match &mut record {
        Record::TopicInfo(topic) => {
            topic.uid = nl::unmap_uid(topic.uid);
            topic.gid = nl::unmap_gid(topic.gid);
        }
        Record::ClientInfo(client) => client.uid = nl::unmap_uid(client.uid),
        Record::Rule(rule) => {
            rule.uid = nl::unmap_uid(rule.uid);
            rule.gid = nl::unmap_gid(rule.gid);
        }
        _ => {}
    }
    record
}

/// Answers a request: what it asked for, then an acknowledgement if one is due. Most publishes want
/// neither.
#[inline(always)]
fn answer(datagram: &Datagram<'_>, request: Header, result: Result<Answer, Refused>) {
    if !matches!(result, Ok(None)) || request.flags & header::ACK != 0 {
        tell(datagram, request, result);
    }
}

#[inline(never)]
fn tell(datagram: &Datagram<'_>, request: Header, result: Result<Answer, Refused>) {
    let record = result.unwrap_or_default();
    let socket = datagram.sender();
    let port = datagram.port_id();
    let mut buf = [0; record::MAX_LEN];
    if let Some(record) = record {
        let len = record.write(&mut buf, request.seq, port);
        send(&socket, &buf, len);
    }
    if result.is_err() || request.flags & header::ACK != 0 {
        let len = ack::write(&mut buf, request, port, result.map(|_| ()));
        send(&socket, &buf, len);
    }
}

fn send(socket: &Socket, buf: &[u8], len: Option<usize>) {
    if let Some(bytes) = len.and_then(|len| buf.get(..len)) {
        // If it cannot be queued, the client's next receive says so.
        socket.send(bytes, Room::Reserve);
    }
}

/// Carries out the request at `span` of the datagram.
fn request(
    bus: &Bus<Socket>,
    datagram: &mut Datagram<'_>,
    header: Header,
    span: Range<usize>,
) -> Result<Answer, Refused> {
    match header.kind {
        message::PUBLISH => publish(bus, datagram, header, span),
        message::LAST_WILL => set_last_will(bus, datagram, header, span),
        seed::TYPE => seed(bus, datagram, span),
        header::TYPE_NOOP => Ok(None),
        kind if kind < message::MIN_TYPE => Err(Refusal::UnknownType.into()),
        _ => control(bus, datagram, header, span),
    }
}

/// What follows the netlink header of the message at `span`.
fn body<'a>(datagram: &'a Datagram<'_>, span: &Range<usize>) -> &'a [u8] {
    let start = span.start.saturating_add(header::LEN);
    datagram.bytes().get(start..span.end).unwrap_or_default()
}

/// What every v1 message must fulfil.
fn check_flags(header: Header) -> Result<(), Refusal> {
    if header.flags & header::REQUEST == 0 {
        return Err(Refusal::NotARequest);
    }
    if header.flags & header::DUMP == header::DUMP {
        return Err(Refusal::NoDump);
    }
    Ok(())
}

/// Whether a payload may be that long.
fn check_length(bus: &Bus<Socket>, payload: &[u8]) -> Result<(), Refusal> {
    if payload.len() > bus.limits().message_bytes as usize {
        return Err(Refusal::MessageTooLong);
    }
    Ok(())
}

fn publish(
    bus: &Bus<Socket>,
    datagram: &mut Datagram<'_>,
    header: Header,
    span: Range<usize>,
) -> Result<Answer, Refused> {
    check_flags(header)?;
    let (data, payload) = DataHeader::read_request(body(datagram, &span), data::PUBLISH_FLAGS)?;
    check_length(bus, payload)?;
    let client = datagram.client().ok_or(Refusal::NotAdvertised)?;
    let mut parcel = Published::new(datagram, Run::one(span, data));
    let receipt = bus.publish(&client, data.topic, &mut parcel)?;
    Ok(
        (header.flags & header::ACK != 0).then_some(Record::Published {
            seq: receipt.seq,
            delivered: receipt.delivered,
            dropped: receipt.dropped,
        }),
    )
}

fn set_last_will(
    bus: &Bus<Socket>,
    datagram: &mut Datagram<'_>,
    header: Header,
    span: Range<usize>,
) -> Result<Answer, Refused> {
    check_flags(header)?;
    let (data, payload) = DataHeader::read_request(body(datagram, &span), data::LAST_WILL_CANCEL)?;
    check_length(bus, payload)?;
    let client = datagram.client().ok_or(Refusal::NotAdvertised)?;
    let will = if data.flags & data::LAST_WILL_CANCEL == 0 {
        Some(OwnMessage::last_will(datagram, &span, data).ok_or(Refusal::NoMemory)?)
    } else if payload.is_empty() {
        None
    } else {
        return Err(Refusal::CancelWithPayload.into());
    };
    bus.set_last_will(&client, data.topic, will)?;
    Ok(None)
}

/// What became of messages that stand in a row, by where the next one starts.
enum Batch {
    /// They were published together.
    Published(usize),
    /// They were not, and each is to be tried for itself.
    OneByOne(usize),
}

/// Publishes the messages from `offset` on that can go together, if these are at least two.
/// Whatever is special about one of them is left to [`publish`], and so is what it says of messages
/// that are refused.
#[cold]
fn publish_batch(bus: &Bus<Socket>, datagram: &mut Datagram<'_>, offset: usize) -> Batch {
    // Receivers need no more room than for the longest message.
    let most = (bus.limits().message_bytes as usize).saturating_add(data::PAYLOAD_OFFSET);
    let run = Run::longest(datagram.bytes(), offset, most, |header, body| {
        if header.kind != message::PUBLISH || header.flags & header::ACK != 0 {
            return None;
        }
        check_flags(header).ok()?;
        let (data, payload) = DataHeader::read_request(body, data::PUBLISH_FLAGS).ok()?;
        check_length(bus, payload).ok()?;
        Some(data)
    });
    let Some(run) = run else {
        return Batch::OneByOne(offset);
    };
    let end = wire::align(run.end()).min(datagram.bytes().len());
    match datagram.client() {
        Some(client) if run.count() > 1 => {
            let topic = run.topic();
            let mut parcel = Published::new(datagram, run);
            match bus.publish(&client, topic, &mut parcel) {
                Ok(_) => Batch::Published(end),
                Err(_) => Batch::OneByOne(end),
            }
        }
        _ => Batch::OneByOne(end),
    }
}

fn control(
    bus: &Bus<Socket>,
    datagram: &mut Datagram<'_>,
    header: Header,
    span: Range<usize>,
) -> Result<Answer, Refused> {
    check_flags(header)?;
    match Request::parse(header, body(datagram, &span))? {
        Request::Info => Ok(Some(info(bus))),
        Request::Advertise {
            topic,
            fingerprint,
            wait,
            history,
            flags,
            mode,
            gid,
        } => {
            let client = client_of(bus, datagram)?;
            let offer = Offer {
                name: topic,
                fingerprint,
                patience: Patience::from_milliseconds(wait),
                history,
                events: flags & message::ADVERTISE_EVENTS != 0,
                mode,
                gid: match gid {
                    Some(gid) => Some(nl::map_gid(gid).ok_or(Refusal::IdUnmapped)?),
                    None => None,
                },
            };
            let topic_id = bus.advertise(&client.into(), offer)?;
            Ok(Some(Record::Advertised { topic_id }))
        }
        Request::Policy { rules } => {
            // Both: a privileged process may be tricked into writing to somebody else's socket.
            if !datagram.credentials().is_admin() || !datagram.sender_is_admin() {
                return Err(Refusal::NotAdmin.into());
            }
            let mut policy = Policy::new();
            for rule in rules.iter() {
                let rule = rule?;
                let unmapped = || rule.refused(Refusal::IdUnmapped);
                let access = Access {
                    uid: nl::map_uid(rule.uid).ok_or_else(unmapped)?,
                    gid: nl::map_gid(rule.gid).ok_or_else(unmapped)?,
                    mode: rule.mode,
                };
                policy
                    .add(rule.prefix, access)
                    .map_err(|refusal| rule.refused(refusal))?;
            }
            bus.set_policy(policy)?;
            Ok(None)
        }
        Request::Clear { topic } => {
            bus.clear(&datagram.credentials(), topic)?;
            Ok(None)
        }
        Request::Unadvertise { topic_id } => {
            let client = datagram.client().ok_or(Refusal::NotAdvertised)?;
            bus.unadvertise(&client, topic_id)?;
            Ok(None)
        }
        Request::Subscribe { pattern, flags } => {
            let client = client_of(bus, datagram)?;
            let subscription_id = bus.subscribe(&client.into(), pattern, flags, Form::V1)?;
            Ok(Some(Record::Subscribed { subscription_id }))
        }
        Request::Unsubscribe { subscription_id } => {
            let client = datagram.client().ok_or(Refusal::NoSuchSubscription)?;
            bus.unsubscribe(&client, subscription_id)?;
            Ok(None)
        }
    }
}

/// The client that the sender's socket is; it becomes one with its first valid request.
fn client_of<'a>(
    bus: &Bus<Socket>,
    datagram: &Datagram<'a>,
) -> Result<ArcBorrow<'a, Client<Socket>>, Refusal> {
    if let Some(client) = datagram.client() {
        return Ok(client);
    }
    let client = bus.client(
        datagram.port_id(),
        datagram.receiver(),
        datagram.credentials(),
    )?;
    Ok(datagram.attach(sys::arc(client)?))
}

fn info(bus: &Bus<Socket>) -> Record<'static> {
    let counts = bus.counts();
    let limited = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Record::Info(Info {
        version: nl::version(),
        abi: wire::ABI_VERSION,
        topics: limited(counts.topics),
        clients: limited(counts.clients),
        subscriptions: limited(counts.subscriptions),
        max_advertisements: limited(limits::ADVERTISEMENTS_PER_SOCKET),
        max_subscriptions: limited(limits::SUBSCRIPTIONS_PER_SOCKET),
        max_topics: limited(limits::TOPICS_PER_BUS),
        max_topics_per_user: bus.limits().topics_per_user,
        max_subscriptions_per_user: bus.limits().subscriptions_per_user,
        max_patterns_per_user: bus.limits().patterns_per_user,
        max_retained_bytes: bus.limits().retained_bytes_per_user,
        max_message_bytes: bus.limits().message_bytes,
    })
}

/// Carries out a request of the seed protocol.
fn seed(
    bus: &Bus<Socket>,
    datagram: &mut Datagram<'_>,
    span: Range<usize>,
) -> Result<Answer, Refused> {
    let topic = Name::new(seed::TOPIC.as_bytes()).map_err(Refusal::from)?;
    match Seed::parse(body(datagram, &span))? {
        Seed::Subscribe => {
            let client = client_of(bus, datagram)?;
            if !bus.subscribed(&client, Form::Seed) {
                let pattern = Pattern::new(seed::TOPIC.as_bytes()).map_err(Refusal::from)?;
                bus.subscribe(&client.into(), pattern, 0, Form::Seed)?;
            }
        }
        Seed::Publish => {
            let client = client_of(bus, datagram)?;
            match bus.advertise(&client.into(), Offer::new(topic)) {
                Ok(_) | Err(Refusal::AlreadyAdvertised) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Seed::Broadcast(payload) => {
            check_length(bus, payload)?;
            let client = datagram.client().ok_or(Refusal::SeedNotPublisher)?;
            let topic_id = bus
                .advertised(&client, topic)
                .ok_or(Refusal::SeedNotPublisher)?;
            bus.publish(&client, topic_id, &mut SeedBroadcast::new(datagram, span))?;
        }
    }
    Ok(None)
}
