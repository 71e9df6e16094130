# SPDX-License-Identifier: LGPL-2.1-or-later
"""A validator for JSON Schema. It knows the keywords that our schema uses, and stops at others."""

import re

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
}


def equal(a, b):
    """As JSON compares: true is not 1."""
    return type(a) is type(b) and a == b


class Validator:
    def __init__(self, schema):
        self.root = schema

    def valid(self, value, schema=None):
        schema = self.root if schema is None else schema
        return all(self.keyword(value, schema, key) for key in schema)

    def keyword(self, value, schema, key):
        want = schema[key]
        if key in ("$schema", "$defs", "title", "description"):
            return True
        if key == "$ref":
            at = self.root
            for part in want.removeprefix("#/").split("/"):
                at = at[part]
            return self.valid(value, at)
        if key == "type":
            return TYPES[want](value)
        if key == "const":
            return equal(value, want)
        if key == "enum":
            return any(equal(value, choice) for choice in want)
        if key == "oneOf":
            return sum(self.valid(value, choice) for choice in want) == 1
        if isinstance(value, dict):
            return self.object_keyword(value, schema, key)
        if isinstance(value, list):
            return self.array_keyword(value, schema, key)
        return self.scalar_keyword(value, key, want)

    def object_keyword(self, value, schema, key):
        want = schema[key]
        if key == "properties":
            return all(self.valid(value[k], want[k]) for k in want if k in value)
        if key == "required":
            return all(k in value for k in want)
        if key == "additionalProperties":
            assert want is False
            return all(k in schema["properties"] for k in value)
        return self.unknown(key)

    def array_keyword(self, value, schema, key):
        want = schema[key]
        if key == "items":
            return all(self.valid(item, want) for item in value)
        if key == "minItems":
            return len(value) >= want
        if key == "maxItems":
            return len(value) <= want
        return self.unknown(key)

    def scalar_keyword(self, value, key, want):
        # A keyword for another kind of value says nothing; "type" has refused the value already.
        text = isinstance(value, str)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        rules = {
            "pattern": lambda: not text or re.search(want, value) is not None,
            "minLength": lambda: not text or len(value) >= want,
            "maxLength": lambda: not text or len(value) <= want,
            "minimum": lambda: not number or value >= want,
            "maximum": lambda: not number or value <= want,
            "multipleOf": lambda: not number or value % want == 0,
            "properties": lambda: True,
            "required": lambda: True,
            "additionalProperties": lambda: True,
            "items": lambda: True,
            "minItems": lambda: True,
            "maxItems": lambda: True,
        }
        return rules[key]() if key in rules else self.unknown(key)

    @staticmethod
    def unknown(key):
        if key in ("properties", "required", "additionalProperties", "items", "minItems",
                   "maxItems", "pattern", "minLength", "maxLength", "minimum", "maximum",
                   "multipleOf"):
            return True
        raise SystemExit(f"the validator does not know the keyword {key}")
