//! Reads the XML of DescribeInstances into our types while it arrives.
//!
//! The SDK's parser makes values of everything that EC2 says about an instance, five times as much
//! as a list, a policy or a wait needs. This one makes values of what they need and skips the rest,
//! and it holds one reservation's XML at a time instead of a whole page's.
//!
//! It gives the same values as the SDK's parser, as its tests and the fuzz target `page` check: of
//! an element that comes twice, the last one counts, and of an element's content the first text. It
//! differs in two ways. A page that ends early, or whose XML is broken, is an error, where the
//! SDK's parser may take it for a shorter page. And values that nobody reads are not checked.

use super::sdk::to_offset_date_time;
use super::xml_skip::content_len;
use crate::model::{Instance, Reservation, SecurityGroup, State, StateReason, Tag};
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::primitive::Parse as _;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader};

/// The greatest size of one reservation's XML. EC2 describes an instance in some 10 KB, and returns
/// at most 1,000 instances in a page. (Less in unit tests, which are not compiled to be fast.)
const MAX_RESERVATION_BYTES: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// The greatest size of a page's XML around its reservations: a request ID and a token.
const MAX_REST_BYTES: usize = 64 << 10;

/// Why a page cannot be read.
#[derive(Debug)]
enum Problem {
    /// The XML so far is a beginning.
    Incomplete,
    /// The problem, for the log: without any text of the response.
    Malformed(&'static str),
}

type Result<T> = std::result::Result<T, Problem>;
type Xml<'a> = Reader<&'a [u8]>;

const MISPLACED: Problem = Problem::Malformed("it has a declaration within an element");

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use quick_xml::errors::IllFormedError::MissingEndTag;
        match error {
            // Of an element, a comment or the like that is not closed.
            Error::Syntax(_) | Error::IllFormed(MissingEndTag(_)) => Self::Incomplete,
            Error::IllFormed(_) => Self::Malformed("tags do not match, or a reference does not end"),
            Error::Encoding(_) => Self::Malformed("it is not UTF-8"),
            Error::Escape(_) => Self::Malformed("a reference is to no character"),
            _ => Self::Malformed("its XML is broken"),
        }
    }
}

/// A page that has been read.
#[derive(Debug, Default)]
pub(super) struct ReadPage {
    pub(super) reservations: Vec<Reservation>,
    /// The XML of the page without its reservations.
    pub(super) rest: Vec<u8>,
}

/// A page that is being read.
#[derive(Debug, Default)]
pub(super) struct PageReader {
    page: ReadPage,
    /// XML that has arrived but has not been read.
    pending: Vec<u8>,
    /// The size of [`PageReader::pending`] at which to go on: doubled where a reservation is
    /// incomplete, so that a long one is read from its beginning a few times only.
    read_at: usize,
    /// The names of the open elements down to the set of reservations.
    open: Vec<String>,
    is_complete: bool,
}

