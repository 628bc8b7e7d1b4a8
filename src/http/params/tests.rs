use super::super::body::RawBody;
use super::super::param::{Param, Tags};
use super::super::spelling::DRY_RUN;
use super::*;
use crate::model::FromText;
use std::fmt;

/// An item of any form.
struct Item;

impl FromText for Item {
    const PATTERN: &'static str = "";
    const EXPECTED: &'static str = "an item";
    const EXAMPLE: &'static str = "";

    fn from_text(_: &str) -> Option<Self> {
        Some(Self)
    }
}

const NAME: ParamInfo = Param::<String>::required("KeyName", "").aliases(&["key_name"]).info;
const COUNT: ParamInfo = Param::<u32>::optional("MaxCount", "").range((1, 1000)).info;
const FORCE: ParamInfo = Param::<bool>::optional("force", "").info;
const IDS: ParamInfo = Param::<Vec<Item>>::optional("instance_id", "").aliases(&["instance_ids"]).max_items(4).info;
const TAG: ParamInfo = Param::<Tags>::optional("tag:KEY", "").info;
const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");

fn read(query: &str, content_type: Option<&str>, bytes: &[u8]) -> Result<Params, Error> {
    let body = RawBody { content_type, content_encoding: None, bytes }.parse();
    let params = Params::read(Some(&query.parse().unwrap()), body);
    params.check().map(|()| params)
}

fn query(text: &str) -> Params {
    read(text, None, b"").unwrap()
}

fn json(text: &str) -> Params {
    read("", None, text.as_bytes()).unwrap()
}

fn unknown<'a>(params: &'a Params, known: &'a [ParamInfo]) -> Vec<&'a str> {
    params.unknown(known).map(|(name, _)| name).collect()
}

fn message<T: fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().message
}

