//! What a caller sees depends on nothing that he may not see: the same request is sent with hidden
//! instances on the wire and without them, and the answers are equal byte for byte.

use crate::support::xml::{Instance, change, changed, describe_in_reservations, instance, regions, stopped};
use crate::support::{Answer, Function, Response};

/// Everybody may list, describe and stop blue instances.
const BLUE: &str = r#"
    permit(principal, action == Action::"DescribeInstances", resource is Region);
    permit(principal, action, resource is Instance)
    when { resource.hasTag("team") && resource.getTag("team") == "blue" };
"#;

/// An instance of a list: its number, whether the caller can see it, and its reservation.
#[derive(Clone, Copy)]
struct Listed {
    number: u32,
    visible: bool,
    reservation: u32,
}

impl Listed {
    fn id(self) -> String {
        format!("i-{:08x}", self.number)
    }

    fn xml(self) -> Instance {
        let team = if self.visible { "blue" } else { "red" };
        instance(&self.id()).state("running").tag("team", team).tag("Name", "web")
    }
}

/// The pages of EC2 for these instances, of at most `size` each. A reservation may be split over
/// two.
fn pages(listed: &[Listed], size: usize) -> Vec<Response> {
    let page =
        |chunk: &[Listed]| {
            let reservations = chunk.chunk_by(|a, b| a.reservation == b.reservation);
            describe_in_reservations(reservations.map(|part| {
                (format!("r-{:08x}", part[0].reservation), part.iter().map(|listed| listed.xml()).collect())
            }))
        };
    let chunks: Vec<_> = listed.chunks(size).collect();
    let pages = chunks.iter().enumerate().map(|(n, chunk)| match n + 1 < chunks.len() {
        true => page(chunk).next_token(&format!("ec2-{size}-{n}")),
        false => page(chunk),
    });
    if chunks.is_empty() { vec![page(&[])] } else { pages.collect() }
}

/// Lists from a seed: some instances are visible, and some reservations have several instances.
fn random_list(seed: u32) -> Vec<Listed> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut random = |bound: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % bound
    };
    let (length, share) = (random(40), random(5));
    let mut reservation = 0;
    let listed = (0..length).map(|number| {
        reservation += random(2);
        Listed { number, visible: random(4) >= share, reservation }
    });
    listed.collect()
}

async fn function(responses: Vec<Response>) -> Function {
    Function::with_policies(BLUE, &[], responses).await
}

/// All answers of a list that is paged by hand.
async fn walk(path: &str, listed: &[Listed], size: usize) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut next = path.to_owned();
    loop {
        let answer = function(pages(listed, size)).await.get(&next).await;
        let token = answer.headers.get("x-next-token").cloned();
        answers.push(answer);
        match token {
            Some(token) => next = format!("{path}&next_token={token}"),
            None => return answers,
        }
        assert!(answers.len() < 50, "the list does not end");
    }
}

#[track_caller]
fn assert_equal(with: &[Answer], without: &[Answer], what: &str) {
    let text = |answers: &[Answer]| answers.iter().map(|answer| format!("{answer:?}\n")).collect::<String>();
    assert_eq!(text(with), text(without), "{what}");
}

#[tokio::test]
async fn lists_are_the_same_with_and_without_hidden_instances() {
    for seed in 0..15 {
        let all = random_list(seed);
        let visible: Vec<_> = all.iter().copied().filter(|listed| listed.visible).collect();
        for path in [
            "/ec2/list?region_name=eu-west-1",
            "/ec2/list?region_name=eu-west-1&max_results=5",
            "/ec2/list?region_name=eu-west-1&max_results=7&state=running&tag:team=blue",
            "/ec2/reservations?region_name=eu-west-1",
            "/ec2/reservations?region_name=eu-west-1&max_results=6",
        ] {
            let with = walk(path, &all, 5 + seed as usize % 4).await;
            let without = walk(path, &visible, 9).await;
            assert_equal(&with, &without, &format!("{path}, list {seed}"));
        }
        // Nothing is lost, and nothing comes twice.
        let answers = walk("/ec2/list?region_name=eu-west-1&max_results=5", &all, 6).await;
        let ids = answers.iter().flat_map(|answer| {
            let rows = answer.json();
            rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        });
        let ids: Vec<_> = ids.collect();
        assert_eq!(ids, visible.iter().map(|listed| listed.id()).collect::<Vec<_>>());
        assert!(answers.iter().rev().skip(1).all(|answer| answer.json().as_array().unwrap().len() == 5), "full pages");
    }
}

