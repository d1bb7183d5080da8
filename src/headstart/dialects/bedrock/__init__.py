"""Bedrock's two APIs: Converse, and InvokeModel with a model's own bodies."""

from headstart.dialects.bedrock.converse import BedrockConverse
from headstart.dialects.bedrock.invoke import BedrockInvoke, invoke_headers

__all__ = ["BedrockConverse", "BedrockInvoke", "invoke_headers"]