impl PageReader {
    /// Reads the next part of the XML.
    ///
    /// # Errors
    /// The page is malformed; says how.
    pub(super) fn read(&mut self, part: &[u8]) -> std::result::Result<(), &'static str> {
        self.pending.extend_from_slice(part);
        if self.pending.len() > MAX_RESERVATION_BYTES || self.page.rest.len() > MAX_REST_BYTES {
            return Err("it is too long");
        }
        if self.pending.len() < self.read_at {
            return Ok(());
        }
        // No token is cut after a `>`, but comments and the like are.
        let end = self.pending.iter().rposition(|byte| *byte == b'>').map_or(0, |at| at + 1);
        match self.read_complete_elements(end) {
            Ok(()) => self.read_at = 0,
            Err(Problem::Incomplete) => self.read_at = 2 * self.pending.len(),
            Err(Problem::Malformed(problem)) => return Err(problem),
        }
        Ok(())
    }

    /// The page after the last part.
    ///
    /// # Errors
    /// The page is malformed; says how.
    pub(super) fn finish(mut self) -> std::result::Result<ReadPage, &'static str> {
        match self.read_complete_elements(self.pending.len()) {
            Ok(()) if self.is_complete => Ok(self.page),
            Ok(()) | Err(Problem::Incomplete) => Err("it ends early"),
            Err(Problem::Malformed(problem)) => Err(problem),
        }
    }

    /// Reads the pending XML up to `end`, reservation by reservation, and keeps what is incomplete.
    fn read_complete_elements(&mut self, end: usize) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let (xml, _) = pending.split_at_checked(end).unwrap_or_default();
        let mut reader = Reader::from_reader(xml);
        let config = reader.config_mut();
        (config.expand_empty_elements, config.allow_unmatched_ends) = (true, true);
        let mut unread = xml;
        let mut outcome = Ok(true);
        while let Ok(true) = outcome {
            outcome = self.read_element(&mut reader, unread);
            if outcome.is_ok() {
                unread = reader.get_ref();
            }
        }
        let read = xml.len() - unread.len();
        self.pending = pending;
        if self.is_complete {
            self.pending.clear();
        } else {
            self.pending.drain(..read);
        }
        outcome.map(drop)
    }

    /// Reads a reservation, or a tag or another element around the reservations. `unread` begins
    /// with it. Returns whether there may be more.
    fn read_element(&mut self, reader: &mut Xml<'_>, unread: &[u8]) -> Result<bool> {
        if self.is_complete {
            return Ok(false);
        }
        let event = reader.read_event()?;
        let mut is_rest = true;
        match (self.open.as_slice(), &event) {
            (_, Event::Eof) => return Ok(false),
            ([], Event::Start(root)) if root.local_name().as_ref() == "DescribeInstancesResponse" => {
                self.open.push(root.name().as_ref().to_owned());
            }
            ([], Event::Start(_)) => return Err(Problem::Malformed("it has another root")),
            ([_], Event::Start(set)) if set.local_name().as_ref() == "reservationSet" => {
                self.page.reservations.clear();
                self.open.push(set.name().as_ref().to_owned());
            }
            ([_], Event::Start(other)) => skip(reader, other)?,
            ([_, _], Event::Start(item)) => {
                if item.local_name().as_ref() == "item" {
                    self.page.reservations.push(reservation(reader)?);
                } else {
                    skip(reader, item)?;
                }
                is_rest = false;
            }
            ([.., open], Event::End(end)) if end.name().as_ref() == open => {
                self.open.pop();
                self.is_complete = self.open.is_empty();
            }
            (_, Event::End(_)) => return Err(Problem::Malformed("an element ends that has not begun")),
            ([], Event::Text(text)) if text.trim().is_empty() => {}
            ([], Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)) => {
                return Err(Problem::Malformed("it is text"));
            }
            ([_, ..], Event::Decl(_) | Event::DocType(_)) => return Err(MISPLACED),
            ([_, _], _) => is_rest = false,
            _ => {}
        }
        if is_rest {
            let read = unread.len() - reader.get_ref().len();
            self.page.rest.extend_from_slice(unread.get(..read).unwrap_or_default());
        }
        Ok(true)
    }
}

/// The next child of the element that is being read; `None` at its end.
fn child<'a>(reader: &mut Xml<'a>) -> Result<Option<BytesStart<'a>>> {
    loop {
        match reader.read_event()? {
            Event::Start(start) => return Ok(Some(start)),
            Event::End(_) => return Ok(None),
            Event::Eof => return Err(Problem::Incomplete),
            Event::Decl(_) | Event::DocType(_) => return Err(MISPLACED),
            _ => {}
        }
    }
}

/// Reads to the end of the element that has begun.
fn skip(reader: &mut Xml<'_>, start: &BytesStart<'_>) -> Result<()> {
    let unread: &[u8] = reader.get_ref();
    // After an empty element, whose tag ends with `/>`, its siblings are unread.
    let is_empty = start.as_bytes().as_ptr_range().end.wrapping_add(1) != unread.as_ptr();
    let len = if is_empty { None } else { content_len(start.name().as_ref(), unread) };
    if let Some(end_tag) = len.and_then(|len| unread.get(len..)) {
        *reader.get_mut() = end_tag;
    }
    reader.read_to_end(start.name())?;
    Ok(())
}

