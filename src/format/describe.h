/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Layer types in words: in the markup of scdoc(5), and as a JSON Schema.
 */

#include "layer.h"

/* An entry of a list of options: name and value, what it means, its range and default. */
void describe_field(const struct field *field, struct buf *out);
/* The devices that a layer of the type stands on, as such a list. */
void describe_roles(const struct layer_type *type, struct buf *out);
/* One paragraph: target, version, key, modules. */
void describe_facts(const struct layer_type *type, struct buf *out);
/* The names of all types, in bold and with commas. */
void describe_types(struct buf *out);
/* The JSON Schema of the manifest. */
void describe_schema(struct buf *out);
