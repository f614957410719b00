"""Runs ministack with the condition keys and actions on which our policies rest, as AWS knows them.

The local AWS's own interpreter runs this file by its path, so it imports nothing of ours. Without these keys a deny
on their absence would refuse every write, and an allow on their value every signature.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.app import main  # type: ignore[import-not-found]
from ministack.core import iam_actions, iam_evaluator  # type: ignore[import-not-found]
from ministack.services import athena  # type: ignore[import-not-found]
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

Context = dict[str, Any]

# Of an expression: what is no attribute of the item's first level (values, functions, what stands behind a dot).
TOP_LEVEL_NAME = re.compile(r"(?<![:.\w#])#?[A-Za-z_]\w*\b(?!\s*\()")
KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}


def with_if_none_match(known: Callable[..., Context]) -> Callable[..., Context]:
    """S3's condition key `s3:if-none-match`: the header of a conditional write."""

    def context(iam_action: str, query_params: Context, path: str, headers: Context) -> Context:
        keys = known(iam_action, query_params, path, headers)
        condition = {name.lower(): value for name, value in headers.items()}.get("if-none-match")
        return keys | ({"s3:if-none-match": condition} if condition else {})

    return context


def with_signing_parameters(known: Callable[..., Context]) -> Callable[..., Context]:
    """KMS's condition keys `kms:SigningAlgorithm` and `kms:MessageType`: members of the Sign request."""

    def context(service: str, iam_action: str, body: bytes, params: Context) -> Context:
        keys = known(service, iam_action, body, params)
        if iam_action != "kms:Sign":
            return keys
        request = json.loads(body)
        # KMS takes a message as RAW where the request does not say.
        return keys | {
            "kms:SigningAlgorithm": request.get("SigningAlgorithm"),
            "kms:MessageType": request.get("MessageType", "RAW"),
        }

    return context


def with_items_and_attributes(known: Callable[[bytes], Context]) -> Callable[[bytes], Context]:
    """DynamoDB's condition keys `dynamodb:LeadingKeys` of an item that is put, read or updated, by its attribute `pk`,
    and `dynamodb:Attributes` and `dynamodb:ReturnValues` of an UpdateItem.
    """

    def context(body: bytes) -> Context:
        request = json.loads(body or b"{}")
        leading = (request.get("Item") or request.get("Key") or {}).get("pk", {}).get("S")
        keys = known(body) | ({"dynamodb:LeadingKeys": [leading]} if leading else {})
        if "UpdateExpression" not in request:
            return keys
        names = request.get("ExpressionAttributeNames", {})
        text = f"{request['UpdateExpression']} {request.get('ConditionExpression', '')}"
        used = {name for name in TOP_LEVEL_NAME.findall(text) if name.upper() not in KEYWORDS}
        return keys | {
            "dynamodb:Attributes": sorted({names.get(name, name) for name in used} | set(request["Key"])),
            "dynamodb:ReturnValues": request.get("ReturnValues", "NONE"),
        }

    return context


def with_role_arn(known: Callable[..., Any]) -> Callable[..., Any]:
    """`aws:PrincipalArn` of a session is its role's ARN on AWS, not the session's."""

    def value(key: str, caller: Any) -> Any:
        arn = known(key, caller)
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in str(arn):
            return arn
        account, role = arn.split(":")[4], arn.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"

    return value


def without_batches(known: Callable[..., str | None]) -> Callable[..., str | None]:
    """SQS has no action of its own for a batch: SendMessageBatch needs `sqs:SendMessage`."""

    def action(service: str, *request: Any) -> str | None:
        name = known(service, *request)
        return name.removesuffix("Batch") if name and service == "sqs" else name

    return action


def create_saved_query(logical_id: str, properties: Context, stack_name: str) -> tuple[str, Context]:
    """CloudFormation's AWS::Athena::NamedQuery: its id, which is its Ref."""
    _, _, body = athena._create_named_query(properties)
    number = json.loads(body)["NamedQueryId"]
    return number, {"NamedQueryId": number}


def delete_saved_query(number: str, properties: Context) -> None:
    """When its stack is deleted or has it no longer."""
    athena._delete_named_query({"NamedQueryId": number})


if __name__ == "__main__":
    # Not public: should they be renamed, starting fails rather than enforcing less.
    known_to_s3: Callable[..., Context] = iam_actions._s3_object_context
    known_to_all: Callable[..., Context] = iam_actions.request_tag_context
    vars(iam_actions)["_s3_object_context"] = with_if_none_match(known_to_s3)
    vars(iam_actions)["request_tag_context"] = with_signing_parameters(known_to_all)
    known_to_dynamodb: Callable[[bytes], Context] = iam_actions.dynamodb_service_context
    vars(iam_actions)["dynamodb_service_context"] = with_items_and_attributes(known_to_dynamodb)
    known_actions: Callable[..., str | None] = iam_actions.extract_iam_action
    vars(iam_actions)["extract_iam_action"] = without_batches(known_actions)
    handlers: dict[str, Context] = provisioners._RESOURCE_HANDLERS
    handlers["AWS::Athena::NamedQuery"] = {"create": create_saved_query, "delete": delete_saved_query}
    known_to_conditions: Callable[..., Any] = iam_evaluator._resolve_condition_key
    vars(iam_evaluator)["_resolve_condition_key"] = with_role_arn(known_to_conditions)
    main()
