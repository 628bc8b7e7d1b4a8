//! `/s3/*`: what boto's tutorial does with S3, for the buckets of the deployment's prefix. Without a prefix there is no such
//! dialect.

use super::table::{self, Column, Of, Table};
use crate::ec2::Region;
use crate::error::Error;
use crate::http::Reply;
use crate::http::negotiate::prefers_csv;
use crate::http::params::parameters;
use crate::http::route::{Answer, BodyUse, Call, Content, Dialect, Input, Route};
use crate::listing::OBJECT_PAGE_SIZES;
use crate::operation::{Operation, Outcome};
use crate::policy::Action;
use crate::s3::aws::PRESIGNED_FOR;
use crate::s3::{Bucket, BucketInfo, Object, ObjectInfo, ObjectKey, ObjectQuery, PresignedMethod};
use lambda_http::Body;
use lambda_http::http::header::CONTENT_TYPE;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

// ---------------------------------------------------------------------------------------------------------------- routes

/// The dialect.
pub const DIALECT: Dialect = Dialect {
    name: "s3",
    summary: "Buckets and objects of the deployment's prefix, for users of boto's tutorial.",
    prefix: "/s3",
    enabled: |config| config.bucket_prefix.is_some(),
    routes: ROUTES,
    segments: &[BUCKET, KEY],
    encode,
    error: super::ec2::error,
    error_body: super::ec2::ERROR_BODY,
};