#[test]
fn ok_the_same_parameter_from_query_form_and_json() {
    let form = read("", FORM, b"KeyName=a+b%26c&x=").unwrap();
    for params in [query("KeyName=a+b%26c"), form, json(r#"{"KeyName": "a b&c"}"#)] {
        assert_eq!(params.text(&NAME).unwrap(), Some("a b&c"));
    }
    assert_eq!(query("key_name=x").text(&NAME).unwrap(), Some("x"));
}

#[test]
fn ok_no_body_is_no_parameters() {
    for body in ["", "  \r\n", "{}", r#"{"KeyName": null}"#, r#"{"KeyName": ""}"#] {
        assert_eq!(json(body).text(&NAME).unwrap(), None, "{body}");
        assert_eq!(json(body).text(&NAME).unwrap(), None);
    }
}

#[test]
fn err_a_body_that_is_no_object_says_what_it_is() {
    let read = |content_type, body: &[u8]| message(read("", content_type, body));
    assert_eq!(read(None, b"[1]"), "The request body is not a JSON object");
    assert_eq!(read(None, b"\"x\""), "The request body is not a JSON object");
    assert_eq!(read(None, b"{\"a\": "), "The request body is JSON that ends too early");
    assert_eq!(read(None, b"a=b"), "The request body is not JSON: line 1, column 1");
    assert_eq!(read(None, b"{\"a\": \"\xff\"}"), "The request body is not JSON: line 1, column 8");
    assert_eq!(read(None, "[".repeat(200_000).as_bytes()), "The request body is not a JSON object");
    assert!(
        read(None, format!("{{\"a\":{}", "[".repeat(200_000)).as_bytes()).starts_with("The request body is not JSON")
    );
    assert!(read(FORM, b" {\"a\": 1}").contains("Content-Type: application/json"));
    assert_eq!(read(FORM, b"KeyName=%ff"), "KeyName is not UTF-8");
    assert_eq!(message(super::tests::read("KeyName=%ff", None, b"")), "KeyName is not UTF-8");
}

#[test]
fn err_two_values_for_one_parameter_even_in_two_spellings() {
    assert_eq!(query("KeyName=a&KeyName=a").text(&NAME).unwrap(), Some("a"));
    assert_eq!(message(query("KeyName=a&KeyName=b").text(&NAME)), "KeyName is given twice, with different values");
    assert_eq!(
        message(query("KeyName=a&key_name=b").text(&NAME)),
        "key_name is the same as KeyName, but has a different value"
    );
    assert_eq!(
        message(json(r#"{"KeyName": "a", "KeyName": "b"}"#).text(&NAME)),
        "KeyName is given twice, with different values"
    );
    let both = read("KeyName=a", None, br#"{"KeyName": "b"}"#).unwrap();
    assert_eq!(message(both.text(&NAME)), "KeyName is given twice, with different values");
}

#[test]
fn err_a_wrong_type_names_the_parameter() {
    assert_eq!(message(json(r#"{"KeyName": 5}"#).text(&NAME)), "KeyName must be a string");
    assert_eq!(message(json(r#"{"KeyName": ["a"]}"#).text(&NAME)), "KeyName must be a string");
    assert_eq!(message(query("KeyName=a%00b").text(&NAME)), "KeyName has a control character");
    for count in ["0", "ten", "-1", "1.5", "1e1", "99999999999999999999", "+ 1"] {
        let error = message(query(&format!("MaxCount={count}")).integer(&COUNT));
        assert_eq!(error, "MaxCount must be a whole number from 1 to 1000", "{count}");
    }
    for count in ["0", "1.5", "-1", "true", "[1]", "{}", "1e99"] {
        let error = message(json(&format!(r#"{{"MaxCount": {count}}}"#)).integer(&COUNT));
        assert_eq!(error, "MaxCount must be a whole number from 1 to 1000", "{count}");
    }
    for force in ["maybe", "2", "y", "truee"] {
        assert_eq!(message(query(&format!("force={force}")).boolean(&FORCE)), "force must be true or false");
    }
    assert_eq!(message(json(r#"{"force": 1}"#).boolean(&FORCE)), "force must be true or false");
    assert_eq!(
        message(json(r#"{"instance_id": 1}"#).list(&IDS)),
        "instance_id must be a string or an array of strings"
    );
    assert_eq!(message(json(r#"{"instance_ids": ["a", 1]}"#).list(&IDS)), "instance_ids must be an array of strings");
}

#[test]
fn err_a_text_with_too_many_characters() {
    const SHORT: ParamInfo = Param::<String>::optional("KeyName", "").max_len(3).info;
    assert_eq!(query("KeyName=%C3%A9%C3%A9%C3%A9").text(&SHORT).unwrap(), Some("ééé"));
    assert_eq!(message(query("KeyName=abcd").text(&SHORT)), "KeyName has more than 3 characters");
}

#[test]
fn ok_numbers_and_booleans() {
    assert_eq!(query("MaxCount=7").integer(&COUNT).unwrap(), Some(7));
    assert_eq!(json(r#"{"MaxCount": 7}"#).integer(&COUNT).unwrap(), Some(7));
    assert_eq!(json(r#"{"MaxCount": 7.0}"#).integer(&COUNT).unwrap(), Some(7));
    assert_eq!(json(r#"{"MaxCount": "7"}"#).integer(&COUNT).unwrap(), Some(7));
    assert_eq!(query("force=True").boolean(&FORCE).unwrap(), Some(true));
    assert_eq!(json(r#"{"force": false}"#).boolean(&FORCE).unwrap(), Some(false));
    assert_eq!(query("").boolean(&FORCE).unwrap(), None);
    for (text, expected) in [("1", true), ("yes", true), ("ON", true), ("0", false), ("No", false), ("off", false)] {
        assert_eq!(query(&format!("force={text}")).boolean(&FORCE).unwrap(), Some(expected), "{text}");
    }
}

#[test]
fn ok_lists_are_commas_repetitions_or_arrays() {
    for params in [
        query("instance_id=a,b&instance_id=c"),
        query("instance_ids=c&instance_id=a,b"),
        json(r#"{"instance_ids": ["a", "b", "c", "a"]}"#),
        json(r#"{"instance_id": "a, b,c"}"#),
    ] {
        assert_eq!(params.list(&IDS).ok().map(|items| items.join(" ")).unwrap_or_default(), "a b c", "{params:?}");
    }
}

#[test]
fn err_lists_with_holes_or_too_long() {
    assert_eq!(message(query("instance_id=,,").list(&IDS)), "instance_id has an empty item");
    assert_eq!(message(json(r#"{"instance_ids": [""]}"#).list(&IDS)), "instance_ids has an empty item");
    assert_eq!(message(query("instance_id=a,b,c,d,e").list(&IDS)), "instance_id has more than 4 items");
}

#[test]
fn ok_tags_collect_the_values_of_a_key() {
    let params = query("tag:team=blue&tag:env=&tag:team=red%2Cgreen");
    assert_eq!(params.tags(&TAG).unwrap(), [("env", vec![""]), ("team", vec!["blue", "red,green"])]);
    assert_eq!(message(query("tag:=x").tags(&TAG)), "tag:KEY needs a tag's key after the colon");
    assert_eq!(message(json(r#"{"tag:a": 1}"#).tags(&TAG)), "tag:a must be a string");
}

#[test]
fn credentials_are_dropped_and_noticed() {
    let params = query("aws_access_key_id=AKIAIOSFODNN7EXAMPLE&aws_secret_access_key=s3cr3t&KeyName=a");
    assert!(params.credentials);
    assert!(!format!("{params:?}").contains("AKIA") && !format!("{params:?}").contains("s3cr3t"));
    assert!(json(r#"{"aws_secret_access_key": 5}"#).credentials);
    assert!(!query("KeyName=a").credentials);
}

#[test]
fn a_key_is_read_from_json_and_never_from_the_query_string() {
    let params = json(r#"{"api_key": "k", "KeyName": "a"}"#);
    assert_eq!(params.api_key.as_deref(), Some("k"));
    assert!(unknown(&params, &[NAME]).is_empty());
    assert_eq!(query("api_key=k").api_key, None);
    assert_eq!(json(r#"{"api_key": ["k"]}"#).api_key, None);
}

#[test]
fn ok_white_space_around_names_and_items_is_trimmed() {
    assert_eq!(query("KeyName=%20a+b%09").text(&NAME).unwrap(), Some("a b"));
    assert_eq!(json(r#"{"KeyName": " \n"}"#).text(&NAME).unwrap(), None);
    assert_eq!(json(r#"{"instance_id": [" a", "b\t", "a"]}"#).list(&IDS).unwrap(), ["a", "b"]);
    assert_eq!(message(query("tag:a=x%20").tags(&TAG)), "tag:a must not begin or end with white space");
    assert_eq!(message(query("tag:%20a=x").tags(&TAG)), "tag: a must not begin or end with white space");
}

#[test]
fn ok_brackets_are_read_where_the_parameter_is_a_list() {
    assert_eq!(query("instance_id[]=a&instance_ids[]=b").list(&IDS).unwrap(), ["a", "b"]);
    assert_eq!(query("tag:a[]=x&tag:a[]=y").tags(&TAG).unwrap(), [("a", vec!["x", "y"])]);
    assert_eq!(unknown(&query("KeyName[]=a&instance_id[0]=x"), &[NAME, IDS]), ["KeyName[]", "instance_id[0]"]);
}

#[test]
fn a_dry_run_counts_in_every_spelling_or_is_refused() {
    const PARAM: ParamInfo = Param::<bool>::optional(DRY_RUN, "").info;
    for name in ["dry_run", "dryRun", "DRY-RUN", "_dry_run", "dry_run[]", "[dry.run]", "dry run"] {
        assert_eq!(query(&format!("{name}=1")).boolean(&PARAM).unwrap(), Some(true), "{name}");
        assert_eq!(query(&format!("{name}=")).boolean(&PARAM).unwrap(), Some(true), "{name}");
    }
    assert_eq!(message(json(r#"{"dry_run": null}"#).boolean(&PARAM)), "dry_run must be true or false");
    for body in [r#"{"options": {"dryRun": true}}"#, r#"{"a": [{"b": {"dry-run": null}}]}"#, r#"{"a.dry_run": 1}"#] {
        assert_eq!(read("", None, body.as_bytes()).unwrap_err().code, "UnknownParameter", "{body}");
    }
    assert!(read("options[dry_run]=1", None, b"").is_err());
}

#[test]
fn unknown_names_are_listed() {
    let params = query("KeyName=a&MaxCont=5&tag:x=y");
    assert_eq!(unknown(&params, &[NAME, COUNT]), ["MaxCont", "tag:x"]);
    assert_eq!(unknown(&params, &[NAME, TAG]), ["MaxCont"]);
}
