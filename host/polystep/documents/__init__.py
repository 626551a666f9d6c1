"""Descriptions of the project for other tools: OpenAPI for its routes, AsyncAPI for its topics and streams."""

from polystep.documents.asyncapi import asyncapi_document
from polystep.documents.information import ProjectInformation
from polystep.documents.openapi import openapi_document

__all__ = ["ProjectInformation", "asyncapi_document", "openapi_document"]
