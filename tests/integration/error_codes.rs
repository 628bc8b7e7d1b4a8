//! AWS's documented error codes: the status of each, and whether the caller, the account or the
//! role is named as its cause.

use crate::support::xml::{refusal, s3_refusal};
use crate::support::{A, Answer, Function};
use ec2_control_api::aws::errors::service_error;
use ec2_control_api::error::Kind;
use serde_json::json;

const LAUNCH: &str = "/ec2/create?region_name=us-east-1&image_id=ami-0123456789abcdef0&KeyName=demo";

/// Every code of EC2's documentation
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>), by the kind of
/// error that it is, with the HTTP status of its group.
#[rustfmt::skip]
const DOCUMENTED: &[(Kind, u16, &str)] = &[
    (Kind::Invalid, 400, "
        DryRunOperation InvalidCharacter InvalidPaginationToken InvalidParameter InvalidParameterCombination InvalidParameterDependency
        InvalidParameterValue MissingParameter OptInRequired TagPolicyViolation UnsupportedInstanceAttribute ValidationError
        AttachmentLimitExceeded BootForVolumeTypeUnsupported ClientInvalidParameterValue ClientVpnTerminateConnectionsLimitExceeded
        DeclarativePoliciesNotEnabledException DefaultVpcDoesNotExist DiskImageSizeTooLarge DuplicateSubnetsInSameZone
        EncryptedVolumesNotSupported FilterLimitExceeded InaccessibleStorageLocation InaccessibleStorageLocationException
        InstanceCreditSpecification.NotSupported InstanceEventStartTimeCannotChange InvalidAddress.Malformed InvalidAffinity
        InvalidAMIAttributeItemValue InvalidAMIID.Malformed InvalidAMIName.Malformed InvalidAutoPlacement InvalidAvailabilityZone
        InvalidBlockDeviceMapping InvalidCapacityBlockOfferingIdExpired InvalidCapacityBlockOfferingIdMalformed InvalidClientToken
        InvalidClientVpnSubnetId.DifferentAccount InvalidConversionTaskId InvalidConversionTaskId.Malformed InvalidCpuCredits
        InvalidCpuCredits.Malformed InvalidCustomerGatewayId.Malformed InvalidDeclarativePoliciesReportId.Malformed
        InvalidDhcpOptionsId.Malformed InvalidEgressOnlyInternetGatewayId.Malformed InvalidElasticGpuID.Malformed
        InvalidExportTaskID.Malformed InvalidFilter InvalidFormat InvalidFpgaImageID.Malformed InvalidGroupId.Malformed
        InvalidGroup.Reserved InvalidHostConfiguration InvalidHostId InvalidHostID.Malformed InvalidHostId.Malformed
        InvalidHostReservationId.Malformed InvalidHostReservationOfferingId.Malformed InvalidIamInstanceProfileArn.Malformed InvalidID
        InvalidInput InvalidInstanceAttributeValue InvalidInstanceConnectEndpointId.Malformed InvalidInstanceCreditSpecification
        InvalidInstanceCreditSpecification.DuplicateInstanceId InvalidInstanceEventStartTime InvalidInstanceFamily
        InvalidInstanceID.Malformed InvalidInstanceType InvalidInterface.IpAddressLimitExceeded InvalidInternetGatewayId.Malformed
        InvalidKernelId.Malformed InvalidKey.Format InvalidKeyPair.Format InvalidCapacityReservationId.Malformed InvalidLaunchTargets
        InvalidLaunchTemplateId.Malformed InvalidLaunchTemplateName.MalformedException InvalidManifest InvalidMaxResults
        InvalidNetworkAclId.Malformed InvalidNetworkLoadBalancerArn.Malformed InvalidNetworkInterfaceAttachmentId.Malformed
        InvalidNetworkInterfaceId.Malformed InvalidNextToken InvalidPermission.Malformed InvalidPlacementGroupId.Malformed
        InvalidPolicyDocument InvalidPrefixListId.Malformed InvalidProductInfo InvalidPurchaseToken.Expired
        InvalidPurchaseToken.Malformed InvalidQuantity InvalidRamDiskId.Malformed InvalidRegion InvalidRequest
        InvalidReservationID.Malformed InvalidResourceConfigurationArn.Malformed InvalidResourceType.Unknown InvalidRoute.Malformed
        InvalidRouteTableId.Malformed InvalidSecurityGroupId.Malformed InvalidSecurityGroupRuleId.Malformed InvalidServiceName
        InvalidSnapshotID.Malformed InvalidSpotFleetRequestConfig InvalidSpotFleetRequestId.Malformed
        InvalidSpotInstanceRequestID.Malformed InvalidSubnet InvalidSubnetID.Malformed InvalidSubnet.Range InvalidTagKey.Malformed
        InvalidTargetException InvalidTenancy InvalidTime InvalidUserID.Malformed InvalidVolumeID.Malformed
        InvalidVolumeID.ZoneMismatch InvalidVolume.ZoneMismatch InvalidVpcEndpointId.Malformed InvalidVpcEndpointServiceIdId.Malformed
        InvalidVpcEndpointType InvalidVpcID.Malformed InvalidVpcPeeringConnectionId.Malformed InvalidVpcRange
        InvalidVpnConnection.InvalidType LimitPriceExceeded MissingInput NatGatewayMalformed NetworkInterfaceNotSupported
        PrivateIpAddressLimitExceeded RequestResourceCountExceeded ResourceCountExceeded ScheduledInstanceParameterMismatch
        SecurityGroupsPerInstanceLimitExceeded SecurityGroupsPerInterfaceLimitExceeded SnapshotCopyUnsupported.InterRegion
        TagLimitExceeded TargetCapacityLimitExceededException UnknownPrincipalType.Unsupported UnknownVolumeType Unsupported
        UnsupportedException UnsupportedHostConfiguration UnsupportedInstanceTypeOnHost UnsupportedTenancy VolumeIOPSLimit
        VolumeTypeNotAvailableInZone VPCIdNotSpecified VPCResourceNotSpecified ZonesMismatched"),
    (Kind::NotFound, 400, "
        InstanceTpmEkPubNotFound InvalidAddress.NotFound InvalidAddressID.NotFound InvalidAllocationID.NotFound InvalidAMIID.NotFound
        InvalidAssociationID.NotFound InvalidAttachment.NotFound InvalidAttachmentID.NotFound InvalidBundleID.NotFound
        InvalidCapacityBlockOfferingIdNotFound InvalidCarrierGatewayID.NotFound InvalidClientVpnAssociationIdNotFound
        InvalidClientVpnConnection.IdNotFound InvalidClientVpnConnection.UserNotFound InvalidClientVpnEndpointAuthorizationRuleNotFound
        InvalidClientVpnEndpointId.NotFound InvalidClientVpnRouteNotFound InvalidClientVpnSubnetId.NotFound
        InvalidCustomerGatewayID.NotFound InvalidDhcpOptionID.NotFound InvalidDhcpOptionsID.NotFound
        InvalidEgressOnlyInternetGatewayId.NotFound InvalidElasticGpuID.NotFound InvalidExportTaskID.NotFound InvalidFlowLogId.NotFound
        InvalidFpgaImageID.NotFound InvalidGatewayID.NotFound InvalidGroup.NotFound InvalidHostID.NotFound InvalidHostId.NotFound
        InvalidInstanceConnectEndpointId.NotFound InvalidInstanceEventIDNotFound InvalidInstanceID.NotFound
        InvalidInternetGatewayID.NotFound InvalidKeyPair.NotFound InvalidCapacityReservationId.NotFound
        InvalidLaunchTemplateId.NotFound InvalidLaunchTemplateId.VersionNotFound InvalidLaunchTemplateName.NotFoundException
        InvalidNatGatewayID.NotFound InvalidNetworkAclEntry.NotFound InvalidNetworkAclID.NotFound
        InvalidNetworkLoadBalancerArn.NotFound InvalidNetworkInterface.NotFound InvalidNetworkInterfaceID.NotFound
        InvalidPermission.NotFound InvalidPlacementGroup.Unknown InvalidPrefixListID.NotFound InvalidReservationID.NotFound
        InvalidReservedInstancesId InvalidReservedInstancesOfferingId InvalidResourceConfigurationArn.NotFound InvalidRoute.NotFound
        InvalidRouteTableID.NotFound InvalidScheduledInstance InvalidSecurityGroupID.NotFound InvalidSecurityGroupRuleId.NotFound
        InvalidSnapshot.NotFound InvalidSpotDatafeed.NotFound InvalidSpotFleetRequestId.NotFound InvalidSpotInstanceRequestID.NotFound
        InvalidSubnetID.NotFound InvalidSubnetId.NotFound InvalidTargetArn.Unknown InvalidTrafficMirrorFilterNotFound
        InvalidTrafficMirrorFilterRuleNotFound InvalidTrafficMirrorSessionNotFound InvalidTrafficMirrorTargetNoFound
        InvalidVolume.NotFound InvalidVpcEndpoint.NotFound InvalidVpcEndpointId.NotFound InvalidVpcEndpointService.NotFound
        InvalidVpcEndpointServiceId.NotFound InvalidVpcID.NotFound InvalidVpcPeeringConnectionID.NotFound InvalidVpnConnectionID
        InvalidVpnConnectionID.NotFound InvalidVpnGatewayAttachment.NotFound InvalidVpnGatewayID.NotFound InvalidZone.NotFound
        LogDestinationNotFound NatGatewayNotFound NetworkLoadBalancerNotFoundException NoSuchVersion"),
    (Kind::Conflict, 400, "
        UnsupportedOperation AsnConflict BundlingInProgress CannotDelete ClientVpnEndpointAssociationExists ConcurrentTagAccess
        CreditSpecificationUpdateInProgress DefaultSubnetAlreadyExistsInAvailabilityZone DefaultVpcAlreadyExists
        DeleteConversionTaskError DependencyViolation ExistingVpcEndpointConnections FleetNotInModifiableState FlowLogAlreadyExists
        Gateway.NotAttached HostAlreadyCoveredByReservation IdempotentInstanceTerminated IncorrectInstanceState
        IncorrectModificationState IncorrectSpotRequestState IncorrectState IncorrectStateException
        InterfaceInUseByTrafficMirrorSession InterfaceInUseByTrafficMirrorTarget InvalidAddress.Locked InvalidAMIID.Unavailable
        InvalidAMIName.Duplicate InvalidCapacityReservationState.PendingActivation InvalidCidr.InUse
        InvalidClientVpnActiveAssociationNotFound InvalidClientVpnDuplicateAssociationException
        InvalidClientVpnDuplicateAuthorizationRule InvalidClientVpnDuplicateRoute InvalidClientVpnSubnetId.DuplicateAz
        InvalidClientVpnSubnetId.OverlappingCidr InvalidCustomerGateway.DuplicateIpAddress InvalidCustomerGatewayState
        InvalidGroup.Duplicate InvalidGroup.InUse InvalidHostState InvalidInstanceID InvalidInstanceID.NotLinkable InvalidInstanceState
        InvalidIPAddress.InUse InvalidKeyPair.Duplicate InvalidLaunchTemplateName.AlreadyExistsException InvalidNetworkInterface.InUse
        InvalidOption.Conflict InvalidPermission.Duplicate InvalidPlacementGroup.Duplicate InvalidPlacementGroup.InUse
        InvalidRoute.InvalidState InvalidSnapshot.InUse InvalidState InvalidStateTransition InvalidSubnet.Conflict
        InvalidVolumeID.Duplicate InvalidVpcPeeringConnectionState.DnsHostnamesDisabled InvalidVpcState
        InvalidVpnConnection.InvalidState InvalidVpnGatewayState LegacySecurityGroup NetworkAclEntryAlreadyExists
        NlbInUseByTrafficMirrorTargetException NonEBSInstance NotExportable OperationNotPermitted Resource.AlreadyAssigned
        Resource.AlreadyAssociated RouteAlreadyExists ScheduledInstanceSlotNotOpen TrafficMirrorFilterInUse
        TrafficMirrorTargetInUseException TrafficMirrorFilterRuleAlreadyExists UnsupportedHibernationConfiguration VolumeInUse
        VpcPeeringConnectionAlreadyExists"),
    (Kind::Capacity, 400, "
        PendingVerification ActiveVpcPeeringConnectionPerVpcLimitExceeded AddressLimitExceeded CapacityBlockDescribeLimitExceeded
        ClientVpnAuthorizationRuleLimitExceeded ClientVpnCertificateRevocationListLimitExceeded ClientVpnEndpointLimitExceeded
        ClientVpnRouteLimitExceeded ConcurrentCreateImageNoRebootLimitExceeded ConcurrentSnapshotLimitExceeded
        CustomerGatewayLimitExceeded FlowLogsLimitExceeded HostLimitExceeded IncompatibleHostRequirements InstanceLimitExceeded
        InsufficientCapacityOnHost InsufficientFreeAddressesInSubnet InsufficientReservedInstancesCapacity
        InternetGatewayLimitExceeded KeyPairLimitExceeded MaxConfigLimitExceededException MaxIOPSLimitExceeded
        MaxScheduledInstanceCapacityExceeded MaxSpotFleetRequestCountExceeded MaxSpotInstanceCountExceeded MaxTemplateLimitExceeded
        MaxTemplateVersionLimitExceeded NatGatewayLimitExceeded NetworkAclEntryLimitExceeded NetworkAclLimitExceeded
        NetworkInterfaceLimitExceeded OutstandingVpcPeeringConnectionLimitExceeded PendingSnapshotLimitExceeded
        PendingVpcPeeringConnectionLimitExceeded PlacementGroupLimitExceeded ReservationCapacityExceeded ReservedInstancesCountExceeded
        ReservedInstancesLimitExceeded ReservedInstancesUnavailable ResourceCountLimitExceeded ResourceLimitExceeded RouteLimitExceeded
        RouteTableLimitExceeded RulesPerSecurityGroupLimitExceeded ScheduledInstanceLimitExceeded ScheduledInstanceSlotUnavailable
        SecurityGroupLimitExceeded SnapshotLimitExceeded SpotMaxPriceTooLow SubnetLimitExceeded
        TrafficMirrorSessionsPerInterfaceLimitExceeded TrafficMirrorSessionsPerTargetLimitExceeded
        TrafficMirrorSourcesPerTargetLimitExceeded TrafficMirrorFilterLimitExceeded TrafficMirrorFilterRuleLimitExceeded
        TrafficMirrorSessionLimitExceeded TrafficMirrorTargetLimitExceeded UnavailableHostRequirements UnfulfillableCapacity
        VcpuLimitExceeded VolumeLimitExceeded VolumeModificationSizeLimitExceeded VpcEndpointLimitExceeded VpcLimitExceeded
        VpcPeeringConnectionsPerVpcLimitExceeded VpnConnectionLimitExceeded VpnGatewayAttachmentLimitExceeded VpnGatewayLimitExceeded"),
    (Kind::Capacity, 500, "
        InsufficientAddressCapacity InsufficientCapacity InsufficientInstanceCapacity InsufficientHostCapacity
        InsufficientReservedInstanceCapacity InsufficientVolumeCapacity ServiceUnavailable Unavailable"),
    (Kind::Throttled, 503, "
        RequestLimitExceeded BandwidthLimitExceeded SnapshotCreationPerVolumeRateExceeded UpdateLimitExceeded EC2ThrottledException
        Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException TooManyRequestsException
        ProvisionedThroughputExceededException TransactionInProgressException LimitExceededException PriorRequestNotComplete SlowDown"),
    (Kind::IdempotencyMismatch, 400, "IdempotentParameterMismatch"),
    // The role, its credentials, the account, the SDK, AWS: nothing that the caller could do.
    (Kind::Upstream, 403, "
        AuthFailure AuthFailure.ServiceLinkedRoleCreationNotPermitted Blocked IncompleteSignature InvalidAction InvalidClientTokenId
        InvalidQueryParameter MalformedQueryString MissingAction MissingAuthenticationToken RequestExpired UnauthorizedOperation
        UnknownParameter UnsupportedProtocol AccountDisabled CustomerKeyHasBeenRevoked DeclarativePoliciesAccessDeniedException
        InvalidSecurity.RequestHasExpired LogDestinationPermissionIssue NotAuthorized RetryableError SignatureDoesNotMatch"),
    (Kind::Upstream, 500, "InternalError InternalFailure ServerInternal"),
];

#[test]
fn every_documented_code_of_ec2_has_its_place() {
    let mut count = 0;
    for (expected, http_status, codes) in DOCUMENTED {
        for code in codes.split_whitespace() {
            let error = service_error("ec2:StartInstances", code, "AWS's words", *http_status);
            assert_eq!((error.kind, &*error.code), (*expected, code));
            if error.kind != Kind::Upstream {
                assert_eq!(error.message, "AWS's words", "{code}");
            }
            count += 1;
        }
    }
    assert!(count > 350, "{count}");
}

#[test]
fn codes_of_s3_and_unknown_codes_have_their_place() {
    for (code, status, expected) in [
        ("PreconditionFailed", 412, Kind::PreconditionFailed),
        ("ConditionalRequestConflict", 409, Kind::Conflict),
        ("InvalidRange", 416, Kind::RangeNotSatisfiable),
        ("BadDigest", 400, Kind::Invalid),
        ("InvalidDigest", 400, Kind::Invalid),
        ("XAmzContentChecksumMismatch", 400, Kind::Invalid),
        ("PermanentRedirect", 301, Kind::Invalid),
        ("TemporaryRedirect", 307, Kind::Capacity),
        ("IllegalLocationConstraintException", 400, Kind::Invalid),
        ("NotImplemented", 501, Kind::Invalid),
        ("MethodNotAllowed", 405, Kind::Invalid),
        ("KeyTooLongError", 400, Kind::Invalid),
        ("EntityTooLarge", 400, Kind::TooLarge),
        ("NoSuchBucket", 404, Kind::NotFound),
        ("NoSuchKey", 404, Kind::NotFound),
        ("BucketAlreadyExists", 409, Kind::Conflict),
        ("BucketAlreadyOwnedByYou", 409, Kind::Conflict),
        ("BucketNotEmpty", 409, Kind::Conflict),
        ("InvalidObjectState", 403, Kind::Conflict),
        ("OperationAborted", 409, Kind::Conflict),
        ("SlowDown", 503, Kind::Throttled),
        ("TooManyBuckets", 400, Kind::Capacity),
        ("AccessDenied", 403, Kind::Upstream),
        ("AllAccessDisabled", 403, Kind::Upstream),
        ("AccountProblem", 403, Kind::Upstream),
        ("ExpiredToken", 400, Kind::Upstream),
        ("RequestTimeTooSkewed", 403, Kind::Upstream),
        ("AuthorizationHeaderMalformed", 400, Kind::Upstream),
        ("KMS.DisabledException", 400, Kind::Upstream),
        ("NeverHeardOf", 400, Kind::Invalid),
        ("NeverHeardOf", 401, Kind::Upstream),
        ("NeverHeardOf", 403, Kind::Upstream),
        ("NeverHeardOf", 409, Kind::Conflict),
        ("NeverHeardOf", 500, Kind::Upstream),
    ] {
        assert_eq!(service_error("s3:GetObject", code, "m", status).kind, expected, "{code} {status}");
    }
}

/// What `POST /ec2/create`, or another route, answers to an error of EC2.
async fn answer_to(path: &str, status: u16, code: &str, message: &str) -> Answer {
    let function = Function::canned(vec![refusal(code, message).status(status); 3]).await;
    function.post(path).await
}

#[tokio::test]
async fn errors_of_the_image_the_account_or_the_operator_are_not_blamed_on_the_role() {
    let terms = "In order to use this AWS Marketplace product you need to accept terms and subscribe. To do so please visit \
                 https://aws.amazon.com/marketplace/pp?sku=7c9adzdml57i4rodhs6yn0ae9";
    let verified = "Your account is currently being verified. Verification normally takes less than 2 hours.";
    let start = format!("/ec2/start?region_name=us-east-1&instance_id={A}");
    for (path, status, code, message, expected) in [
        (LAUNCH, 401, "OptInRequired", terms, 400),
        (LAUNCH, 403, "AuthFailure", "Not authorized for images: [ami-0123456789abcdef0]", 400),
        (LAUNCH, 400, "AuthFailure", "You do not have permission to access the specified resource.", 400),
        (LAUNCH, 400, "PendingVerification", verified, 503),
        (LAUNCH, 403, "Blocked", "Your account is currently blocked.", 502),
        (&start, 403, "UnauthorizedOperation", "You cannot start this instance: it is managed by an operator.", 400),
        (&start, 400, "CustomerKeyHasBeenRevoked", "The KMS key cannot be accessed.", 502),
        (&start, 403, "AccountDisabled", "This is administratively disabled for this account.", 502),
    ] {
        answer_to(path, status, code, message).await.refuses(expected, code, message);
    }
}

#[tokio::test]
async fn errors_of_the_roles_credentials_are_502_without_aws_words() {
    let message = "AWS was not able to validate the provided access credentials";
    for code in ["AuthFailure", "IncompleteSignature", "MissingAuthenticationToken", "SignatureDoesNotMatch"] {
        let expected = format!("AWS did not accept this function's credentials for ec2:RunInstances ({code})");
        answer_to(LAUNCH, 401, code, message).await.refuses(502, code, &expected);
    }
}

#[tokio::test]
async fn denied_action_is_the_one_that_aws_names() {
    let denied = |action: &str| {
        format!(
            "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/ec2-control/f \
             is not authorized to perform: {action} on resource: arn:aws:ec2:us-east-1:123456789012:instance/* because no \
             identity-based policy allows the {action} action. Encoded authorization failure message: Zm9vYmFyCg-abc_def"
        )
    };
    let refused = |action: &str, code: &str| format!("AWS refused {action} to this function's execution role ({code})");
    let unauthorized = "UnauthorizedOperation";
    for (message, action) in [
        (denied("ec2:CreateTags"), "ec2:CreateTags"),
        (denied("iam:PassRole"), "iam:PassRole"),
        (denied("kms:CreateGrant"), "kms:CreateGrant"),
        ("You are not authorized to perform this operation.".to_owned(), "ec2:RunInstances"),
        ("is not authorized to perform: <b>".to_owned(), "ec2:RunInstances"),
        (String::new(), "ec2:RunInstances"),
    ] {
        let answer = answer_to(LAUNCH, 403, unauthorized, &message.replace('<', "&lt;")).await;
        answer.refuses(502, unauthorized, &refused(action, unauthorized));
    }
    let code = "AuthFailure.ServiceLinkedRoleCreationNotPermitted";
    let message =
        "The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances.";
    answer_to(LAUNCH, 403, code, message).await.refuses(502, code, &refused("iam:CreateServiceLinkedRole", code));

    let function = Function::canned([s3_refusal(403, "AccessDenied", &denied("s3:PutObjectTagging"))]).await;
    let answer = function.put("/s3/demo-x/k").await;
    answer.refuses(502, "AccessDenied", &refused("s3:PutObjectTagging", "AccessDenied"));
}

#[tokio::test]
async fn wrong_state_is_a_conflict_in_every_dialect_and_too_much_in_a_request_is_not_a_lack_of_capacity() {
    let code = "IncorrectSpotRequestState";
    let message = format!(
        "You can't start the Spot Instance '{A}' because the associated Spot Instance request is not in an appropriate state."
    );
    let start = format!("/ec2/start?region_name=us-east-1&instance_id={A}");
    answer_to(&start, 400, code, &message).await.refuses(409, code, &message);
    let answer = answer_to(&format!("/instance/us-east-1/{A}/start"), 400, code, &message).await;
    answer.is(409, &json!({"errors": [{"id": code, "title": message}]}));
    let function = Function::canned([refusal(code, &message)]).await;
    let answer = function.put(&format!("/v1/{A}/start")).await;
    answer.is(408, &json!(format!("Error while modifying via EC2 API: {message}")));

    let (code, message) = ("UnsupportedOperation", "The operation is not supported for this instance.");
    answer_to(&start, 400, code, message).await.refuses(409, code, message);
    answer_to(LAUNCH, 400, code, message).await.refuses(400, code, message);
    for (code, expected) in [
        ("SecurityGroupsPerInstanceLimitExceeded", 400),
        ("ResourceCountExceeded", 400),
        ("TagLimitExceeded", 400),
        ("InstanceLimitExceeded", 503),
        ("VcpuLimitExceeded", 503),
        ("MaxSpotInstanceCountExceeded", 503),
        ("InvalidPlacementGroup.Unknown", 404),
        ("IdempotentInstanceTerminated", 409),
    ] {
        answer_to(LAUNCH, 400, code, "AWS's words").await.refuses(expected, code, "AWS's words");
    }
}

#[tokio::test]
async fn unknown_refusal_has_aws_words_without_secrets_and_blames_nobody() {
    let message = "arn:aws:iam::123456789012:role/x may not do this";
    let expected = "AWS refused ec2:RunInstances (NewCode): [ARN] may not do this";
    answer_to(LAUNCH, 403, "NewCode", message).await.refuses(502, "NewCode", expected);
}