/// The content of an element: its first text, empty if it has none.
///
/// # Errors
/// It has an element before its text.
fn text(reader: &mut Xml<'_>) -> Result<String> {
    let (mut text, mut has_ended) = (String::new(), false);
    loop {
        match reader.read_event()? {
            Event::End(_) => return Ok(text),
            Event::Text(_) | Event::GeneralRef(_) if has_ended => {}
            Event::Text(part) => {
                if !is_character_data(&part) {
                    return Err(Problem::Malformed("a text has a character that XML does not allow"));
                }
                text.push_str(&part);
            }
            Event::GeneralRef(reference) => push_reference(&mut text, &reference)?,
            Event::Start(_) if text.is_empty() => {
                return Err(Problem::Malformed("an element is in the place of a text"));
            }
            Event::Start(start) => {
                skip(reader, &start)?;
                has_ended = true;
            }
            Event::Eof => return Err(Problem::Incomplete),
            Event::Decl(_) | Event::DocType(_) => return Err(MISPLACED),
            _ => has_ended = !text.is_empty(),
        }
    }
}

/// Whether this is text by <https://www.w3.org/TR/xml/#NT-CharData>, without references.
fn is_character_data(text: &str) -> bool {
    let is_common = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'>';
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.bytes().all(is_common) || (text.chars().all(is_allowed) && !text.contains("]]>"))
}

fn push_reference(text: &mut String, reference: &BytesRef<'_>) -> Result<()> {
    match reference.resolve_char_ref()? {
        Some(c) => text.push(c),
        // XML has five of these. Others would have to be declared in the document.
        None => text.push_str(resolve_xml_entity(reference).ok_or(Problem::Malformed("an unknown entity"))?),
    }
    Ok(())
}

/// The items of a set.
fn items<'a, T>(reader: &mut Xml<'a>, item: impl Fn(&mut Xml<'a>) -> Result<T>) -> Result<Vec<T>> {
    let mut items = Vec::new();
    while let Some(start) = child(reader)? {
        if start.local_name().as_ref() == "item" {
            if items.is_empty() {
                // Most sets have one item.
                items.reserve_exact(1);
            }
            items.push(item(reader)?);
        } else {
            skip(reader, &start)?;
        }
    }
    Ok(items)
}

fn reservation(reader: &mut Xml<'_>) -> Result<Reservation> {
    let mut reservation = Reservation::default();
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "reservationId" => reservation.reservation_id = Some(text(reader)?),
            "ownerId" => reservation.owner_id = Some(text(reader)?),
            "requesterId" => reservation.requester_id = Some(text(reader)?),
            "groupSet" => reservation.groups = items(reader, group)?,
            "instancesSet" => reservation.instances = items(reader, instance)?,
            _ => skip(reader, &start)?,
        }
    }
    Ok(reservation)
}

