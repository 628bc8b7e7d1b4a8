//! Both parsers, ours and the SDK's, on the same XML.

use super::*;
use crate::aws::replay::{Replay, ok};
use crate::error::Error as CallError;
use crate::model::{InstanceQuery, Page, Region};

/// The EC2 API Reference's example, and those of two early versions.
const DOCUMENTED: [&str; 2] = [
    include_str!("../../../tests/responses/api-reference.xml"),
    include_str!("../../../tests/responses/api-versions-of-2007-and-2009.xml"),
];

/// The instances of `make bench`.
const RESERVATIONS: [&str; 4] = [
    include_str!("../../../benches/instances/plain.xml"),
    include_str!("../../../benches/instances/spot.xml"),
    include_str!("../../../benches/instances/windows.xml"),
    include_str!("../../../benches/instances/large.xml"),
];

/// A page with these children of the root.
fn page(content: &str) -> String {
    format!("<DescribeInstancesResponse>{content}</DescribeInstancesResponse>")
}

/// A page with these reservations.
fn reservations(reservations: &str) -> String {
    page(&format!("<reservationSet>{reservations}</reservationSet>"))
}

/// A page with one instance that has these elements.
fn instance(elements: &str) -> String {
    reservations(&format!("<item><instancesSet><item>{elements}</item></instancesSet></item>"))
}

/// A page of 40 real instances.
fn long_page() -> String {
    reservations(&RESERVATIONS.repeat(10).concat())
}

type Described = std::result::Result<Page, CallError>;

/// The page by our parser and by the SDK's.
async fn both(xml: &str) -> (Described, Described) {
    let (ec2, _) = Replay::new([ok(xml), ok(xml)]).clients();
    let region = Region::parse("us-east-1").unwrap();
    let query = InstanceQuery::default();
    let ours = ec2.describe_instances(&region, &query).await.map(|output| output.value);
    let details = InstanceQuery { details: true, ..query };
    let mut sdk = ec2.describe_instances(&region, &details).await.map(|output| output.value);
    for instance in sdk.iter_mut().flat_map(|page| &mut page.reservations).flat_map(|item| &mut item.instances) {
        instance.details = None;
    }
    (ours, sdk)
}

async fn assert_equal(xml: &str) -> Page {
    let (ours, sdk) = both(xml).await;
    let (ours, sdk) = (ours.unwrap_or_else(|error| panic!("{error:?}: {xml}")), sdk.unwrap());
    assert_eq!(ours, sdk, "{xml}");
    ours
}

/// The page from parts of this size.
fn read_in_parts(xml: &str, size: usize) -> std::result::Result<ReadPage, &'static str> {
    let mut reader = PageReader::default();
    xml.as_bytes().chunks(size).try_for_each(|part| reader.read(part))?;
    reader.finish()
}

#[tokio::test]
async fn documented_and_real_responses_give_the_values_of_the_sdks_parser() {
    for xml in DOCUMENTED {
        let page = assert_equal(xml).await;
        assert!(page.reservations[0].instances[0].launch_time.is_some());
    }
    let long = long_page();
    let compact = long.lines().map(str::trim_start).collect::<String>();
    for xml in [long, compact] {
        assert_eq!(assert_equal(&xml).await.reservations.len(), 40);
    }
}

