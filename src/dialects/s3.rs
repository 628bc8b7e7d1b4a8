//! `/s3/*`: the S3 part of boto's tutorial, for the buckets of the deployment's prefix. Without a
//! prefix the dialect is off.

use super::boto3::{ERROR_BODY, encode_error};
use super::common::{
    self, DRY_RUN, DryRunBody, LIST_HEADERS, PageToken, dry_run_response, encode_dry_run, encode_list, encode_rows,
    sample_time,
};
use super::s3_headers::{Purpose, correct_encoding, relayed_headers};
use crate::aws::s3::PRESIGNED_FOR;
use crate::error::{Error, Kind};
use crate::http::call::{Decoded, call};
use crate::http::columns::{Accessor, Column, Table, example_rows, rows_schema};
use crate::http::negotiate::prefers_csv;
use crate::http::param::Param;
use crate::http::reply::Reply;
use crate::http::route::{BodyUse, Content, Dialect, Handler, Input, Response, Route, UnknownUse};
use crate::http::rows::{MAX_OBJECT_BYTES, Rows};
use crate::model::{
    Bucket, BucketInfo, CHECKSUM_HEADERS, FromText, Object, ObjectHeaders, ObjectInfo, ObjectKey, ObjectQuery,
    ObjectResponse, Place, PresignedMethod, Region, rfc3339_milliseconds,
};
use crate::operations::Operation as _;
use crate::operations::buckets::{CreateBucket, DeleteBucket, ListBuckets};
use crate::operations::list::ListObjects;
use crate::operations::objects::{
    DeleteObject, GetObject, HeadObject, ObjectName, ObjectOrUrl, PresignGetObject, PresignPutObject, PutObject,
};
use crate::operations::paging::OBJECT_PAGE_SIZES;
use lambda_http::Body;
use lambda_http::http::header::CONTENT_TYPE;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