const ROUTES: &[Route] = &[
    Route {
        methods: &["GET"],
        path: "/s3",
        operation: "list-buckets",
        summary: "Lists the buckets of the deployment's prefix.",
        parameters: &[REGION_NAME],
        body: BodyUse::Content,
        answers: &[Answer::list(200, "The buckets.", buckets_form, || {
            table::example(
                &BUCKET_COLUMNS,
                &BucketInfo { name: "demo-notes".to_owned(), creation_date: super::sample_time() },
            )
        })],
        actions: &["s3:ListAllMyBuckets"],
        open: false,
        decode: |input| {
            let operation = Operation::ListBuckets(prefix(input).to_owned());
            Ok(Call { csv: prefers_csv(input.headers), ..Call::new(super::region(input, REGION_NAME)?, operation) })
        },
    },
    Route {
        methods: &["PUT"],
        path: "/s3/{bucket}",
        operation: "create-bucket",
        summary: "Creates a bucket; a taken name is a conflict.",
        parameters: &[REGION_NAME, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: &[Answer::json::<Name<'_>>(201, "The bucket is there.", || json!(Name { name: "demo-notes" })), TRIED],
        actions: &["s3:CreateBucket", "s3:ListBucket"],
        open: false,
        decode: |input| Ok(Call::new(super::region(input, REGION_NAME)?, Operation::CreateBucket(bucket(input)?))),
    },
    Route {
        methods: &["GET"],
        path: "/s3/{bucket}",
        operation: "list-objects",
        summary: "Lists a bucket's objects.",
        parameters: &[REGION_NAME, PREFIX, MAX_RESULTS, NEXT_TOKEN],
        body: BodyUse::Content,
        answers: &[Answer::list(200, "The objects.", objects_form, || {
            let object =
                ObjectInfo { key: "hello.txt".to_owned(), size: Some(12), last_modified: super::sample_time() };
            table::example(&OBJECT_COLUMNS, &object)
        })
        .with(super::LIST_HEADERS)],
        actions: &["s3:ListBucket"],
        open: false,
        decode: list_objects,
    },
    Route {
        methods: &["DELETE"],
        path: "/s3/{bucket}",
        operation: "delete-bucket",
        summary: "Deletes an empty bucket.",
        parameters: &[REGION_NAME, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: &[Answer::empty(204, "The bucket is gone."), TRIED],
        actions: &["s3:DeleteBucket"],
        open: false,
        decode: |input| Ok(Call::new(super::region(input, REGION_NAME)?, Operation::DeleteBucket(bucket(input)?))),
    },
    Route {
        methods: &["PUT"],
        path: "/s3/{bucket}/{key...}",
        operation: "put-object",
        summary: "Stores the body as an object, byte for byte, with its Content-Type.",
        parameters: &[REGION_NAME, PRESIGN, super::DRY_RUN],
        body: BodyUse::Content,
        answers: &[
            Answer::json::<Name<'_>>(201, "The object is stored.", || json!(Name { name: "hello.txt" })),
            Answer::json::<Presigned<'_>>(200, "With `presign`: where to put it.", || sample_url("PUT")),
            TRIED,
        ],
        actions: &["s3:PutObject"],
        open: false,
        decode: put_object,
    },
    Route {
        methods: &["GET"],
        path: "/s3/{bucket}/{key...}",
        operation: "get-object",
        summary: "Answers with an object's bytes, or redirects to them when they are too many.",
        parameters: &[REGION_NAME, PRESIGN],
        body: BodyUse::Content,
        answers: &[
            Answer {
                status: 200,
                summary: "The object's bytes, with the Content-Type that they were stored with.",
                body: Content::Bytes,
                headers: &["etag", "content-security-policy"],
            },
            Answer::json::<Presigned<'_>>(200, "With `presign`: where to get it.", || sample_url("GET")),
            Answer::empty(307, "They are too many for an answer: where to get them.").with(&["location"]),
        ],
        actions: &["s3:GetObject", "s3:ListBucket"],
        open: false,
        decode: get_object,
    },
    Route {
        methods: &["DELETE"],
        path: "/s3/{bucket}/{key...}",
        operation: "delete-object",
        summary: "Deletes an object, whether there is one or not.",
        parameters: &[REGION_NAME, super::DRY_RUN],
        body: BodyUse::Parameters,
        answers: &[Answer::empty(204, "There is no such object any more."), TRIED],
        actions: &["s3:DeleteObject"],
        open: false,
        decode: |input| {
            Ok(Call::new(super::region(input, REGION_NAME)?, Operation::DeleteObject(bucket(input)?, key(input)?)))
        },
    },
];

/// S3 can't be asked what it would do.
const TRIED: Answer = super::tried_answer(|| json!(super::DryRun::new(Action::PutObject, false)));

parameters! {
    BUCKET = "bucket", Text, true,
        "The bucket's name, with the deployment's prefix.",
        pattern: Bucket::PATTERN, example: "demo-notes";
    KEY = "key", Text, true,
        "The object's key, slashes included; . and .. between them are refused.",
        pattern: ObjectKey::PATTERN, longest: 1024, example: "hello.txt";
    REGION_NAME = "region_name", Text, false,
        "The bucket's region; the deployment's default if not given.",
        pattern: Region::PATTERN, example: "us-east-1";
    PREFIX = "prefix", Text, false,
        "Only objects whose keys begin with this.",
        example: "2026/";
    MAX_RESULTS = "max_results", Integer, false,
        "One page of at most this many, 1 to 1000, instead of all that fits.",
        range: OBJECT_PAGE_SIZES, example: "100";
    NEXT_TOKEN = "next_token", Text, false,
        "Go on where an earlier answer's header x-next-token says.";
    PRESIGN = "presign", Boolean, false,
        "1 to get a URL for the bytes, which then do not pass through the function.",
        example: "true";
}

// ---------------------------------------------------------------------------------------------------------------- decode

/// The router knows no `/s3` without a prefix.
fn prefix<'a>(input: &'a Input<'_>) -> &'a str {
    input.config.bucket_prefix.as_deref().unwrap_or_default()
}

fn bucket(input: &Input<'_>) -> Result<Bucket, Error> {
    Bucket::parse(input.segment(BUCKET.name), prefix(input)).map_err(|problem| Error::invalid(BUCKET.name, problem))
}

fn key(input: &Input<'_>) -> Result<ObjectKey, Error> {
    ObjectKey::parse(input.segment(KEY.name)).map_err(|problem| Error::invalid(KEY.name, problem))
}

fn list_objects(input: &Input<'_>) -> Result<Call, Error> {
    let params = &input.params;
    let query = ObjectQuery {
        bucket: bucket(input)?,
        prefix: params.text(PREFIX)?.map(str::to_owned),
        max_results: params.integer(MAX_RESULTS)?,
        next_token: params.text(NEXT_TOKEN)?.map(str::to_owned),
    };
    let csv = prefers_csv(input.headers);
    let write = Table::new(&OBJECT_COLUMNS, csv).write(std::slice::from_ref);
    Ok(Call { csv, ..Call::new(super::region(input, REGION_NAME)?, Operation::ListObjects { query, write }) })
}

/// `presign=1`, as boto's own flags are written, or `true`.
fn presign(input: &Input<'_>) -> Result<bool, Error> {
    match input.params.raw(PRESIGN)? {
        Some("1") => Ok(true),
        Some("0") | None => Ok(false),
        Some(_) => Ok(input.params.boolean(PRESIGN)?.unwrap_or(false)),
    }
}

fn put_object(input: &Input<'_>) -> Result<Call, Error> {
    let (region, bucket, key) = (super::region(input, REGION_NAME)?, bucket(input)?, key(input)?);
    let operation = if presign(input)? {
        Operation::Presign(PresignedMethod::Put, bucket, key)
    } else {
        let content_type = input.header(&CONTENT_TYPE).map(str::to_owned);
        Operation::PutObject(bucket, key, Object { content: input.body.to_vec(), content_type, etag: None })
    };
    Ok(Call::new(region, operation))
}

fn get_object(input: &Input<'_>) -> Result<Call, Error> {
    let (region, bucket, key) = (super::region(input, REGION_NAME)?, bucket(input)?, key(input)?);
    let operation = if presign(input)? {
        Operation::Presign(PresignedMethod::Get, bucket, key)
    } else {
        Operation::GetObject(bucket, key)
    };
    Ok(Call::new(region, operation))
}

// ---------------------------------------------------------------------------------------------------------------- encode

fn encode(call: Call, outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Buckets(buckets) => {
            super::listed(Table::new(&BUCKET_COLUMNS, call.csv).whole(&buckets, &call.region), call.csv, None)
        }
        Outcome::Tried { action, by_aws } => Reply::json(200, &super::DryRun::new(action, by_aws)),
        Outcome::Listed { text, next_token } => super::listed(text, call.csv, next_token),
        Outcome::Stored => match &call.operation {
            Operation::PutObject(_, key, _) => Reply::json(201, &Name { name: key.as_str() }),
            Operation::CreateBucket(bucket) => Reply::json(201, &Name { name: bucket.as_str() }),
            _ => Reply::empty(201),
        },
        Outcome::Object(object) => {
            // Binary: API Gateway gets it base64-encoded and answers with the bytes as they are. What callers have stored
            // must not run as a page of this origin.
            let content_type = object.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            let reply = Reply { status: 200, headers: Vec::new(), body: Body::Binary(object.content) }
                .with("content-type", content_type)
                .with("content-security-policy", "sandbox");
            object.etag.into_iter().fold(reply, |reply, etag| reply.with("etag", etag))
        }
        Outcome::TooLarge { url } => Reply::empty(307).with("location", url),
        Outcome::Presigned { url, method } => {
            let expires_in = PRESIGNED_FOR.as_secs();
            Reply::json(200, &Presigned { url: &url, method: method.as_str(), expires_in })
        }
        Outcome::Deleted => Reply::empty(204),
        other => super::unexpected(&other),
    }
}

/// What is shown of a bucket.
const BUCKET_COLUMNS: [Column<BucketInfo>; 2] = [
    Column { name: "name", summary: "The bucket's name.", of: Of::Text(|it, _| Some(&it.name)) },
    Column {
        name: "creation_date",
        summary: "When it was created: RFC 3339, UTC, with milliseconds.",
        of: Of::Time(|it| it.creation_date.map(super::rfc3339_milliseconds)),
    },
];

fn buckets_form(generator: &mut SchemaGenerator) -> Schema {
    table::form("Bucket", &BUCKET_COLUMNS, BUCKET_COLUMNS.len(), generator)
}

/// What is shown of an object.
const OBJECT_COLUMNS: [Column<ObjectInfo>; 3] = [
    Column { name: "name", summary: "The object's key.", of: Of::Text(|it, _| Some(&it.key)) },
    Column { name: "size", summary: "Its size in bytes.", of: Of::Number(|it| it.size) },
    Column {
        name: "last_modified",
        summary: "When it was stored: RFC 3339, UTC, with milliseconds.",
        of: Of::Time(|it| it.last_modified.map(super::rfc3339_milliseconds)),
    },
];

fn objects_form(generator: &mut SchemaGenerator) -> Schema {
    table::form("Object", &OBJECT_COLUMNS, OBJECT_COLUMNS.len(), generator)
}

/// What has been created or stored.
#[derive(Serialize, JsonSchema)]
struct Name<'a> {
    /// The bucket's name, or the object's key.
    name: &'a str,
}

/// A URL by which whoever has it may put or get an object.
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
}

fn sample_url(method: &str) -> Value {
    let url = "https://demo-notes.s3.us-east-1.amazonaws.com/hello.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-...";
    json!(Presigned { url, method, expires_in: PRESIGNED_FOR.as_secs() })
}

// ----------------------------------------------------------------------------------------------------------------- tests

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_no_type_is_bytes_and_never_a_page_of_this_origin() {
        let call = Call::new(Region::parse("us-east-1").unwrap(), Operation::Health);
        let object = Object { content: b"<script>".to_vec(), content_type: None, etag: None };
        let reply = encode(call, Outcome::Object(object));
        assert_eq!(reply.status, 200);
        assert!(matches!(&reply.body, Body::Binary(bytes) if bytes == b"<script>"));
        let headers = [("content-type", "application/octet-stream"), ("content-security-policy", "sandbox")];
        assert_eq!(reply.headers, headers.map(|(name, value)| (name, value.to_owned())));
    }
}
