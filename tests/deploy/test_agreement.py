"""Template, image, service and runbook agree: each fact has one owner, and the others follow it."""

import itertools
import json
import pathlib
import re
import subprocess
import sys
import tomllib

from conftest import ROOT, TEMPLATE

# Units of durations, as written in options.
SECONDS = {"s": 1, "m": 60}


def seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()
    return int(number) * SECONDS[unit]


def attribute(pairs: list[dict], key: str) -> str:
    return {pair["Key"]: pair["Value"] for pair in pairs}[key]


def defaults() -> dict[str, str]:
    options = re.findall(r'^#(\w+) = "(.*)"$', (ROOT / "config/tintype.toml").read_text(), re.M)
    return dict(options)


def image() -> dict[str, str]:
    text = (ROOT / "deploy/Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    env = re.search(r"^ENV (.*)$", text, re.M)[1]
    return dict(pair.split("=", 1) for pair in env.split())


def option(stack, name: str) -> str:
    """The value of an option in force in a task."""
    variable = f"TINTYPE_{name.upper()}"
    return stack.environment.get(variable) or image().get(variable) or defaults()[name]


def test_the_linter_is_content():
    cfn_lint = pathlib.Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([cfn_lint, TEMPLATE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_has_the_function_that_is_tested():
    embed = ROOT / "deploy/cloudfront/embed.py"
    done = subprocess.run([sys.executable, embed, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_service_accepts_the_environment(own, guest, named, exposed, tintype):
    secrets = {
        "TINTYPE_SIGNING_KEYS": "k"
        * own.properties["SigningKeys"]["GenerateSecretString"]["PasswordLength"],
        "TINTYPE_TICKET_KEYS": "t"
        * own.properties["TicketKeys"]["GenerateSecretString"]["PasswordLength"],
        "TINTYPE_TOKENS": own.properties["Tokens"]["SecretString"],
    }
    for stack in (own, guest, named, exposed):
        assert secrets.keys() == {s["name"] for s in stack.container["secrets"]}
        # The image's variables come first, as in a container; Fargate sets a task's region.
        told = image() | stack.environment | secrets | {"AWS_REGION": "eu-central-1"}
        # Its volume does not exist on this machine.
        told["TMPDIR"] = "/tmp"
        done = tintype("config", **told)
        assert done.returncode == 0, done.stderr
        bucket = stack.outputs["OriginalsBucketName"]
        assert f'store = "s3://{bucket}' in done.stdout


def test_ports_and_paths_agree(aws, own):
    ports = [p["containerPort"] for p in own.container["portMappings"]]
    public, admin = option(own, "bind"), option(own, "admin_bind")
    assert [f"0.0.0.0:{port}" for port in ports] == [public, admin]
    exposed = re.search(r"^EXPOSE (.*)$", (ROOT / "deploy/Dockerfile").read_text(), re.M)[1]
    assert exposed.split() == [str(port) for port in ports]
    elb = aws.client("elbv2")
    (targets,) = elb.describe_target_groups(LoadBalancerArn=own.resources["Balancer"])[
        "TargetGroups"
    ]
    assert [targets["Port"], int(targets["HealthCheckPort"])] == ports
    admin_routes = (ROOT / "crates/tintype-server/src/service/admin.rs").read_text()
    assert f'.route("{targets["HealthCheckPath"]}"' in admin_routes
    health = own.container["healthCheck"]["command"]
    assert health[0] == "CMD"
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert f"CMD {json.dumps(health[1:])}" in dockerfile


def test_the_spool_is_where_the_image_has_it(own):
    (mount,) = own.container["mountPoints"]
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert f"VOLUME {mount['containerPath']}\n" in dockerfile
    assert image()["TMPDIR"] == mount["containerPath"]
    assert f"USER {own.container['user']}\n" in dockerfile


def test_the_disk_holds_the_spool_and_the_spool_the_largest_uploads(own):
    gib = {
        name: int(option(own, name).removesuffix("GiB"))
        for name in ("spool_bytes", "max_upload_bytes")
    }
    disk = own.properties["Task"]["EphemeralStorage"]["SizeInGiB"]
    assert 2 * gib["max_upload_bytes"] <= gib["spool_bytes"] < disk - 10


def test_a_task_has_the_time_that_it_takes_to_stop(own):
    lame_duck, drain = seconds(option(own, "lame_duck")), seconds(option(own, "drain"))
    stop = own.container["stopTimeout"]
    assert lame_duck + drain < stop <= 120
    targets = own.properties["Targets"]
    noticed = targets["HealthCheckIntervalSeconds"] * targets["UnhealthyThresholdCount"]
    assert noticed < lame_duck
    delay = int(attribute(targets["TargetGroupAttributes"], "deregistration_delay.timeout_seconds"))
    assert lame_duck < delay <= drain


def test_the_balancer_closes_idle_connections_first(own):
    told = own.properties["Balancer"]["LoadBalancerAttributes"]
    balancer = attribute(told, "idle_timeout.timeout_seconds")
    (origin,) = own.properties["Distribution"]["DistributionConfig"]["Origins"]
    cdn = origin["VpcOriginConfig"]["OriginKeepaliveTimeout"]
    assert cdn < int(balancer) < seconds(option(own, "idle_timeout"))


def test_the_service_gives_up_before_the_cdn_does(own):
    (origin,) = own.properties["Distribution"]["DistributionConfig"]["Origins"]
    longest = seconds(option(own, "render_deadline"))
    assert longest < origin["VpcOriginConfig"]["OriginReadTimeout"]


def test_a_role_has_the_actions_of_what_is_called_and_no_others(own, guest):
    """The store's own tests compare S3 actions with its calls, from the same template."""
    source = (ROOT / "crates/tintype-store/src/s3/operation.rs").read_text()
    of_s3 = set(re.findall(r'"(s3:\w+)"', source.partition("#[cfg(test)]")[0]))
    assert len(of_s3) >= 7
    purger = (ROOT / "crates/tintype-server/src/invalidation/purgers/cloudfront.rs").read_text()
    calls = set(re.findall(r"client\s*\.(\w+)\(\)", purger))
    of_cloudfront = {"cloudfront:" + "".join(map(str.title, call.split("_"))) for call in calls}
    assert of_cloudfront == {"cloudfront:CreateInvalidation"}
    of_key = {"kms:Decrypt", "kms:GenerateDataKey"}
    allowed = [
        action
        for stack in (own, guest)
        for statement in stack.statements("TaskRole").values()
        for action in statement["Action"]
    ]
    assert set(allowed) == of_s3 | of_cloudfront | of_key
    told = (ROOT / "config/tintype.toml").read_text()
    assert all(action in told for action in of_key | of_cloudfront)


def test_tasks_start_with_what_ecs_needs(own, guest):
    for stack, with_key in ((own, set()), (guest, {"kms:Decrypt"})):
        statements = stack.statements("ExecutionRole").values()
        allowed = set(itertools.chain.from_iterable(s["Action"] for s in statements))
        needed = {
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "secretsmanager:GetSecretValue",
        }
        assert allowed == needed | with_key
        assert [s["Sid"] for s in statements if s["Resource"] == ["*"]] == ["Registry"]


def test_every_alarm_has_its_place_in_the_runbook(own):
    runbook = (ROOT / "deploy/README.md").read_text()
    chapter = runbook.partition("\n## What to do at each alarm\n")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (\w+)$", chapter, re.M)
    alarms = [name.removesuffix("Alarm") for name in own.properties if name.endswith("Alarm")]
    assert sorted(headings) == sorted(alarms)


def test_a_region_has_a_shield_that_exists():
    (mapping,) = re.findall(r"\n  OriginShield:\n((?:    .*\n)+)", TEMPLATE.read_text())
    shields = re.findall(r"^    ([\w-]+): \{ Region: ([\w-]+) \}$", mapping, re.M)
    assert len(shields) > 20
    own_shield = {region for region, shield in shields if region == shield}
    assert {shield for _, shield in shields} <= own_shield


def test_the_presets_of_the_runbook_are_toml():
    runbook = (ROOT / "deploy/README.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", runbook, re.S)
    assert blocks
    for block in blocks:
        tomllib.loads(block)


def test_every_job_of_the_runbook_is_a_command(tintype):
    runbook = (ROOT / "deploy/README.md").read_text()
    jobs = re.findall(r"`job ([^`]*)`", runbook)
    assert len(jobs) >= 8
    for job in jobs:
        command, *arguments = job.split()
        done = tintype(command, "--help")
        assert done.returncode == 0, job
        for flag in (argument for argument in arguments if argument.startswith("--")):
            assert f"{flag} " in done.stdout or f"{flag}\n" in done.stdout, (job, flag)


def test_every_output_of_the_runbook_is_one_of_the_template(own):
    runbook = (ROOT / "deploy/README.md").read_text()
    named = set(re.findall(r"\b(?:out|secret) ([A-Z]\w+)", runbook))
    assert len(named) >= 10 and named <= own.outputs.keys(), named - own.outputs.keys()


def test_every_parameter_of_the_runbook_is_one_of_the_template():
    runbook = (ROOT / "deploy/README.md").read_text()
    template = TEMPLATE.read_text().partition("\nParameters:\n")[2].partition("\nMappings:\n")[0]
    parameters = set(re.findall(r"^  (\w+):$", template, re.M))
    used = set(re.findall(r"(?:`|\s|\")([A-Z][a-z]\w+)=", runbook))
    # Not parameters of the template, but of commands.
    used -= {"BlockPublicAcls", "Name"}
    assert len(used) >= 8 and used <= parameters, used - parameters