// ---------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "s3",
    summary: "Buckets and objects of the deployment's prefix, for users of boto's tutorial.",
    prefix: "/s3",
    enabled: |config| config.bucket_prefix.is_some(),
    routes: ROUTES,
    unknown_parameters: UnknownUse::Refuse,
    ignored_parameters: &[],
    region_parameter: REGION_NAME.info.name,
    segments: &[BUCKET.info, KEY.info],
    dry_run: encode_dry_run,
    error: encode_error,
    error_body: ERROR_BODY,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["GET"],
        path: "/s3",
        name: "list-buckets",
        summary: "Lists the buckets of the deployment's prefix.",
        parameters: &[REGION_NAME.info],
        body: BodyUse::Parameters,
        responses: &[Response::list(200, "The buckets.", buckets_schema, || {
            let bucket = BucketInfo { name: "demo-notes".to_owned(), creation_date: sample_time() };
            example_rows(&BUCKET_COLUMNS, &bucket)
        })],
        handler: Handler::Authenticated { actions: &[ListBuckets::ACTION], decode: list_buckets },
    },
    Route {
        methods: &["PUT"],
        path: "/s3/{bucket}",
        name: "create-bucket",
        summary: "Creates a bucket; a taken name is a conflict.",
        parameters: &[REGION_NAME.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[
            Response::json::<Name<'_>>(201, "The bucket is there.", || json!(Name { name: "demo-notes" })),
            DRY_RUN_OK,
        ],
        handler: Handler::Authenticated { actions: &[CreateBucket::ACTION], decode: create_bucket },
    },
    Route {
        methods: &["GET"],
        path: "/s3/{bucket}",
        name: "list-objects",
        summary: "Lists a bucket's objects.",
        parameters: &[REGION_NAME.info, PREFIX.info, MAX_RESULTS.info, NEXT_TOKEN.info],
        body: BodyUse::Parameters,
        responses: &[Response::list(200, "The objects.", objects_schema, || {
            let object = ObjectInfo { key: "hello.txt".to_owned(), size: Some(12), last_modified: sample_time() };
            example_rows(&OBJECT_COLUMNS, &object)
        })
        .with(LIST_HEADERS)],
        handler: Handler::Authenticated { actions: &[ListObjects::<Rows<ObjectInfo>>::ACTION], decode: list_objects },
    },
    Route {
        methods: &["DELETE"],
        path: "/s3/{bucket}",
        name: "delete-bucket",
        summary: "Deletes an empty bucket.",
        parameters: &[REGION_NAME.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[Response::empty(204, "The bucket is gone."), DRY_RUN_OK],
        handler: Handler::Authenticated { actions: &[DeleteBucket::ACTION], decode: delete_bucket },
    },
    Route {
        methods: &["PUT"],
        path: "/s3/{bucket}/{key...}",
        name: "put-object",
        summary: "Stores the body as an object, byte for byte, with its Content-Type.",
        parameters: &[REGION_NAME.info, PRESIGN.info, DRY_RUN.info],
        body: BodyUse::Content,
        responses: &[
            Response::json::<Name<'_>>(201, "The object is stored.", || json!(Name { name: "hello.txt" }))
                .with(STORED_HEADERS),
            Response::json::<Presigned<'_>>(200, "With `presign`: where to put it.", || sample_url("PUT")),
            DRY_RUN_OK,
        ],
        handler: Handler::Authenticated { actions: &[PutObject::ACTION], decode: put_object },
    },
    Route {
        // Before GET, which includes HEAD.
        methods: &["HEAD"],
        path: "/s3/{bucket}/{key...}",
        name: "head-object",
        summary: "Answers with the headers of an object of any size, its length among them.",
        parameters: &[REGION_NAME.info, PRESIGN.info],
        body: BodyUse::Parameters,
        responses: &[
            Response::empty(200, "The object is there.").with(OBJECT_HEADERS),
            Response::empty(206, "A range of it is there.").with(OBJECT_HEADERS),
            NOT_MODIFIED,
        ],
        handler: Handler::Authenticated { actions: &[HeadObject::ACTION], decode: head_object },
    },
    Route {
        methods: &["GET"],
        path: "/s3/{bucket}/{key...}",
        name: "get-object",
        summary: "Answers with an object's bytes, or redirects to them when they are too many.",
        parameters: &[REGION_NAME.info, PRESIGN.info],
        body: BodyUse::Parameters,
        responses: &[
            Response {
                status: 200,
                summary: "The object's bytes, with the Content-Type that they were stored with.",
                body: Content::Bytes,
                headers: OBJECT_HEADERS,
            },
            Response {
                status: 206,
                summary: "The range of bytes that `Range` asks for.",
                body: Content::Bytes,
                headers: OBJECT_HEADERS,
            },
            NOT_MODIFIED,
            Response::json::<Presigned<'_>>(200, "With `presign`: where to get it.", || sample_url("GET")),
            Response::empty(307, "They are too many for an answer: where to get them.").with(&["location"]),
        ],
        handler: Handler::Authenticated { actions: &[GetObject::ACTION], decode: get_object },
    },
    Route {
        methods: &["DELETE"],
        path: "/s3/{bucket}/{key...}",
        name: "delete-object",
        summary: "Deletes an object, whether there is one or not.",
        parameters: &[REGION_NAME.info, DRY_RUN.info],
        body: BodyUse::Parameters,
        responses: &[Response::empty(204, "There is no such object any more."), DRY_RUN_OK],
        handler: Handler::Authenticated { actions: &[DeleteObject::ACTION], decode: delete_object },
    },
];

/// The headers that an object may come with.
const OBJECT_HEADERS: &[&str] = &with_checksums::<19>(&[
    "accept-ranges",
    "content-disposition",
    "content-language",
    "content-length",
    "content-range",
    "content-security-policy",
    "etag",
    "last-modified",
    "x-amz-checksum-type",
]);

/// The headers of an object that was stored.
const STORED_HEADERS: &[&str] = &with_checksums::<12>(&["etag", "x-amz-checksum-type"]);

/// The names given and those of all checksums.
#[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
const fn with_checksums<const N: usize>(names: &[&'static str]) -> [&'static str; N] {
    assert!(names.len() + CHECKSUM_HEADERS.len() == N, "the length is another");
    let mut all = [""; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < names.len() { names[i] } else { CHECKSUM_HEADERS[i - names.len()] };
        i += 1;
    }
    all
}

const NOT_MODIFIED: Response = Response::empty(304, "The caller has it already.").with(OBJECT_HEADERS);

/// The response to a dry run. S3 has no dry runs.
const DRY_RUN_OK: Response = dry_run_response(|| json!(DryRunBody::new(PutObject::ACTION, false)));

const BUCKET: Param<BucketName> = Param::required("bucket", "The bucket's name, with the deployment's prefix.");
const KEY: Param<KeyText> =
    Param::required("key", "The object's key, slashes included; . and .. between them are refused.").max_len(1024);
const REGION_NAME: Param<Region> =
    Param::optional("region_name", "The bucket's region; the deployment's default if not given.");
const PREFIX: Param<String> =
    Param::optional("prefix", "Only objects whose keys begin with this.").verbatim().example("2026/");
const MAX_RESULTS: Param<u32> =
    Param::optional("max_results", "One page of at most this many, 1 to 1000, instead of all that fits.")
        .range(OBJECT_PAGE_SIZES)
        .example("100");
const NEXT_TOKEN: Param<PageToken> =
    Param::optional("next_token", "Go on where an earlier answer's header x-next-token says.");
const PRESIGN: Param<bool> =
    Param::optional("presign", "1 to get a URL for the bytes, which then do not pass through the function.");

/// The bucket of the path. Whether the deployment has it depends on the prefix.
struct BucketName;

impl FromText for BucketName {
    const PATTERN: &'static str = Bucket::PATTERN;
    const EXPECTED: &'static str = "a bucket's name";
    const EXAMPLE: &'static str = "demo-notes";

    fn from_text(_: &str) -> Option<Self> {
        Some(Self)
    }
}

/// The key of the path.
struct KeyText;

impl FromText for KeyText {
    const PATTERN: &'static str = ObjectKey::PATTERN;
    const EXPECTED: &'static str = "an object's key";
    const EXAMPLE: &'static str = "hello.txt";

    fn from_text(_: &str) -> Option<Self> {
        Some(Self)
    }
}

// ---------------------------------------------------------------------------------------- decode

/// The deployment's prefix. Without one, the router does not lead here.
fn bucket_prefix<'a>(input: &'a Input<'_>) -> Result<&'a str, Error> {
    let none = || Error::new(Kind::Internal, "InternalError", "This deployment has no buckets");
    input.config.bucket_prefix.as_deref().ok_or_else(none)
}

fn bucket(input: &Input<'_>) -> Result<Bucket, Error> {
    let parsed = Bucket::parse(input.segment_text(BUCKET), bucket_prefix(input)?);
    parsed.map_err(|problem| Error::invalid(BUCKET.info.name, problem))
}

fn object_name(input: &Input<'_>) -> Result<ObjectName, Error> {
    let (region, bucket) = (common::region(input, REGION_NAME)?, bucket(input)?);
    let key = ObjectKey::parse(input.segment_text(KEY));
    let key = key.map_err(|problem| Error::invalid(KEY.info.name, problem))?;
    Ok(ObjectName { region, bucket, key })
}

/// The headers to pass on to S3.
fn headers(input: &Input<'_>, purpose: Purpose) -> Result<ObjectHeaders, Error> {
    relayed_headers(input.headers, purpose)
}

fn list_buckets(input: &Input<'_>) -> Decoded {
    headers(input, Purpose::Other)?;
    let csv = prefers_csv(input.headers);
    let region = common::region(input, REGION_NAME)?;
    let prefix = bucket_prefix(input)?.to_owned();
    call(ListBuckets { region: region.clone(), prefix }, move |buckets| {
        let place = Place { account: None, region: &region };
        encode_rows(Table::new(&BUCKET_COLUMNS, csv).encode_all(&buckets, place), csv)
    })
}

fn create_bucket(input: &Input<'_>) -> Decoded {
    headers(input, Purpose::Other)?;
    let (region, bucket) = (common::region(input, REGION_NAME)?, bucket(input)?);
    let name = bucket.to_string();
    call(CreateBucket { region, bucket }, move |()| Reply::json(201, &Name { name: &name }))
}

fn delete_bucket(input: &Input<'_>) -> Decoded {
    headers(input, Purpose::Other)?;
    let (region, bucket) = (common::region(input, REGION_NAME)?, bucket(input)?);
    call(DeleteBucket { region, bucket }, |()| Reply::empty(204))
}

fn list_objects(input: &Input<'_>) -> Decoded {
    headers(input, Purpose::Other)?;
    let query = ObjectQuery {
        bucket: bucket(input)?,
        prefix: input.optional(PREFIX)?,
        max_results: input.optional(MAX_RESULTS)?,
        next_token: input.optional(NEXT_TOKEN)?.map(|token| token.0),
    };
    let csv = prefers_csv(input.headers);
    let sink = Table::new(&OBJECT_COLUMNS, csv).rows(std::slice::from_ref);
    call(ListObjects { region: common::region(input, REGION_NAME)?, query, sink }, encode_list(csv))
}

fn presign(input: &Input<'_>) -> Result<bool, Error> {
    Ok(input.optional(PRESIGN)?.unwrap_or(false))
}

fn put_object(input: &Input<'_>) -> Decoded {
    let (name, mut headers) = (object_name(input)?, headers(input, Purpose::Store)?);
    if presign(input)? {
        let signed = headers.clone();
        return call(PresignPutObject { name, headers }, move |url| encode_url(&url, PresignedMethod::Put, &signed));
    }
    correct_encoding(&mut headers, input.body)?;
    let content_type = input.header(&CONTENT_TYPE).map(str::to_owned);
    let object = Object { content: input.body.to_vec(), content_type, headers };
    let key = name.key.clone();
    call(PutObject { name, object }, move |headers| encode_stored(&key, headers))
}

fn get_object(input: &Input<'_>) -> Decoded {
    if presign(input)? {
        return presign_get_object(input);
    }
    let (name, headers) = (object_name(input)?, headers(input, Purpose::Read)?);
    call(GetObject { name, headers, max_size: MAX_OBJECT_BYTES }, encode_object)
}

fn head_object(input: &Input<'_>) -> Decoded {
    if presign(input)? {
        return presign_get_object(input);
    }
    let (name, headers) = (object_name(input)?, headers(input, Purpose::Read)?);
    call(HeadObject { name, headers }, encode_object_headers)
}

fn presign_get_object(input: &Input<'_>) -> Decoded {
    let (name, headers) = (object_name(input)?, headers(input, Purpose::Read)?);
    let signed = headers.clone();
    call(PresignGetObject { name, headers }, move |url| encode_url(&url, PresignedMethod::Get, &signed))
}

fn delete_object(input: &Input<'_>) -> Decoded {
    let (name, headers) = (object_name(input)?, headers(input, Purpose::Delete)?);
    call(DeleteObject { name, headers }, |()| Reply::empty(204))
}

// ---------------------------------------------------------------------------------------- encode

fn encode_object(output: ObjectOrUrl) -> Reply {
    encode_object_with_length(output, false)
}

/// As [`encode_object`], without the body. Its length is said by a header.
fn encode_object_headers(output: ObjectOrUrl) -> Reply {
    Reply { body: Body::Empty, ..encode_object_with_length(output, true) }
}

fn encode_object_with_length(output: ObjectOrUrl, with_length: bool) -> Reply {
    let (status, headers, content) = match output {
        ObjectOrUrl::Url(url) => return Reply::empty(307).with("location", url),
        ObjectOrUrl::NotModified(headers) => {
            let headers = headers.into_iter().filter(|(name, _)| !matches!(*name, "content-length" | "content-type"));
            return Reply { status: 304, headers: headers.collect(), body: Body::Empty };
        }
        ObjectOrUrl::Object(ObjectResponse { status, headers, content }) => (status, headers, content),
    };
    // API Gateway gets the bytes in base64 and answers with the bytes, whose length it knows.
    // Objects that callers have stored must not run as pages of this origin.
    let mut reply = Reply { status, headers: Vec::new(), body: Body::Binary(content) };
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        reply = reply.with("content-type", "application/octet-stream");
    }
    if headers.iter().any(|(name, _)| *name == "cache-control") {
        // A cache keeps it for this caller only.
        reply = reply.with("vary", "authorization, cookie, x-api-key, api_key, api-key");
    }
    let passed_on = |(name, _): &(&str, String)| with_length || *name != "content-length";
    reply.headers.extend(headers.into_iter().filter(passed_on));
    reply.with("content-security-policy", "sandbox")
}

fn encode_stored(key: &ObjectKey, headers: ObjectHeaders) -> Reply {
    let mut reply = Reply::json(201, &Name { name: key.as_str() });
    reply.headers.extend(headers.into_iter().filter(|(name, _)| STORED_HEADERS.contains(name)));
    reply
}

fn encode_url(url: &str, method: PresignedMethod, headers: &ObjectHeaders) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let method = method.as_str();
    Reply::json(200, &Presigned { url, method, expires_in: PRESIGNED_FOR.as_secs(), headers })
}

