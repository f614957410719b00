"""How a place in S3 is spelt: URI, ARN, address of an endpoint or of the console; and what names none that can be
looked up.

Facts: Amazon S3 User Guide, "Methods for accessing a general purpose bucket", "General purpose bucket naming rules"
(which endings aliases have) and "Access points"; host names of the endpoints: the endpoint rules that botocore ships.
"""

import re
from urllib.parse import parse_qs, unquote, urlsplit

from flops_auditor.domain.runs.model_names import HUB_ADDRESSES
from flops_auditor.domain.runs.places import Location

_SCHEME = r"s3[a-z0-9+.-]{0,16}:/{1,3}"
"""s3, Hadoop's s3a and s3n, with a container format (`s3+zip`) or with one slash."""
_LAYERS = r"(?:[\w+.-]{1,32}::){0,4}"
"""Of fsspec before a scheme, such as `simplecache::s3://`."""
_URI = re.compile(rf"{_LAYERS}{_SCHEME}(?P<bucket>[^/:]+)(?:/(?P<key>.*))?", re.IGNORECASE | re.DOTALL)
_ARN = re.compile(rf"(?:{_SCHEME})?arn:aws[a-z-]*:s3:::(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.DOTALL)
_ACCESS_POINT = re.compile(
    rf"(?:{_SCHEME})?(?P<bucket>arn:aws[a-z-]*:s3(?:-[a-z-]+)?:[a-z0-9-]*:\d+:(?:outpost[/:][^/:]+[/:])?accesspoint[/:][^/:]+)"
    r"(?:/object)?(?:/(?P<key>.*))?",
    re.DOTALL,
)
_AWS = r"amazonaws\.(?:com(?:\.cn)?|eu)"
_ENDPOINT = (
    rf"(?:s3(?:-(?:fips|accelerate|website))?(?:\.dualstack)?(?:[.-][a-z0-9-]+)?"
    rf"|s3express(?:-fips)?-[a-z0-9-]+(?:\.dualstack)?\.[a-z0-9-]+|bucket\.vpce-[a-z0-9-]+\.s3\.[a-z0-9-]+\.vpce)\.{_AWS}"
)
_HOST = re.compile(rf"(?:(?P<bucket>[a-z0-9._-]+)\.)?{_ENDPOINT}")
_POINT_HOST = re.compile(
    rf"(?P<name>[a-z0-9-]+)-(?P<account>\d{{12}})\.(?:(?P<service>s3-accesspoint|s3-object-lambda)(?:-fips)?"
    rf"(?:\.dualstack)?|accesspoint\.vpce-[a-z0-9-]+\.s3)\.(?P<region>[a-z0-9-]+)(?:\.vpce)?\.{_AWS}"
)
_MANY_REGIONS_HOST = re.compile(rf"(?P<bucket>[a-z0-9-]+\.mrap)\.accesspoint\.s3-global\.{_AWS}")
_CONSOLE_HOST = re.compile(r"(?:[a-z0-9-]+\.)*console\.(?:aws\.amazon\.com|amazonaws\.cn)")
_ALIAS = re.compile(r"s3://(?:.*(?:-s3alias|--ol-s3|--op-s3|--xa-s3|\.mrap)|arn:.*)")
_STORAGE = re.compile(
    r"(?:https?|s?ftp|gs|gcs|azure|az|adl|abfss?|wasbs?|hdfs|webhdfs|oss|cosn?|obs|swift|dbfs|s3[\w+.-]*)://.+"
    r"|arn:aws[a-z-]*:(?:s3[a-z-]*:.+|bedrock:[^:]*:\d*:(?:custom|imported)-model/.+|sagemaker:[^:]*:\d+:(?:model|hub-content)/.+)",
    re.IGNORECASE | re.DOTALL,
)
_REGISTERED = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d{12}:hub-content/\S+")
_MADE_BY_BEDROCK = re.compile(
    r"arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:\d{12}:(?:model-customization-job|(?:custom|imported)-model)/[^\s]{1,300}"
)
_ELSEWHERE = re.compile(
    r"[a-z][a-z0-9+.-]{1,32}:/.+"
    r"|arn:aws[a-z-]*:(?!(?:kms|iam|logs|sns|sqs|lambda|secretsmanager|ec2):)[a-z0-9-]+:[^:]*:\d*:.+",
    re.IGNORECASE | re.DOTALL,
)
_NO_STORE = re.compile(
    r"(?:tcp|udp|env|https?):/|file:/{1,3}(?:opt/ml|tmp|root|home|workspace|app)(?:/|$)"
    r"|arn:aws[a-z-]*:bedrock:[^:]*::foundation-model/",
    re.IGNORECASE,
)
"""Of addresses those that hold no model of the account: of rendezvous, in the container, of models that AWS offers."""
_LONGEST_HOST = 253
"""RFC 1035, section 2.3.4, as text."""
PLACE = re.compile(
    rf"(?:{_SCHEME}|https?://)[^\s\"'<>,;|\\]+|arn:aws[a-z-]{{0,16}}:(?:s3[a-z-]{{0,16}}|sagemaker):[^\s\"'<>,;|\\]+",
    re.IGNORECASE,
)
"""What may be a place within a text."""
_ENCODED = re.compile("%3a|%2f", re.IGNORECASE)
_BARE = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(?:[^\s\"'<>,;|\\]*/)?output(?:/[^\s\"'<>,;|\\]*)?")
_BARE_KEY = re.compile(r"(?://)?(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^\s\"'<>,;|\\:]+)")


def read_s3(text: str) -> Location | None:
    """A place in S3, whichever way it is spelt: URI, ARN, or URL with the bucket in the host or the path; None for
    anything else.
    """
    text = text.strip()
    for spelling in (_ACCESS_POINT, _URI, _ARN):
        if match := spelling.fullmatch(text):
            return _in_bucket(match["bucket"], match["key"])
    return _of_address(text) if text[:4].lower() == "http" else None


def decoded(text: str) -> str:
    """A text in which the signs of an address are written as in one, "" where all are already."""
    return unquote(text) if _ENCODED.search(text) else ""


def read_bare(text: str, any_key: bool = False) -> Location | None:
    """The place that `bucket/key` without a scheme may mean, where its key looks as SageMaker names results, or
    whatever its key is.
    """
    if any_key:
        match = _BARE_KEY.fullmatch(text.strip())
        return _in_bucket(match["bucket"], match["key"]) if match else None
    match = _BARE.fullmatch(text.strip())
    return _in_bucket(*match.group().split("/", 1)) if match else None


def in_bucket(bucket: str, key: str) -> Location | None:
    """The place of a key in a bucket that is named apart from it, as a name or as a place in S3."""
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        return _in_bucket(bucket, key)
    place = read_s3(bucket)
    return place and _in_bucket(place.space.removeprefix("s3://"), "/".join((*place.path, key)))


def is_access_point(location: Location) -> bool:
    """Whether a place is named through an access point, which may belong to any bucket."""
    return _ALIAS.fullmatch(location.space) is not None


def can_be_followed(location: Location) -> bool:
    """Whether whoever reads what lies at a place names it so, however he spells it. What a job of Bedrock made, or
    what is registered, has one name, its ARN.
    """
    named = is_made_by_bedrock(str(location)) or is_registered(str(location))
    followed = location.in_s3 or named or not may_store(str(location))
    return not is_access_point(location) and followed


def is_made_by_bedrock(text: str) -> bool:
    """Whether a text is the ARN of a customization job, or of a custom or imported model."""
    return _MADE_BY_BEDROCK.fullmatch(text) is not None


def is_registered(text: str) -> bool:
    """Whether a text is the ARN of data, or of a model, in a registry of an account; public hubs are no account's."""
    return _REGISTERED.fullmatch(text) is not None


def may_store(text: str) -> bool:
    """Whether a text that is no place which can be looked up names one elsewhere: of another store, of another service,
    or on a host that is no public hub of models.
    """
    text = text.strip()
    if text.lower().startswith(HUB_ADDRESSES) or not _STORAGE.fullmatch(text):
        return False
    try:
        address = urlsplit(text)
    except ValueError:
        return True
    return address.scheme not in ("http", "https") or bool(address.path.strip("/") or address.query)


def is_elsewhere(text: str) -> bool:
    """Whether what is said to be a model and is no place which can be looked up has a scheme or an ARN, and is none of
    a public hub's: no list of stores is whole.
    """
    text = text.strip()
    if text.lower().startswith(HUB_ADDRESSES):
        return False
    return may_store(text) or (_ELSEWHERE.fullmatch(text) is not None and not _NO_STORE.match(text))


def looks_like_s3(text: str) -> bool:
    """Whether a text that is no place which can be looked up still names something in S3."""
    text = text.strip().lower()
    host = _host(text)
    return (text.startswith(("s3", "arn:aws")) and may_store(text)) or ("s3" in host and "amazonaws." in host)


def _host(text: str) -> str:
    """The host of an address, "" where there is none."""
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        return ""
    return host.rstrip(".") if len(host) <= _LONGEST_HOST else ""


def _of_address(text: str) -> Location | None:
    host = _host(text)
    if not host:
        return None
    address = urlsplit(text)
    key = unquote(address.path)
    if match := _POINT_HOST.fullmatch(host):
        service = "s3-object-lambda" if match["service"] == "s3-object-lambda" else "s3"
        return _in_bucket(f"arn:aws:{service}:{match['region']}:{match['account']}:accesspoint/{match['name']}", key)
    if match := _MANY_REGIONS_HOST.fullmatch(host):
        return _in_bucket(match["bucket"], key)
    if match := _HOST.fullmatch(host):
        bucket, _, rest = (match["bucket"], "", key) if match["bucket"] else key.lstrip("/").partition("/")
        return _in_bucket(bucket, rest) if bucket else None
    parts = [part for part in key.split("/") if part]
    if _CONSOLE_HOST.fullmatch(host) and parts[:1] == ["s3"] and len(parts) > 2:
        return _in_bucket(parts[2], parse_qs(address.query).get("prefix", [""])[0])
    return None


def _in_bucket(bucket: str, key: str | None) -> Location:
    return Location(f"s3://{bucket}", tuple(part for part in (key or "").split("/") if part))
