/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parameters and results of the golden cases, tests/golden/data/CASE/params.json. Their schema
 * is told in tests/golden/data/README.md. A wrong name fails the test.
 */

#include <json-c/json.h>

#include "macro.h"
#include "secret.h"

/* The whole params.json; the caller calls json_object_put(). */
struct json_object *golden_load(const char *name);
/*
 * The names of the cases that begin with the prefix, sorted, ended by a NULL; at least one. The
 * caller calls golden_free_list().
 */
char **golden_list(const char *prefix);
void golden_free_list(char **list);

/* A member by its path, such as "images.0.superblock.hex"; NULL if it is not there or null. */
struct json_object *golden_get(struct json_object *o, const char *path);
const char *golden_str(struct json_object *o, const char *path);
uint64_t golden_u64(struct json_object *o, const char *path);
/* As golden_u64(), 0 where it is not there. */
uint64_t golden_u64_or_zero(struct json_object *o, const char *path);
bool golden_flag(struct json_object *o, const char *path);
/* Hexadecimal text; allocated. */
uint8_t *golden_hex(struct json_object *o, const char *path, size_t *ret_size);
/* Another file of the case, whole; allocated. NULL if it is not there. */
uint8_t *golden_file(const char *name, const char *file, size_t *ret_size);
/* A key, hexadecimal as well. */
struct secret *golden_secret(const char *hex);

/* Bytes offset .. offset + size - 1 of the plaintext stream P. */
void golden_plain(uint64_t offset, void *ret, size_t size);
/* Fails the test unless the bytes have this sha256 (hexadecimal). */
void golden_assert_sha256(const void *data, size_t size, const char *expected);