#[tokio::test]
async fn unusual_xml_gives_the_values_of_the_sdks_parser() {
    for elements in [
        "",
        "<instanceId/>",
        "<instanceId></instanceId><keyName/><launchTime>2026-01-02T03:04:05+01:00</launchTime>",
        "<keyName>first</keyName><keyName>last</keyName>",
        "<keyName> a b\n</keyName><imageId>\t</imageId>",
        "<keyName>a<!-- x -->b</keyName>",
        "<keyName><!-- x -->b</keyName>",
        "<keyName><![CDATA[<a>]]></keyName>",
        "<keyName><?x y?>a<?x y?></keyName>",
        "<keyName>a<b>c<keyName>d</keyName></b>e</keyName><imageId>ami-1</imageId>",
        "<keyName>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F980;&amp;lt;</keyName>",
        "<keyName>a &amp; b &gt; c > d</keyName>",
        "<keyName>\u{e9}\u{1f980}\u{fffd}</keyName>",
        "<x:keyName xmlns:x='y'>a</x:keyName>",
        "<keyName a='>' b=\"/>\">a</keyName>",
        "<keyName>a</keyName  ><imageId\n>ami-1</imageId>",
        "<other><keyName>a</keyName><item><other/></item></other>",
        "<keyName>a</keyName>text<!-- <keyName>b</keyName> --><![CDATA[<keyName>c</keyName>]]>",
        "<instanceState><code>-1</code><name>odd</name></instanceState>",
        "<instanceState><code>65552</code></instanceState>",
        "<instanceState><code>16</code><name>running</name></instanceState><instanceState/>",
        "<stateReason><message>For 123456789012</message></stateReason>",
        "<placement><groupName>g</groupName></placement><placement><availabilityZone>z</availabilityZone></placement>",
        "<operator><managed>true</managed><principal>a</principal></operator><operator/>",
        "<tagSet><item><key>a</key></item><item/><other/><item><value>b</value></item></tagSet>",
        "<tagSet><item><key>a</key></item></tagSet><tagSet><item><key>b</key></item></tagSet>",
        "<groupSet><item><groupId/><groupName>n</groupName></item></groupSet>",
        "<networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>::1</ipv6Address></item><item/>\
         </ipv6AddressesSet></item><item/><item><ipv6AddressesSet><item><ipv6Address>::2</ipv6Address></item>\
         </ipv6AddressesSet></item></networkInterfaceSet>",
        "<platform>Windows</platform><architecture>riscv</architecture><instanceLifecycle/>",
    ] {
        assert_equal(&instance(elements)).await;
    }
    for xml in [
        page(""),
        page("<reservationSet/>"),
        page("<nextToken/>"),
        page("<nextToken>a&amp;b</nextToken><reservationSet/><requestId>r</requestId>"),
        page("<reservationSet><item/></reservationSet><reservationSet><item/><item/></reservationSet>"),
        page("<reservationSet><item/></reservationSet><reservationSet/>"),
        page("<other><reservationSet><item/></reservationSet></other>"),
        page("<reservationSet><other><item/></other>text<item><ownerId>1</ownerId></item></reservationSet>"),
        page("<!-- a > b --><x:reservationSet xmlns:x='y'><x:item/></x:reservationSet>"),
        "<DescribeInstancesResponse/>".to_owned(),
        format!("\u{feff}{}", page("")),
        format!("<?xml version=\"1.0\"?>\n<!-- c -->\n{}\n<!-- c -->\n", page("")),
        format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{}", page("")),
        format!("{}</too-many>", page("")),
        reservations("<item><instancesSet><item/></instancesSet><instancesSet/><groupSet><item/></groupSet></item>"),
    ] {
        assert_equal(&xml).await;
    }
}

#[test]
fn a_page_in_parts_of_any_size_is_the_same_page() {
    let mut pages: Vec<_> = DOCUMENTED.iter().map(|xml| (*xml).to_owned()).collect();
    pages.push(instance("<keyName>\u{1f980} a > b<!-- > --><?x > ?></keyName><tagSet a='>'/>"));
    pages.push(page("<nextToken>a &gt; > b</nextToken><reservationSet><!-- <item> --></reservationSet>"));
    for xml in pages {
        let whole = read_in_parts(&xml, xml.len()).unwrap();
        for size in (1..64).chain([100, 1000, 4096]) {
            let read = read_in_parts(&xml, size).unwrap();
            assert_eq!((read.reservations, read.rest), (whole.reservations.clone(), whole.rest.clone()), "{size}");
        }
    }
}

