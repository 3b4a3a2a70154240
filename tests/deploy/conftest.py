"""The template, deployed to moto's CloudFormation, for tests to inspect."""

import dataclasses
import os
import pathlib
import subprocess

import boto3
import played
import pytest
from moto.server import ThreadedMotoServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy/ecs/tintype.yaml"
REGION = "eu-central-1"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tintype:1"
PREFIX_LIST = "pl-a3a144ca"
MADE_OF_ITSELF = {"Image": IMAGE, "CloudFrontPrefixListId": PREFIX_LIST}


@dataclasses.dataclass
class Aws:
    endpoint: str

    def client(self, name: str, region: str = REGION):
        return boto3.client(
            name,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def deploy(self, name: str, parameters: dict[str, str]) -> "Stack":
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return Stack(
            self,
            name,
            # Routes and attachments have no names there.
            {
                r["LogicalResourceId"]: r.get("PhysicalResourceId", "")
                for r in resources
                if "LogicalResourceId" in r
            },
            {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])},
        )


@dataclasses.dataclass
class Stack:
    aws: Aws
    name: str
    resources: dict[str, str]
    outputs: dict[str, str]

    @property
    def properties(self) -> dict[str, dict]:
        """The resolved properties of resources, by logical id."""
        return played.properties[self.name]

    @property
    def container(self) -> dict:
        """The container definition in ECS."""
        found = self.aws.client("ecs").describe_task_definition(
            taskDefinition=self.outputs["TaskDefinition"]
        )
        (container,) = found["taskDefinition"]["containerDefinitions"]
        return container

    @property
    def environment(self) -> dict[str, str]:
        return {e["name"]: e["value"] for e in self.container["environment"]}

    def statements(self, role: str) -> dict[str, dict]:
        """The statements of a role's own policies, by name; actions and resources are lists."""
        found = {}
        for policy in self.properties[role]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for part in ("Action", "Resource"):
                    if isinstance(statement[part], str):
                        statement[part] = [statement[part]]
                found[statement["Sid"]] = statement
        return found


@pytest.fixture(scope="session")
def aws():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Aws(f"http://{host}:{port}")
    server.stop()


@pytest.fixture(scope="session")
def own(aws):
    """A stack that creates everything."""
    return aws.deploy("media", MADE_OF_ITSELF)


@pytest.fixture(scope="session")
def guest(aws):
    """A stack that uses existing resources: VPC, cluster, load balancer, buckets, a key and a
    topic."""
    ec2, elb, s3 = aws.client("ec2"), aws.client("elbv2"), aws.client("s3")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for n, zone in enumerate("ab")
    ]
    subnets = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    group = ec2.create_security_group(GroupName="balancer", Description="balancer", VpcId=vpc)
    balancer = elb.create_load_balancer(Name="shared", Subnets=subnets)["LoadBalancers"][0]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )["Listeners"][0]
    aws.client("ecs").create_cluster(clusterName="shared")
    for bucket in ("adopted", "production"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    topic = aws.client("sns").create_topic(Name="pager")["TopicArn"]
    return aws.deploy(
        "staging",
        {
            "Image": IMAGE,
            "Size": "small",
            "Architecture": "ARM64",
            "Cdn": "none",
            "VpcId": vpc,
            "NetworkCidr": "10.1.0.0/16",
            "SubnetIds": ",".join(subnets),
            "ListenerArn": listener["ListenerArn"],
            "BalancerArn": balancer["LoadBalancerArn"],
            "BalancerSecurityGroupId": group["GroupId"],
            "ClusterName": "shared",
            "OriginalsBucket": "adopted",
            "Location": "media",
            "FallbackBucket": "production",
            "FallbackLocation": "media/old",
            "KmsKeyArn": key,
            "AlarmTopicArn": topic,
            "PublicUrl": "https://media.example.org",
            "InlineConfig": '[presets]\ncard = "w_400~h_300~fit_cover"\n',
        },
    )


@pytest.fixture(scope="session")
def certificate(aws) -> str:
    acm = aws.client("acm")
    return acm.request_certificate(DomainName="*.example.org")["CertificateArn"]


@pytest.fixture(scope="session")
def named(aws, certificate):
    """A stack with custom names, TLS up to the load balancer, and uploads from browsers."""
    return aws.deploy(
        "named",
        MADE_OF_ITSELF
        | {
            "Domain": "media.example.org",
            "DomainCertificateArn": certificate,
            "CertificateArn": certificate,
            "OriginDomain": "origin.example.org",
            "PublicUploads": "true",
        },
    )


@pytest.fixture(scope="session")
def exposed(aws, certificate):
    """A stack without a CDN, whose load balancer faces the internet."""
    return aws.deploy(
        "exposed",
        {
            "Image": IMAGE,
            "Cdn": "none",
            "Scheme": "internet-facing",
            "CertificateArn": certificate,
            "PublicUrl": "https://media.example.org",
            "RateLimit": "3000",
            "AccessLog": "1/100",
        },
    )


@pytest.fixture(scope="session")
def tintype():
    """Runs the binary built by `cargo test`."""
    binary = pathlib.Path(os.environ.get("TINTYPE_BINARY", ROOT / "target/debug/tintype"))
    assert binary.exists(), (
        f"{binary} is missing: cargo test builds it, TINTYPE_BINARY names another"
    )

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [binary, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )

    return run