/// The columns of a list of buckets.
const BUCKET_COLUMNS: [Column<BucketInfo>; 2] = [
    Column { name: "name", summary: "The bucket's name.", accessor: Accessor::Text(|bucket, _| Some(&bucket.name)) },
    Column {
        name: "creation_date",
        summary: "When it was created: RFC 3339, UTC, with milliseconds.",
        accessor: Accessor::Time(|bucket| bucket.creation_date.map(rfc3339_milliseconds)),
    },
];

fn buckets_schema(generator: &mut SchemaGenerator) -> Schema {
    rows_schema("Bucket", &BUCKET_COLUMNS, BUCKET_COLUMNS.len(), generator)
}

/// The columns of a list of objects.
const OBJECT_COLUMNS: [Column<ObjectInfo>; 3] = [
    Column { name: "name", summary: "The object's key.", accessor: Accessor::Text(|object, _| Some(&object.key)) },
    Column { name: "size", summary: "Its size in bytes.", accessor: Accessor::Number(|object| object.size) },
    Column {
        name: "last_modified",
        summary: "When it was stored: RFC 3339, UTC, with milliseconds.",
        accessor: Accessor::Time(|object| object.last_modified.map(rfc3339_milliseconds)),
    },
];

fn objects_schema(generator: &mut SchemaGenerator) -> Schema {
    rows_schema("Object", &OBJECT_COLUMNS, OBJECT_COLUMNS.len(), generator)
}