/// The names of EC2's elements:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>.
fn instance(reader: &mut Xml<'_>) -> Result<Instance> {
    let mut instance = Instance::default();
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "instanceId" => instance.instance_id = text(reader)?,
            "imageId" => instance.image_id = Some(text(reader)?),
            "instanceType" => instance.instance_type = Some(text(reader)?),
            "keyName" => instance.key_name = Some(text(reader)?),
            "launchTime" => {
                let time = DateTime::from_str(&text(reader)?, Format::DateTimeWithOffset)
                    .map_err(|_| Problem::Malformed("a time cannot be parsed"))?;
                instance.launch_time = to_offset_date_time(time);
            }
            "placement" => (instance.availability_zone, instance.placement_group) = placement(reader)?,
            "platform" => instance.platform = Some(text(reader)?),
            "privateDnsName" => instance.private_dns_name = Some(text(reader)?),
            "privateIpAddress" => instance.private_ip_address = Some(text(reader)?),
            "dnsName" => instance.public_dns_name = Some(text(reader)?),
            "ipAddress" => instance.public_ip_address = Some(text(reader)?),
            "instanceState" => instance.state = state(reader)?,
            "stateReason" => instance.state_reason = Some(state_reason(reader)?),
            "clientToken" => instance.client_token = Some(text(reader)?),
            "instanceLifecycle" => instance.lifecycle = Some(text(reader)?),
            "operator" => instance.operator = member(reader, "principal")?,
            "hibernationOptions" => {
                let configured = member(reader, "configured")?.map(|text| bool::parse_smithy_primitive(&text));
                let configured = configured.transpose();
                instance.can_hibernate =
                    configured.map_err(|_| Problem::Malformed("a boolean cannot be parsed"))?.unwrap_or_default();
            }
            "networkInterfaceSet" => {
                instance.ipv6_addresses = items(reader, ipv6_addresses)?.into_iter().flatten().collect();
            }
            "subnetId" => instance.subnet_id = Some(text(reader)?),
            "vpcId" => instance.vpc_id = Some(text(reader)?),
            "architecture" => instance.architecture = Some(text(reader)?),
            "groupSet" => instance.security_groups = items(reader, group)?,
            "tagSet" => instance.tags = items(reader, tag)?,
            _ => skip(reader, &start)?,
        }
    }
    Ok(instance)
}

/// The text of the only member of a structure that is needed.
fn member(reader: &mut Xml<'_>, name: &str) -> Result<Option<String>> {
    let mut value = None;
    while let Some(start) = child(reader)? {
        if start.local_name().as_ref() == name {
            value = Some(text(reader)?);
        } else {
            skip(reader, &start)?;
        }
    }
    Ok(value)
}

fn placement(reader: &mut Xml<'_>) -> Result<(Option<String>, Option<String>)> {
    let (mut zone, mut group) = (None, None);
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "availabilityZone" => zone = Some(text(reader)?),
            "groupName" => group = Some(text(reader)?),
            _ => skip(reader, &start)?,
        }
    }
    Ok((zone, group))
}

fn state(reader: &mut Xml<'_>) -> Result<State> {
    let mut state = State::default();
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "code" => {
                let code = i32::parse_smithy_primitive(&text(reader)?)
                    .map_err(|_| Problem::Malformed("a number cannot be parsed"))?;
                state.code = u8::try_from(code & 0xff).ok();
            }
            "name" => state.name = Some(text(reader)?),
            _ => skip(reader, &start)?,
        }
    }
    Ok(state)
}

fn state_reason(reader: &mut Xml<'_>) -> Result<StateReason> {
    let mut reason = StateReason::default();
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "code" => reason.code = Some(text(reader)?),
            "message" => reason.message = Some(text(reader)?.into()),
            _ => skip(reader, &start)?,
        }
    }
    Ok(reason)
}

fn group(reader: &mut Xml<'_>) -> Result<SecurityGroup> {
    let mut group = SecurityGroup::default();
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "groupId" => group.group_id = Some(text(reader)?),
            "groupName" => group.group_name = Some(text(reader)?),
            _ => skip(reader, &start)?,
        }
    }
    Ok(group)
}

fn tag(reader: &mut Xml<'_>) -> Result<Tag> {
    let mut tag = Tag::default();
    while let Some(start) = child(reader)? {
        match start.local_name().as_ref() {
            "key" => tag.key = text(reader)?,
            "value" => tag.value = text(reader)?,
            _ => skip(reader, &start)?,
        }
    }
    Ok(tag)
}

/// The IPv6 addresses of a network interface.
fn ipv6_addresses(reader: &mut Xml<'_>) -> Result<Vec<String>> {
    let mut addresses = Vec::new();
    while let Some(start) = child(reader)? {
        if start.local_name().as_ref() == "ipv6AddressesSet" {
            addresses = items(reader, |reader| member(reader, "ipv6Address"))?;
        } else {
            skip(reader, &start)?;
        }
    }
    Ok(addresses.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
