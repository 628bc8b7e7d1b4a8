//! What S3's errors say beside their code and message: the bucket's region, the object's size.

use super::errors::{service_error, xml_element};
use super::sdk::to_error;
use crate::error::{Error, Kind};
use crate::model::Region;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

/// Translates an error of a call to S3 in this region.
pub(super) fn to_s3_error<E>(action: &'static str, region: &Region, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    let translated = to_error(action, error);
    let SdkError::ServiceError(response) = error else { return translated };
    let (status, body) = (response.raw().status().as_u16(), response.raw().body().bytes().unwrap_or_default());
    let translated = match code_of_empty_response(status) {
        Some(code) if response.err().code().is_none() && body.is_empty() => {
            let Error { kind, code, message, .. } = service_error(action, code, "", status);
            Error { kind, code, message, ..translated }
        }
        _ => translated,
    };
    let named = response.raw().headers().get("x-amz-bucket-region").map(str::to_owned);
    let bucket_region = named.or_else(|| xml_element(body, "Region")).and_then(|name| Region::parse(&name));
    explained(translated, bucket_region.filter(|actual| actual != region), body)
}

/// The code for the status of a response without a body, as S3 answers `HEAD`.
fn code_of_empty_response(status: u16) -> Option<&'static str> {
    Some(match status {
        301 => "PermanentRedirect",
        400 => "BadRequest",
        403 => "AccessDenied",
        404 => "NoSuchKey",
        405 => "MethodNotAllowed",
        412 => "PreconditionFailed",
        416 => "InvalidRange",
        503 => "SlowDown",
        _ => return None,
    })
}

/// The error with what else is known. `bucket_region` is the bucket's region if it is not the one
/// that was asked.
fn explained(error: Error, bucket_region: Option<Region>, body: &[u8]) -> Error {
    let elsewhere = matches!(
        &*error.code,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" | "BadRequest"
    );
    match bucket_region {
        Some(region) if elsewhere => {
            let message = format!("The bucket is in the region {region}: give region_name={region}");
            return Error { kind: Kind::Invalid, message, ..error };
        }
        None if matches!(&*error.code, "PermanentRedirect" | "IllegalLocationConstraintException") => {
            let message = format!("{}. Give the bucket's region as region_name", error.message.trim_end_matches('.'));
            return Error { message, ..error };
        }
        _ => {}
    }
    match xml_element(body, "ActualObjectSize").and_then(|size| size.parse::<u64>().ok()) {
        Some(size) if error.kind == Kind::RangeNotSatisfiable => {
            Error { message: format!("The requested range is not satisfiable: the object has {size} bytes"), ..error }
        }
        _ => error,
    }
}
