//! Pages of DescribeInstances by both parsers: that of lists, and the SDK's.

use crate::aws;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use ec2_control_api::aws::ec2::Ec2;
use ec2_control_api::error::Error;
use ec2_control_api::model::{InstanceQuery, Page, Region};
use std::cell::RefCell;
use tokio::runtime::{Builder, Runtime};
use xmlparser::{ElementEnd, Token, Tokenizer};

/// EC2 over a fixed answer.
pub(crate) struct Parsers {
    runtime: Runtime,
    aws: aws::Aws,
    ec2: Ec2,
    region: Region,
}

impl Parsers {
    pub(crate) fn with<T>(run: impl FnOnce(&Self) -> T) -> T {
        thread_local! {
            static PARSERS: RefCell<Option<Parsers>> = const { RefCell::new(None) };
        }
        PARSERS.with_borrow_mut(|parsers| run(parsers.get_or_insert_with(Self::new)))
    }

    fn new() -> Self {
        let aws = aws::Aws::default();
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("AKIDTEST", "-", None, None, "-")))
            .http_client(aws.clone().client())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { runtime, aws, ec2: Ec2::new(sdk, None), region: Region::parse("us-east-1").expect("a region") }
    }

    /// The page in a body: by the parser of lists, and by the SDK's.
    pub(crate) fn pages(&self, body: &[u8]) -> [Result<Page, Error>; 2] {
        self.aws.answer_with(aws::Answers::page(body));
        [false, true].map(|details| {
            let query = InstanceQuery { details, ..InstanceQuery::default() };
            let mut page = self.runtime.block_on(self.ec2.describe_instances(&self.region, &query))?.value;
            for instance in page.reservations.iter_mut().flat_map(|reservation| &mut reservation.instances) {
                instance.details = None;
            }
            Ok(page)
        })
    }
}

/// The elements of a page that are read, and some that are not. An unread one is a text: the SDK's
/// parser would check a number.
const NAMES: &[&str] = &[
    "reservationSet",
    "nextToken",
    "item",
    "reservationId",
    "ownerId",
    "requesterId",
    "groupSet",
    "instancesSet",
    "instanceId",
    "imageId",
    "instanceType",
    "keyName",
    "launchTime",
    "placement",
    "availabilityZone",
    "groupName",
    "platform",
    "privateDnsName",
    "privateIpAddress",
    "dnsName",
    "ipAddress",
    "instanceState",
    "code",
    "name",
    "stateReason",
    "message",
    "instanceLifecycle",
    "operator",
    "principal",
    "networkInterfaceSet",
    "ipv6AddressesSet",
    "ipv6Address",
    "subnetId",
    "vpcId",
    "architecture",
    "groupId",
    "tagSet",
    "key",
    "value",
    "other",
];

/// What stands between the tags.
const TEXTS: &[&str] = &[
    " ",
    "\n    ",
    "16",
    "-1",
    "2026-01-02T03:04:05.000Z",
    "running",
    "&amp;",
    "&#65;",
    "a > b",
    "\u{e9}\u{1f980}",
    "<!-- <a> -->",
    "<!-- > -->",
    "<![CDATA[<item>]]>",
    "<?a b?>",
    "<other a='>'/>",
    "<x:item xmlns:x=\"y\"/>",
];

/// Well-formed XML with the names and texts that the bytes choose: most of it is in the places
/// where EC2 has it.
pub(crate) fn document(choices: &[u8]) -> String {
    let mut xml = String::from("<DescribeInstancesResponse><reservationSet><item><instancesSet><item>");
    let mut open = vec!["DescribeInstancesResponse", "reservationSet", "item", "instancesSet", "item"];
    for choice in choices {
        let name = usize::from(*choice) % 64;
        if let Some(name) = NAMES.get(name) {
            xml.push_str(&format!("<{name}>"));
            open.push(name);
        } else if let Some(text) = TEXTS.get(name - NAMES.len()) {
            xml.push_str(text);
        }
        // More ends than beginnings, so that most elements are siblings.
        let ends = usize::from(choice >> 6);
        for _ in 0..ends {
            if open.len() > 1
                && let Some(name) = open.pop()
            {
                xml.push_str(&format!("</{name}>"));
            }
        }
    }
    while let Some(name) = open.pop() {
        xml.push_str(&format!("</{name}>"));
    }
    xml
}

/// Whether this is XML, without a document type definition, by the tokenizer of the SDK's parser.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let (mut open, mut roots) = (Vec::new(), 0);
    let mut start = ("", "");
    for token in Tokenizer::from(text) {
        match token {
            Ok(Token::ElementStart { prefix, local, .. }) => {
                start = (prefix.as_str(), local.as_str());
                roots += usize::from(open.is_empty());
            }
            Ok(Token::ElementEnd { end: ElementEnd::Open, .. }) => open.push(start),
            Ok(Token::ElementEnd { end: ElementEnd::Close(prefix, local), .. })
                if open.pop() != Some((prefix.as_str(), local.as_str())) =>
            {
                return false;
            }
            Ok(Token::Text { text }) if !has_only_references(&text) => return false,
            Ok(Token::DtdStart { .. } | Token::EmptyDtd { .. }) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    roots == 1 && open.is_empty()
}

/// Whether each `&` begins a reference to a character that XML allows.
fn has_only_references(text: &str) -> bool {
    text.split('&').skip(1).all(|part| {
        let Some((name, _)) = part.split_once(';') else { return false };
        let code = match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16),
            (None, Some(digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse(),
            _ => return ["lt", "gt", "amp", "quot", "apos"].contains(&name),
        };
        code.ok().and_then(char::from_u32).is_some_and(|c| c >= ' ' || "\t\n\r".contains(c))
    })
}