#[test]
fn every_beginning_of_a_page_is_an_error() {
    let xml = format!("<?xml version=\"1.0\"?>{}", instance("<keyName>a &gt; \u{e9}</keyName><!-- c --><tagSet/>"));
    for beginning in (0..xml.len()).filter_map(|end| xml.get(..end)) {
        for size in [1, 10, xml.len()] {
            assert!(read_in_parts(beginning, size).is_err(), "{beginning}");
        }
    }
}

/// The SDK's parser ends at broken XML, and takes the page for a shorter one.
#[tokio::test]
async fn a_page_that_ends_early_is_an_error_instead_of_a_shorter_page() {
    let long = reservations("<item><ownerId>1</ownerId></item><item><ownerId>2</ownerId></item>");
    let (short, _) = long.split_at(long.rfind("<item>").unwrap());
    for broken in [short, &format!("{short}<1>"), &format!("{short}</item>"), &format!("{short}<item a></item>&;")] {
        let (ours, sdk) = both(broken).await;
        assert_eq!(sdk.unwrap().reservations.len(), 1, "{broken}");
        let error = ours.unwrap_err();
        assert_eq!(error.code, "UnreadableAnswer", "{broken}");
        assert!(error.cause.unwrap().starts_with("the page is malformed: "), "{broken}");
    }
}

#[tokio::test]
async fn broken_and_hostile_xml_is_the_error_of_the_sdks_parser() {
    let bombs = format!("<!DOCTYPE a [<!ENTITY b \"{}\">]>{}", "c".repeat(1000), instance("<keyName>&b;&b;</keyName>"));
    let mut broken = vec![String::new(), " ".to_owned(), "healthy".to_owned(), "{}".to_owned(), "<".to_owned(), bombs];
    broken.push("<html><body>502 Bad Gateway</body></html>".to_owned());
    broken.push("<Response><Errors/></Response>".to_owned());
    broken.push("<RunInstancesResponse/>".to_owned());
    broken.push(format!("text{}", page("")));
    for elements in [
        "<keyName>&b;</keyName>",
        "<keyName>&#xD800;</keyName>",
        "<keyName>&#x110000;</keyName>",
        "<keyName>& </keyName>",
        "<keyName><b/></keyName>",
        "<keyName>a\u{1}b</keyName>",
        "<keyName>a\u{ffff}b</keyName>",
        "<keyName>a]]>b</keyName>",
        "<launchTime>yesterday</launchTime>",
        "<launchTime/>",
        "<instanceState><code>x</code></instanceState>",
        "<instanceState><code/></instanceState>",
        "<instanceState><code>4294967296</code></instanceState>",
    ] {
        broken.push(instance(elements));
    }
    for xml in broken {
        let (ours, sdk) = both(&xml).await;
        let (ours, sdk) = (ours.unwrap_err(), sdk.expect_err(&xml));
        assert_eq!((ours.kind, ours.code, ours.message), (sdk.kind, sdk.code, sdk.message), "{xml}");
    }
}

#[tokio::test]
async fn deep_xml_that_nobody_reads_is_skipped() {
    let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
    assert_equal(&instance(&format!("{deep}<keyName>k</keyName>"))).await;
}

#[test]
fn a_reservation_without_an_end_and_a_long_rest_are_errors_before_they_take_all_memory() {
    let beginning = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>";
    for (beginning, part) in [
        (beginning, format!("<a>{}", "x".repeat(1 << 14))),
        (beginning, "<a>".repeat(1 << 12)),
        (beginning, "x".repeat(1 << 14)),
        ("<!--", ">".repeat(1 << 14)),
        ("<DescribeInstancesResponse>", "<a/>".repeat(1 << 12)),
    ] {
        let mut reader = PageReader::default();
        reader.read(beginning.as_bytes()).unwrap();
        let problem = (0..=100).find_map(|_| reader.read(part.as_bytes()).err());
        assert_eq!(problem, Some("it is too long"), "{beginning}");
    }
}