#[tokio::test]
async fn filter_that_matches_hidden_instances_only_is_as_one_that_matches_nothing() {
    let hidden: Vec<_> = (0..12).map(|number| Listed { number, visible: false, reservation: number }).collect();
    for path in [
        "/ec2/list?region_name=eu-west-1&max_results=5&tag:dbpass=mine&tag:dbpass=guess*",
        "/ec2/list?region_name=eu-west-1&max_results=5&state=stopped",
        "/ec2/reservations?region_name=eu-west-1&max_results=5&tag:dbpass=guess*",
        "/ec2/list?region_name=eu-west-1&instance_id=i-00000001,i-00000002",
        "/ec2/list?region_name=eu-west-1&instance_id=web",
    ] {
        let with = function(pages(&hidden, 5)).await.get(path).await;
        let without = function(pages(&[], 5)).await.get(path).await;
        assert_equal(&[with], &[without], path);
    }
}

#[tokio::test]
async fn token_of_a_hidden_instance_is_as_one_of_no_instance() {
    let listed: Vec<_> = (0..12).map(|number| Listed { number, visible: number % 2 == 0, reservation: 1 }).collect();
    let path = |token: &str| format!("/ec2/list?region_name=eu-west-1&max_results=5&next_token={token}");
    for token in ["i-00000001", "i-0000000b", "i-ffffffff"] {
        let answer = function(pages(&listed, 5)).await.get(&path(token)).await;
        let message = "next_token is no longer in this list: begin without it";
        answer.refuses(400, "InvalidParameterValue", message);
    }
    let function = function(Vec::new()).await;
    let answer = function.get(&path("ec2-5-0")).await;
    answer.refuses(400, "InvalidParameterValue", "next_token is not where a list ended");
    function.assert_no_calls();
}

#[tokio::test]
async fn list_of_all_regions_is_the_same_with_and_without_hidden_instances() {
    let all_regions = regions(&["eu-west-1"]);
    let listed: Vec<_> = (0..12).map(|number| Listed { number, visible: number > 6, reservation: number }).collect();
    for path in ["/ec2/list?region_name=all", "/regions"] {
        let ask = async |listed: &[Listed], size| {
            let responses = [all_regions.clone()].into_iter().chain(pages(listed, size)).collect();
            function(responses).await.get(path).await
        };
        assert_equal(&[ask(&listed, 5).await], &[ask(&listed[7..], 50).await], path);
    }
}

#[tokio::test]
async fn hidden_namesakes_do_not_make_a_name_ambiguous() {
    let listed: Vec<_> = (0..30).map(|number| Listed { number, visible: number == 17, reservation: number }).collect();
    for path in
        ["/ec2/stop?region_name=eu-west-1&instance_id=web", "/ec2/stop?region_name=eu-west-1&instance_id=db,web"]
    {
        let ask = async |listed: &[Listed], size| {
            let described = pages(&listed.iter().copied().filter(|listed| listed.number == 17).collect::<Vec<_>>(), 5);
            let stop = stopped("i-00000011");
            let responses = pages(listed, size).into_iter().chain(described).chain([stop]).collect();
            function(responses).await.post(path).await
        };
        assert_equal(&[ask(&listed, 5).await], &[ask(&listed[17..18], 50).await], path);
    }
    // Many that he can see: ten are listed, wherever EC2's pages end.
    let visible: Vec<_> = listed.iter().map(|listed| Listed { visible: listed.number % 2 == 0, ..*listed }).collect();
    let seen: Vec<_> = visible.iter().copied().filter(|listed| listed.visible).collect();
    let path = "/ec2/stop?region_name=eu-west-1&instance_id=web,db";
    let with = function(pages(&visible, 6)).await.post(path).await;
    let without = function(pages(&seen, 50)).await.post(path).await;
    assert_eq!(with.status, 409);
    assert_equal(&[with], &[without], path);
}

