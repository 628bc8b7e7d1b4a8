//! A decoded request: an operation together with the encoder of its output.

use super::reply::Reply;
use crate::error::Error;
use crate::model::Action;
use crate::operations::{Completed, Context, Operation, Outcome, Target, execute};
use std::pin::Pin;

/// A decoded request without its types, for the handler to authorize, run and log.
pub trait Call: Send {
    /// The AWS operation.
    fn action(&self) -> Action;
    /// The resources that it names, for the log.
    fn target(&self) -> Target;
    /// Whether it is about all accounts of the deployment.
    fn is_for_all_accounts(&self) -> bool;
    /// Whether an idempotency key counts.
    fn is_idempotent_by_key(&self) -> bool;
    /// The parameter that the region was read from, if it is not the dialect's own.
    fn region_parameter(&self) -> Option<&'static str>;
    /// Executes the operation and encodes its output.
    fn run<'a>(self: Box<Self>, cx: &'a Context<'a>) -> CallFuture<'a>;
}

/// The future of a call.
pub type CallFuture<'a> = Pin<Box<dyn Future<Output = Result<Outcome<Reply>, Error>> + Send + 'a>>;

/// A decoded request, or an error of the request.
pub type Decoded = Result<Box<dyn Call>, Error>;

/// A decoded request: the operation, and the encoder of its output.
///
/// # Errors
/// None. It is a `Result` because decoders return one.
pub fn call<O: Operation>(operation: O, encode: impl FnOnce(O::Output) -> Reply + Send + 'static) -> Decoded {
    Ok(Box::new(TypedCall { operation, encode, region_parameter: None }))
}

/// The same where the region was read from another parameter than the dialect's own.
///
/// # Errors
/// None, as for [`call`].
pub fn call_in_region_of<O: Operation>(
    region_parameter: &'static str,
    operation: O,
    encode: impl FnOnce(O::Output) -> Reply + Send + 'static,
) -> Decoded {
    Ok(Box::new(TypedCall { operation, encode, region_parameter: Some(region_parameter) }))
}

struct TypedCall<O, E> {
    operation: O,
    encode: E,
    region_parameter: Option<&'static str>,
}

impl<O: Operation, E: FnOnce(O::Output) -> Reply + Send + 'static> Call for TypedCall<O, E> {
    fn action(&self) -> Action {
        O::ACTION
    }

    fn target(&self) -> Target {
        self.operation.target()
    }

    fn is_for_all_accounts(&self) -> bool {
        self.operation.is_for_all_accounts()
    }

    fn is_idempotent_by_key(&self) -> bool {
        self.operation.is_idempotent_by_key()
    }

    fn region_parameter(&self) -> Option<&'static str> {
        self.region_parameter
    }

    fn run<'a>(self: Box<Self>, cx: &'a Context<'a>) -> CallFuture<'a> {
        Box::pin(async move {
            let Self { operation, encode, .. } = *self;
            Ok(match execute(&operation, cx).await? {
                Outcome::Done(Completed { output, aws_request_id, incomplete, warnings, end }) => {
                    Outcome::Done(Completed { output: encode(output), aws_request_id, incomplete, warnings, end })
                }
                Outcome::DryRun(dry_run) => Outcome::DryRun(dry_run),
            })
        })
    }
}
