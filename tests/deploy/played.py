"""Emulates what moto's CloudFormation leaves out.

It does not create some resources: they are emulated here, with a name and attributes, so that
references to them resolve. It drops properties of others: the resolved ones are kept here, for
tests to inspect. What they mean is checked by cfn-lint, and by AWS.
"""

from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

TYPES = [
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::Function",
    "AWS::CloudFront::KeyValueStore",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::CloudFront::VpcOrigin",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::WAFv2::WebACL",
    "AWS::WAFv2::WebACLAssociation",
]

# By stack and logical id.
properties: dict[str, dict[str, dict[str, Any]]] = {}


class Played:
    def __init__(self, name: str):
        self.physical_resource_id = name

    def get_cfn_attribute(self, attribute: str) -> str:
        return f"{self.physical_resource_id}.{attribute}"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name, cloudformation_json, account_id, region_name, **kwargs
    ):
        # In the form of a distribution ID, which the service checks.
        return cls("E" + kwargs["LogicalId"].upper())

    def is_created(self) -> bool:
        return True


def play(name: str) -> type[CloudFormationModel]:
    """moto finds its models among its own subclasses, and their service in their module."""
    members = {
        "__module__": "moto.played",
        "cloudformation_type": staticmethod(lambda: name),
        "cloudformation_name_type": staticmethod(lambda: ""),
    }
    return type(CloudFormationModel)(name, (Played, CloudFormationModel), members)


# References keep them from being garbage-collected.
KEPT = [play(name) for name in TYPES]

name_of = parsing.parse_resource_and_generate_name


def keep(logical_id, resource_json, resources_map):
    made = name_of(logical_id, resource_json, resources_map)
    if made:
        model, resource, name = made
        told = resource["Properties"] = without_gaps(resource.get("Properties", {}))
        properties.setdefault(resources_map["AWS::StackName"], {})[logical_id] = told
        return model, resource, name
    return made


def without_gaps(value: Any) -> Any:
    """moto keeps an empty list entry for AWS::NoValue, which CloudFormation removes."""
    if isinstance(value, dict):
        return {key: without_gaps(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_gaps(inner) for inner in value if inner is not None]
    return value


parsing.parse_resource_and_generate_name = keep