#[tokio::test]
async fn change_by_tag_is_the_same_with_and_without_hidden_instances() {
    let listed: Vec<_> =
        (0..30).map(|number| Listed { number, visible: number % 7 == 3, reservation: number }).collect();
    let seen: Vec<_> = listed.iter().copied().filter(|listed| listed.visible).collect();
    let ids: Vec<_> = seen.iter().map(|listed| listed.id()).collect();
    for (query, status) in
        [("", 200), ("&expect=4", 200), ("&expect=30", 409), ("&expect=0", 409), ("&partial=true", 200)]
    {
        let path = format!("/ec2/stop?region_name=eu-west-1&tag:Name=web{query}");
        let ask = async |listed: &[Listed], size| {
            let stop = changed("StopInstances", ids.iter().map(|id| change(id)));
            function(pages(listed, size).into_iter().chain([stop]).collect()).await.post(&path).await
        };
        let with = ask(&listed, 5).await;
        assert_eq!(with.status, status, "{path}: {with:?}");
        assert_equal(&[with], &[ask(&seen, 50).await], &path);
    }
    // Hidden ones only are as none at all.
    let hidden: Vec<_> = listed.iter().copied().filter(|listed| !listed.visible).collect();
    for path in [
        "/ec2/stop?region_name=eu-west-1&tag:Name=web",
        "/ec2/terminate?region_name=eu-west-1&tag:Name=web&expect=0",
        "/ec2/terminate?region_name=eu-west-1&tag:Name=web&expect=26",
    ] {
        let with = function(pages(&hidden, 5)).await.post(path).await;
        let without = function(pages(&[], 5)).await.post(path).await;
        assert_equal(&[with], &[without], path);
    }
    // Neither do hidden ones count for the greatest number.
    let many: Vec<_> =
        (0..1500).map(|number| Listed { number, visible: number % 2 == 0, reservation: number }).collect();
    let ids: Vec<_> = many.iter().filter(|listed| listed.visible).map(|listed| listed.id()).collect();
    let stop = changed("StopInstances", ids.iter().map(|id| change(id)));
    let responses = pages(&many, 1000).into_iter().chain([stop]).collect();
    assert_eq!(function(responses).await.post("/ec2/stop?region_name=eu-west-1&tag:Name=web").await.status, 200);
}

#[tokio::test]
async fn exact_id_of_a_hidden_instance_is_forbidden() {
    let hidden = [Listed { number: 1, visible: false, reservation: 1 }];
    let function = function(pages(&hidden, 5)).await;
    let answer = function.post("/ec2/stop?region_name=eu-west-1&instance_id=i-00000001").await;
    let message = "The policy of this deployment does not permit StopInstances of i-00000001";
    answer.refuses(403, "Forbidden", message);
    assert_eq!(function.wire.actions(), ["DescribeInstances"]);
}

#[tokio::test]
async fn names_must_fit_into_one_filter() {
    let function = Function::without_aws(&[]).await;
    let names: Vec<_> = (0..197).map(|n| format!("web-{n}")).collect();
    let answer = function.stop(&names.join(",")).await;
    let message = "instance_id has more than 196 names: give IDs instead";
    answer.refuses(400, "InvalidParameterValue", message);
    function.assert_no_calls();
}
