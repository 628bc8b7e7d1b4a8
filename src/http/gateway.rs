//! What API Gateway says of a request beside the request itself.

use lambda_http::request::RequestContext;

/// The caller's IP address.
pub fn source_ip(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        _ => None,
    }
}

/// The paths to look for: the second one if the first leads nowhere.
///
/// The path of a REST API has no stage. The path of an HTTP API begins with the stage, unless it is
/// `$default` or a custom domain removes it.
pub fn paths<'a>(path: &'a str, gateway: Option<&RequestContext>) -> [Option<&'a str>; 2] {
    let (stage, stage_first) = match gateway {
        Some(RequestContext::ApiGatewayV2(context)) => (context.stage.as_deref(), true),
        Some(RequestContext::ApiGatewayV1(context)) => (context.stage.as_deref(), false),
        _ => (None, false),
    };
    let stage = stage.filter(|stage| !stage.is_empty());
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    let rest = rest.map(|rest| if rest.is_empty() { "/" } else { rest }).filter(|rest| rest.starts_with('/'));
    if stage_first && rest.is_some() { [rest, Some(path)] } else { [Some(path), rest] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext};

    fn v2(stage: &str) -> RequestContext {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.stage = Some(stage.to_owned());
        RequestContext::ApiGatewayV2(context)
    }

    fn v1(stage: &str) -> RequestContext {
        let mut context = ApiGatewayProxyRequestContext::default();
        context.stage = Some(stage.to_owned());
        RequestContext::ApiGatewayV1(context)
    }

    #[test]
    fn a_stage_never_reaches_the_router() {
        assert_eq!(paths("/ec2/list", None), [Some("/ec2/list"), None]);
        assert_eq!(paths("/ec2/list", Some(&v2("$default"))), [Some("/ec2/list"), None]);
        assert_eq!(paths("/prod/ec2/list", Some(&v2("prod"))), [Some("/ec2/list"), Some("/prod/ec2/list")]);
        assert_eq!(paths("/prod", Some(&v2("prod"))), [Some("/"), Some("/prod")]);
        assert_eq!(paths("/production/list", Some(&v2("prod"))), [Some("/production/list"), None]);
        assert_eq!(paths("/v1/launch", Some(&v1("v1"))), [Some("/v1/launch"), Some("/launch")]);
        assert_eq!(paths("/v1/launch", Some(&v1(""))), [Some("/v1/launch"), None]);
    }
}
