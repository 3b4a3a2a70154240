"""The template's resources exist as declared: as little as possible is reachable, deleting the
stack loses only what can be made again, and container and task have equal limits.

Tests inspect moto's services if those keep the properties, otherwise the resolved template.
"""

import json
import re

from conftest import ROOT, TEMPLATE


def test_tasks_have_no_address_of_their_own_and_reach_s3_without_nat(aws, own):
    configuration = own.properties["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert configuration["AssignPublicIp"] == "DISABLED"
    ec2 = aws.client("ec2")
    subnets = ec2.describe_subnets(SubnetIds=configuration["Subnets"])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    tables = {own.properties[name]["RouteTableId"] for name in ("RoutesA", "RoutesB")}
    (table,) = ec2.describe_route_tables(RouteTableIds=list(tables))["RouteTables"]
    assert own.resources["Nat"] in [route.get("NatGatewayId") for route in table["Routes"]]
    ours = {"Name": "vpc-id", "Values": [own.resources["Vpc"]]}
    (endpoint,) = ec2.describe_vpc_endpoints(Filters=[ours])["VpcEndpoints"]
    assert endpoint["ServiceName"] == "com.amazonaws.eu-central-1.s3"
    assert endpoint["RouteTableIds"] == list(tables)


def test_ports_are_open_to_the_balancer_alone(aws, own):
    ec2 = aws.client("ec2")
    groups = ec2.describe_security_groups(GroupIds=[own.resources["TaskGroup"]])["SecurityGroups"]
    (open_to,) = groups[0]["IpPermissions"]
    assert (open_to["FromPort"], open_to["ToPort"]) == (8080, 8081)
    assert not open_to["IpRanges"]
    assert [p["GroupId"] for p in open_to["UserIdGroupPairs"]] == [own.resources["BalancerGroup"]]
    clients, cdn = own.properties["BalancerGroup"]["SecurityGroupIngress"]
    assert clients["FromPort"] == clients["ToPort"] == cdn["FromPort"] == cdn["ToPort"] == 80
    assert (clients["CidrIp"], cdn["SourcePrefixListId"]) == ("10.42.0.0/16", "pl-a3a144ca")


def test_the_balancer_asks_for_health_on_the_port_behind(aws, own):
    elb = aws.client("elbv2")
    arn = own.resources["Balancer"]
    (balancer,) = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert balancer["Scheme"] == "internal"
    (targets,) = elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
    assert (targets["HealthCheckPort"], targets["HealthCheckPath"]) == ("8081", "/readyz")
    assert (
        own.properties["Service"]["LoadBalancers"][0]["TargetGroupArn"] == targets["TargetGroupArn"]
    )


def test_what_is_not_tintypes_is_answered_by_the_balancer(aws, own, guest):
    elb = aws.client("elbv2")
    for stack in (own, guest):
        (rule,) = elb.describe_rules(RuleArns=[stack.resources["Rule"]])["Rules"]
        (condition,) = rule["Conditions"]
        paths = condition["PathPatternConfig"]["Values"]
        assert paths == ["/t/*", "/o/*", "/api/v1/*"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=own.resources["Balancer"])["Listeners"]
    assert listener["DefaultActions"][0]["Type"] == "fixed-response"


def test_buckets_are_encrypted_and_never_public(aws, own):
    s3 = aws.client("s3")
    for name in ("Originals", "Derived"):
        assert s3.get_bucket_encryption(Bucket=own.outputs[f"{name}BucketName"])
        block = own.properties[f"{name}Store"]["PublicAccessBlockConfiguration"]
        assert all(block.values()) and len(block) == 4
        (statement,) = own.properties[f"{name}Tls"]["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny" and len(statement["Resource"]) == 2


def test_originals_are_versioned_and_kept(own):
    store = own.properties["OriginalsStore"]
    assert store["VersioningConfiguration"]["Status"] == "Enabled"
    rules = store["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    assert not any("ExpirationInDays" in rule for rule in rules), "originals would go"
    (of_all,) = [rule for rule in rules if "Prefix" not in rule]
    assert int(of_all["NoncurrentVersionExpiration"]["NoncurrentDays"]) == 90
    text = TEMPLATE.read_text()
    for kept in ("OriginalsStore", "SigningKeys", "TicketKeys", "Tokens"):
        assert re.search(
            rf"\n  {kept}:\n    Type: .*\n(    .*\n)*?    DeletionPolicy: RetainExceptOnCreate\n",
            text,
        ), kept


def test_notes_leave_no_versions_behind(own):
    """The store says which objects are overwritten or deleted every few seconds."""
    store = (ROOT / "crates/tintype-store/src/object.rs").read_text()
    rules = own.properties["OriginalsStore"]["LifecycleConfiguration"]["Rules"]
    folders = {
        rule["Prefix"].removeprefix(".tintype/").strip("/") for rule in rules if "Prefix" in rule
    }
    assert folders == {"outbox", "idem", "probe"}
    for folder in folders - {"probe"}:
        assert f"{{RESERVED}}/{folder}/" in store
    assert "{RESERVED}/probe/" in (ROOT / "crates/tintype-store/src/s3/trial.rs").read_text()


def test_what_is_derived_expires(own):
    (rule,) = own.properties["DerivedStore"]["LifecycleConfiguration"]["Rules"]
    assert int(rule["ExpirationInDays"]) == 90
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    assert "VersioningConfiguration" not in own.properties["DerivedStore"]


def test_a_task_can_do_little_and_has_its_limits_twice(own, guest):
    for stack, cpu, memory, kind in ((own, 1024, 2048, "X86_64"), (guest, 512, 1024, "ARM64")):
        task, container = stack.properties["Task"], stack.container
        assert (task["Cpu"], task["Memory"]) == (str(cpu), str(memory))
        assert (container["cpu"], container["memory"]) == (cpu, memory)
        assert task["RuntimePlatform"]["CpuArchitecture"] == kind
        assert container["readonlyRootFilesystem"] is True
        assert container["user"] == "10001:10001"
        assert container["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
        (mount,) = container["mountPoints"]
        assert mount["sourceVolume"] == task["Volumes"][0]["Name"]
        assert not mount["readOnly"]


def test_a_deployment_that_fails_goes_back(own):
    configuration = own.properties["Service"]["DeploymentConfiguration"]
    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert configuration["MinimumHealthyPercent"] == 100


def test_an_update_leaves_the_number_of_tasks_to_scaling(own):
    assert "DesiredCount" not in own.properties["Service"]


def test_logs_go_where_they_are_looked_for_and_end(aws, own):
    name = own.outputs["LogGroup"]
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [(g["logGroupName"], g["retentionInDays"]) for g in groups] == [(name, 30)]
    options = own.container["logConfiguration"]["options"]
    assert options["awslogs-group"] == name and options["mode"] == "non-blocking"
    assert own.properties["LoggedErrors"]["LogGroupName"] == name


def test_secrets_are_whole_texts(own):
    """None is a JSON field, for which ECS would inject the whole object if the field name were
    forgotten."""
    secrets = {s["name"]: s["valueFrom"] for s in own.container["secrets"]}
    outputs = own.outputs
    assert secrets == {
        "TINTYPE_SIGNING_KEYS": outputs["SigningKeysArn"],
        "TINTYPE_TICKET_KEYS": outputs["TicketKeysArn"],
        "TINTYPE_TOKENS": outputs["TokensArn"],
    }
    for name in ("SigningKeys", "TicketKeys"):
        generated = own.properties[name]["GenerateSecretString"]
        assert "SecretStringTemplate" not in generated
        assert generated["PasswordLength"] >= 32 and generated["ExcludePunctuation"]


def test_a_guest_makes_nothing_of_what_it_is_given(aws, own, guest):
    given = {"Vpc", "Nat", "Cluster", "Balancer", "OriginalsStore", "Topic", "S3Endpoint"}
    assert given <= own.properties.keys() and not given & guest.properties.keys()
    assert not {"Distribution", "EdgeFunction", "Acl"} & guest.properties.keys()
    ecs = aws.client("ecs")
    for stack, cluster in ((own, "media"), (guest, "shared")):
        services = ecs.list_services(cluster=cluster)["serviceArns"]
        assert services == [stack.resources["Service"]]


def test_scaling_is_on_what_tasks_write(own):
    capacity, policy = own.properties["Capacity"], own.properties["Scaling"]
    assert capacity["ResourceId"] == "service/media/tintype"
    assert (int(capacity["MinCapacity"]), int(capacity["MaxCapacity"])) == (2, 10)
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == ("tintype", "Utilisation")
    name = own.environment["OTEL_SERVICE_NAME"]
    assert metric["Dimensions"] == [{"Name": "service", "Value": name}]
    assert own.environment["TINTYPE_EMF"] == "1"


def test_the_cdn_keeps_answers_by_path_and_class_and_no_errors(own):
    cache = own.properties["EdgeCache"]["CachePolicyConfig"]
    key = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["Accept"]}
    assert key["CookiesConfig"]["CookieBehavior"] == "none"
    assert key["QueryStringsConfig"]["QueryStringBehavior"] == "none"
    assert (cache["MinTTL"], cache["DefaultTTL"]) == (0, 0)
    distribution = own.properties["Distribution"]["DistributionConfig"]
    kept = {e["ErrorCode"]: e["ErrorCachingMinTTL"] for e in distribution["CustomErrorResponses"]}
    # All status codes that CloudFront caches by default.
    assert kept.keys() == {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
    assert max(kept.values()) <= 1
    (origin,) = distribution["Origins"]
    assert origin["OriginShield"]["OriginShieldRegion"] == "eu-central-1"
    assert distribution.get("CacheBehaviors") is None, "the API is not public unless that is said"
    (function,) = distribution["DefaultCacheBehavior"]["FunctionAssociations"]
    assert function["EventType"] == "viewer-request"


def test_every_widget_of_the_dashboard_has_a_metric_that_is_written(aws, own, guest):
    cloudwatch = aws.client("cloudwatch")
    written = {"Utilisation", "QueueWaitSeconds", "Shed", "Errors", "Requests"}
    for stack in (own, guest):
        dashboard = cloudwatch.get_dashboard(DashboardName=stack.name)
        widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        metrics = [metric for w in widgets for metric in w["properties"]["metrics"]]
        ours = [m for m in metrics if m[0] == "tintype"]
        assert {m[1] for m in ours} == written
        assert {tuple(m[2:4]) for m in ours} == {
            ("service", stack.environment["OTEL_SERVICE_NAME"])
        }
        balancing = {m[5] for m in metrics if m[0] == "AWS/ApplicationELB"}
        assert len(balancing) == 1 and next(iter(balancing)).startswith("app/")
        groups = {m[3] for m in metrics if m[0] == "AWS/ApplicationELB"}
        assert next(iter(groups)).startswith("targetgroup/")


def test_every_alarm_reaches_somebody(aws, own, guest):
    assert own.resources["Topic"] in [
        t["TopicArn"] for t in aws.client("sns").list_topics()["Topics"]
    ]
    for stack, topic in ((own, own.resources["Topic"]), (guest, "pager")):
        alarms = {k: v for k, v in stack.properties.items() if k.endswith("Alarm")}
        assert len(alarms) >= 9
        for name, alarm in alarms.items():
            assert alarm["AlarmName"] == f"{stack.name}-{name.removesuffix('Alarm')}"
            (action,) = alarm["AlarmActions"]
            assert action.endswith(topic)


def test_roles_are_there_and_only_tasks_of_this_account_take_them(aws, own):
    iam = aws.client("iam")
    for role in ("TaskRole", "ExecutionRole"):
        found = iam.get_role(RoleName=own.resources[role])["Role"]["AssumeRolePolicyDocument"]
        (statement,) = found["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        assert iam.list_role_policies(RoleName=own.resources[role])["PolicyNames"]


def test_the_service_may_invalidate_its_own_distribution_only(own, guest):
    cdn = own.statements("TaskRole")["Cdn"]
    assert cdn["Resource"] == ["arn:aws:cloudfront::123456789012:distribution/EDISTRIBUTION"]
    assert own.environment["TINTYPE_PURGE_CLOUDFRONT"] == "EDISTRIBUTION"
    assert "TINTYPE_PURGE_CLOUDFRONT" not in guest.environment
    assert own.statements("TaskRole").keys() == {"Objects", "Buckets", "Cdn"}
    assert guest.statements("TaskRole").keys() == {"Objects", "Buckets", "Fallback", "Key"}


def test_each_store_is_open_as_far_as_it_is_used(guest):
    statements = guest.statements("TaskRole")
    derived = f"arn:aws:s3:::{guest.outputs['DerivedBucketName']}"
    assert statements["Objects"]["Resource"] == ["arn:aws:s3:::adopted/media/*", f"{derived}/*"]
    assert statements["Buckets"]["Resource"] == ["arn:aws:s3:::adopted", derived]
    fallback = statements["Fallback"]
    place = "arn:aws:s3:::production"
    assert fallback["Resource"] == [place, f"{place}/media/old/*"]
    assert fallback["Action"] == ["s3:GetObject", "s3:ListBucket"], "read-only"
    environment = guest.environment
    assert environment["TINTYPE_STORE"] == "s3://adopted/media"
    assert environment["TINTYPE_FALLBACK_STORE"] == "s3://production/media/old"


def test_with_names_of_its_own_it_speaks_tls_all_the_way(aws, named):
    distribution = named.properties["Distribution"]["DistributionConfig"]
    assert distribution["Aliases"] == ["media.example.org"]
    assert distribution["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert distribution["Origins"][0]["DomainName"] == "origin.example.org"
    endpoint = named.properties["VpcOrigin"]["VpcOriginEndpointConfig"]
    assert endpoint["OriginProtocolPolicy"] == "https-only"
    elb = aws.client("elbv2")
    (listener,) = elb.describe_listeners(LoadBalancerArn=named.resources["Balancer"])["Listeners"]
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert named.environment["TINTYPE_PUBLIC_URL"] == named.outputs["Url"]
    assert named.outputs["Url"] == "https://media.example.org"
    assert named.outputs["ApiUrl"] == "https://origin.example.org"


def test_uploads_from_browsers_are_never_cached(named):
    (api,) = named.properties["Distribution"]["DistributionConfig"]["CacheBehaviors"]
    assert api["PathPattern"] == "/api/v1/*" and "PATCH" in api["AllowedMethods"]
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert "FunctionAssociations" not in api


def test_what_faces_the_internet_does_so_by_tls_and_with_a_limit(aws, exposed):
    elb = aws.client("elbv2")
    arn = exposed.resources["Balancer"]
    (balancer,) = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert balancer["Scheme"] == "internet-facing"
    (listener,) = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    assert listener["Protocol"] == "HTTPS"
    (ingress,) = exposed.properties["BalancerGroup"]["SecurityGroupIngress"]
    assert (ingress["FromPort"], ingress["CidrIp"]) == (443, "0.0.0.0/0")
    assert exposed.properties["Acl"]["Scope"] == "REGIONAL"
    assert exposed.properties["AclAssociation"]["ResourceArn"] == arn
    public = {exposed.resources["PublicSubnetA"], exposed.resources["PublicSubnetB"]}
    assert {zone["SubnetId"] for zone in balancer["AvailabilityZones"]} == public