/// A bucket or an object that was created.
#[derive(Serialize, JsonSchema)]
struct Name<'a> {
    /// The bucket's name, or the object's key.
    name: &'a str,
}

/// A URL whose holder may put or get an object.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PresignedUrl")]
struct Presigned<'a> {
    #[schemars(extend("format" = "uri"))]
    url: &'a str,
    /// The method to use.
    #[schemars(extend("enum" = ["GET", "PUT"]))]
    method: &'a str,
    /// For how many seconds it works.
    expires_in: u64,
    /// Headers to send along, which are part of the signature: conditions, checksums and the like
    /// of the request. Left out if there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'static str, &'a str>,
}

fn sample_url(method: &str) -> Value {
    let url = "https://demo-notes.s3.us-east-1.amazonaws.com/hello.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-...";
    json!(Presigned { url, method, expires_in: PRESIGNED_FOR.as_secs(), headers: BTreeMap::new() })
}

// ----------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_without_a_type_is_served_as_bytes_and_sandboxed() {
        let object = ObjectResponse { status: 200, headers: Vec::new(), content: b"<script>".to_vec() };
        let reply = encode_object(ObjectOrUrl::Object(object));
        assert_eq!(reply.status, 200);
        assert!(matches!(&reply.body, Body::Binary(bytes) if bytes == b"<script>"));
        let headers = [("content-type", "application/octet-stream"), ("content-security-policy", "sandbox")];
        assert_eq!(reply.headers, headers.map(|(name, value)| (name, value.to_owned())));
    }
}
